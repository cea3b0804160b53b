"""A deployment's files: dropped, or of the system's repository."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.domain.artifact import Artifact, ArtifactEntry, SourceRef, digest_of_entries
from bot.engine.follow_up import NOTHING
from tests.fakes.engine import DEPLOY, SYSTEM, World

ASKED = replace(DEPLOY, missing=("files",))
REF = SourceRef(
    repository="budget",
    ref="SR-2026-0401",
    kind="tag",
    commit="c" * 40,
    author="개발032",
    subject="예산 화면 수정",
)


async def an_artifact(world: World, ref: SourceRef = REF) -> Artifact:
    file = await world.a_file("index.jsp", b"<html>from the repository</html>")
    entries = (ArtifactEntry(path="index.jsp", sha256=file.digest, size=file.size),)
    return Artifact(
        digest=digest_of_entries(entries), name="budget", size=file.size, entries=entries, ref=ref
    )


async def a_world(**refs: SourceRef) -> World:
    world = World()
    world.parser.answers["반영"] = ASKED
    named = refs or {"SR-2026-0401": REF}
    world.sources.artifacts[SYSTEM.code] = {
        name: await an_artifact(world, ref) for name, ref in named.items()
    }
    return world


async def test_an_sr_alone_is_deployed_from_the_systems_repository() -> None:
    world = await a_world()
    follow_up = await world.pipeline.handle(world.mention("반영"))
    assert follow_up.start is not None, world.said()
    assert world.sources.asked == [(SYSTEM.code, "SR-2026-0401")]
    assert [file.path for file in world.job(follow_up.start).plan.files] == ["index.jsp"]
    (planned,) = world.audited("plan")
    assert planned["ref"] == "tag SR-2026-0401"
    assert planned["commit"] == "c" * 40
    assert planned["repository"] == "budget"


async def test_a_ref_that_is_named_goes_before_the_sr() -> None:
    world = await a_world(**{"release-3": replace(REF, ref="release-3", kind="branch")})
    world.parser.answers["반영"] = replace(DEPLOY, params={"ref": "release-3"})
    assert (await world.pipeline.handle(world.mention("반영"))).start is not None, world.said()
    assert world.sources.asked == [(SYSTEM.code, "release-3")]


async def test_dropped_files_win_over_a_ref() -> None:
    world = await a_world()
    world.parser.answers["반영"] = replace(DEPLOY, params={"ref": "SR-2026-0401"})
    file = await world.a_file("dropped.jsp")
    follow_up = await world.pipeline.handle(world.mention("반영", files=(file,)))
    assert follow_up.start is not None, world.said()
    assert world.sources.asked == []
    assert [one.path for one in world.job(follow_up.start).plan.files] == ["dropped.jsp"]
    assert "commit" not in world.audited("plan")[0]


async def test_without_a_repository_files_are_asked_for_as_before() -> None:
    world = World()
    world.parser.answers["반영"] = ASKED
    assert await world.pipeline.handle(world.mention("반영")) == NOTHING
    assert not world.jobs.jobs
    assert world.audited("question")
    assert world.sources.asked == []


async def test_no_such_ref_asks_for_files_and_names_the_refs_there_are() -> None:
    world = await a_world(**{"SR-2026-0401-2": REF})
    message = world.mention("반영")
    assert await world.pipeline.handle(message) == NOTHING
    assert not world.jobs.jobs
    assert "SR-2026-0401-2" in world.said()
    pending = await world.dialogues.pending(
        replace(message.conversation, thread="m-e1"), "dev", now=world.clock.now()
    )
    assert pending is not None
    assert pending.missing == ("files",)


async def test_the_question_after_an_unknown_ref_is_answered_by_files() -> None:
    world = await a_world(**{"SR-2026-0401-2": REF})
    await world.pipeline.handle(world.mention("반영", thread="t"))
    world.parser.answers["여기"] = ASKED
    file = await world.a_file()
    answer = world.mention("여기", thread="t", files=(file,))
    assert (await world.pipeline.handle(answer)).start is not None, world.said()


async def test_a_ref_of_a_system_without_a_repository_is_refused() -> None:
    world = World()
    world.parser.answers["반영"] = replace(DEPLOY, params={"ref": "release-3"})
    assert await world.pipeline.handle(world.mention("반영")) == NOTHING
    assert world.audited("refusal")[-1]["code"] == "repository_none"


@pytest.mark.parametrize("by", ["auditor", "outsider"])
async def test_no_repository_is_read_for_who_may_not_deploy(by: str) -> None:
    world = await a_world()
    assert await world.pipeline.handle(world.mention("반영", by=by)) == NOTHING
    assert world.sources.asked == []
    assert not world.jobs.jobs


async def test_a_repository_that_is_down_is_said_and_nothing_is_planned() -> None:
    world = await a_world()
    world.sources.down = True
    assert await world.pipeline.handle(world.mention("반영")) == NOTHING
    assert world.audited("refusal")[-1]["code"] == "repository_unavailable"
    assert not world.jobs.jobs
