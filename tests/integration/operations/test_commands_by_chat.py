"""``/sm`` from its line to the server and back: ours, a site's script, a kept command."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.scripts import SiteScript
from agent.wire.profile import NodeProfile
from agent.wire.scripts import ScriptParameter
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Report
from intents.chain import Chain
from intents.rules import RuleParser
from tests.fakes.engine import TEXTS, words_of
from tests.integration.deploy.site import Site
from tests.lab import Fleet, Lab

KEEP = TEXTS.say("macro.save")
HOSTILE = "$(touch /tmp/x); `reboot` 'a' \"b\" | cat /etc/passwd"


@pytest.fixture(scope="module")
def fleet(module_lab: Lab) -> Fleet:
    return module_lab.nodes(1, web=False)


def echoing(folder: Path) -> SiteScript:
    """A script that says what it was given, an argument a line."""
    body = b'for each in "$@"; do printf \'<%s>\\n\' "$each"; done'
    file = folder / "say-it.script"
    file.write_bytes(body)
    return SiteScript.model_validate(
        {
            "id": "say-it",
            "title": "받은 값 보기",
            "interpreter": "sh",
            "risk": "read",
            "file": file,
            "sha256": hashlib.sha256(body).hexdigest(),
            "parameters": (
                ScriptParameter(name="area", choices=("web", "was")),
                ScriptParameter(name="note"),
            ),
        }
    )


@pytest.fixture
async def site(fleet: Fleet, tmp_path: Path) -> AsyncIterator[Site]:
    (node,) = fleet.nodes
    profile = NodeProfile(disks=(str(node.deploy_path),))
    made = Site(
        fleet=fleet,
        folder=tmp_path,
        targets={node.node_id: {"profile": profile}},
        scripts=(echoing(tmp_path),),
    )
    async with made.open():
        made.world.parser.otherwise = Chain(RuleParser(TEXTS), TEXTS)
        yield made


async def answered(site: Site, text: str) -> Report:
    """What a line is answered with where it makes no job."""
    said = len(site.world.messenger.messages)
    await site.bot.workflows.receive(site.world.mention(text, by="operator"))
    await site.bot.until(lambda: len(site.world.messenger.messages) > said)
    return list(site.world.messenger.messages.values())[-1].now


async def looked(site: Site, text: str) -> tuple[Job, Report]:
    """A look that a line asks for, to its report."""
    before = set(site.world.jobs.jobs)
    await site.bot.workflows.receive(site.world.mention(text, by="operator"))
    await site.bot.until(lambda: set(site.world.jobs.jobs) - before)
    (job_id,) = set(site.world.jobs.jobs) - before

    def told() -> bool:
        place = site.world.job(job_id).progress
        shown = site.world.messenger.at(place).now.buttons if place else ()
        return any(button.label == KEEP for button in shown)

    await site.bot.until(told)
    job = site.world.job(job_id)
    assert job.state is JobState.SUCCEEDED
    assert job.progress is not None
    return job, site.world.messenger.at(job.progress).now


async def test_a_command_is_run_kept_and_run_again_by_its_name(site: Site, fleet: Fleet) -> None:
    job, report = await looked(site, "/sm check_disk 예산시스템 운영 WAS 1")
    assert "디스크" in words_of(report)
    assert str(fleet.nodes[0].deploy_path) in words_of(report)
    asked = await answered(site, report.buttons[-1].value)
    assert "/sm check_disk_space 기획재정부 예산시스템 운영 WAS 1" in words_of(asked)
    kept = await answered(site, f"자주 쓰는 작업에 저장: 디스크 ({job.job_id})")
    assert "‘디스크’" in kept.title
    assert [one.label for one in (await answered(site, "/sm")).buttons] == ["디스크"]
    again, _ = await looked(site, "/sm 디스크")
    assert again.job_id != job.job_id
    assert again.plan.wire.runs() != ()
    assert [step.operation for step in again.plan.wire.steps()] == [
        step.operation for step in job.plan.wire.steps()
    ]


async def test_a_sites_script_is_listed_explained_and_gets_each_value_as_one_argument(
    site: Site,
) -> None:
    assert "say-it" in words_of(await answered(site, "/sm"))
    explained = words_of(await answered(site, "/sm say-it ?"))
    assert "받은 값 보기" in explained
    assert "web | was" in explained
    note = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    job, report = await looked(site, f'/sm say-it 예산시스템 운영 WAS 1 area=web note="{note}"')
    (step,) = job.plan.wire.steps()
    assert dict(step.operation.arguments) == {"area": "web", "note": HOSTILE}
    assert "<web>" in words_of(report)
    assert f"<{HOSTILE}>" in words_of(report)


async def test_what_is_wrong_reaches_no_server(site: Site) -> None:
    wrong = {
        "/sm say-it 예산시스템 운영 WAS 1 area=db note=x": "web | was",
        "/sm check_disk 예산시스템 운영 WAS 1; reboot": "등록된 대상 이름이 아니어서",
        "/sm check_disk 예산시스템 운영 WAS 1 path=/etc/../root": "경로",
        "/sm 없는작업": "이런 이름의 명령이나 저장한 작업이 없습니다",
    }
    for text, reason in wrong.items():
        assert reason in words_of(await answered(site, text))
    assert not site.world.jobs.jobs
