"""Sites' own scripts on a real server: what reached it, what came of it, what was refused."""

from __future__ import annotations

import asyncio
import hashlib
import resource
import shutil
import tomllib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.executor import Executor
from agent.guard import GuardPolicy
from agent.ledger import Ledger
from agent.operations.context import OperationFailed, Verified
from agent.operations.scripts import has_run, run_script
from agent.scripts import ScriptShelf, SiteScript
from agent.transports.reach import connect
from agent.transports.transport import Output, Transport
from agent.voice import Voice
from agent.wire.checks import RunScript
from agent.wire.plan import NodeAccess
from agent.wire.readings import Reading
from agent.wire.scripts import ScriptParameter
from bot.core.domain.job import JobState
from bot.engine.outputs import DiskOutputStore
from tests.fakes.agent import AGENT, JOB, NOW, FakeBlobs, a_plan, a_step, step_order
from tests.fakes.agent import Site as Keys
from tests.fakes.engine import words_of
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import Recorded, context_of, looked
from tests.lab import Fleet, Lab

HOSTILE = tomllib.loads(
    (Path(__file__).parents[2] / "cases" / "operations" / "script_arguments.toml").read_text(
        "utf-8"
    )
)
SHELLS = [name for name in ("sh", "bash", "ksh") if shutil.which(name)]
SHOWS_ARGUMENTS = {
    **dict.fromkeys(SHELLS, b'for each in "$@"; do printf \'<%s>\\n\' "$each"; done'),
    "python3": b"import sys\nfor each in sys.argv[1:]: print(f'<{each}>')",
    "perl": b'print "<$_>\\n" for @ARGV;',
}


@pytest.fixture(scope="module")
def fleet(module_lab: Lab) -> Fleet:
    return module_lab.nodes(2, web=False)


def script(folder: Path, body: bytes, **fields: object) -> SiteScript:
    """Registered as it lies there."""
    values = {"id": "checkup", "title": "점검", "interpreter": "sh", "risk": "read", **fields}
    file = folder / f"{values['id']}.script"
    file.write_bytes(body)
    digest = hashlib.sha256(body).hexdigest()
    return SiteScript.model_validate({"file": file, "sha256": digest, **values})


def ordered(registered: SiteScript, *arguments: tuple[str, str]) -> RunScript:
    return RunScript(
        script=registered.id,
        sha256=registered.sha256,
        risk=registered.risk,
        arguments=arguments,
    )


async def run(
    fleet: Fleet, registered: SiteScript, *arguments: tuple[str, str], book: Recorded | None = None
) -> Reading:
    context = context_of(fleet.nodes[0].access(), book)
    shelf = ScriptShelf((registered,))
    return await run_script(replace(context, scripts=shelf), ordered(registered, *arguments))


@dataclass(kw_only=True)
class Cut(Recorded):
    """A line over which the last bytes of an input never come."""

    last_bytes: int

    @asynccontextmanager
    async def connect(self, access: NodeAccess) -> AsyncIterator[Transport]:
        async with connect(access) as server:
            run = server.run

            async def half(arguments: Sequence[str], **more: Any) -> Output:
                body = b"".join([piece async for piece in more.pop("stdin")])
                return await run(arguments, stdin=_once(body[: -self.last_bytes]), **more)

            server.run = half
            yield server


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


WORDS = (ScriptParameter(name="first"), ScriptParameter(name="second", required=False))


@pytest.mark.parametrize("interpreter", sorted(SHOWS_ARGUMENTS))
async def test_an_argument_stays_one_argument(
    fleet: Fleet, tmp_path: Path, interpreter: str
) -> None:
    values = HOSTILE["values"]
    names = [f"a{number}" for number in range(len(values))]
    registered = script(
        tmp_path,
        SHOWS_ARGUMENTS[interpreter],
        interpreter=interpreter,
        parameters=tuple(ScriptParameter(name=name) for name in names),
    )
    book = Recorded()
    plain = await run(fleet, registered, *((name, name) for name in names), book=book)
    assert plain.excerpts[0].lines == tuple(f"<{name}>" for name in names)
    hostile = await run(fleet, registered, *zip(names, values, strict=True), book=book)
    assert hostile.excerpts[0].lines == tuple(f"<{value}>" for value in values)
    template, reached = book.ran
    assert reached == [*template[: -len(names)], *values]


async def test_a_value_that_is_no_argument_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    registered = script(tmp_path, b"exit 0", parameters=WORDS)
    book = Recorded()
    context = replace(context_of(fleet.nodes[0].access(), book), scripts=ScriptShelf((registered,)))
    codes = []
    for value in HOSTILE["refused"]:
        operation = ordered(registered).model_copy(update={"arguments": (("first", value),)})
        with pytest.raises(OperationFailed) as failed:
            await run_script(context, operation)
        codes.append(failed.value.code)
    assert set(codes) == {"script_argument"}
    assert book.ran == []


async def test_an_argument_that_is_left_out_keeps_the_others_in_their_places(
    fleet: Fleet, tmp_path: Path
) -> None:
    parameters = tuple(
        ScriptParameter(name=name, required=False) for name in ("first", "second", "third")
    )
    registered = script(tmp_path, SHOWS_ARGUMENTS["sh"], parameters=parameters)
    assert (await run(fleet, registered, ("second", "b"))).excerpts[0].lines == ("<>", "<b>")


@pytest.mark.parametrize(
    ("status", "level"), [(0, "normal"), (1, "warning"), (2, "critical"), (3, "unknown")]
)
async def test_the_exit_status_of_a_look_is_its_level(
    fleet: Fleet, tmp_path: Path, status: int, level: str
) -> None:
    registered = script(tmp_path, f"echo seen; exit {status}".encode())
    found = await run(fleet, registered)
    assert found.level == level
    assert found.fact("exit_status") is not None
    assert found.excerpts[0].lines == ("seen",)


@pytest.mark.parametrize(("risk", "status"), [("read", 4), ("change", 1), ("danger", 2)])
async def test_any_other_exit_status_has_failed(
    fleet: Fleet, tmp_path: Path, risk: str, status: int
) -> None:
    registered = script(tmp_path, f"echo half >&2; exit {status}".encode(), risk=risk)
    with pytest.raises(OperationFailed) as failed:
        await run(fleet, registered)
    assert failed.value.code == "script_failed"
    assert failed.value.values["exit_status"] == str(status)
    assert failed.value.lines == ("half",)


async def test_a_script_that_takes_too_long_is_told_to_end(fleet: Fleet, tmp_path: Path) -> None:
    left = fleet.nodes[0].deploy_path / "still-here"
    body = f"trap 'echo ended; exit' TERM; echo begun; sleep 120 & wait; touch {left}".encode()
    registered = script(tmp_path, body, timeout_s=6)
    with pytest.raises(OperationFailed) as failed:
        await run(fleet, registered)
    assert failed.value.code == "script_timeout"
    assert "begun" in failed.value.lines
    assert not left.exists()


async def test_what_a_script_reads_of_its_input_is_not_itself(fleet: Fleet, tmp_path: Path) -> None:
    registered = script(tmp_path, b"cat\necho after")
    assert (await run(fleet, registered)).excerpts[0].lines == ("after",)


@pytest.mark.parametrize("interpreter", sorted(SHOWS_ARGUMENTS))
async def test_half_a_script_runs_nothing(fleet: Fleet, tmp_path: Path, interpreter: str) -> None:
    """The line breaks while the bytes are on their way: what came is whole lines of a program."""
    made = fleet.nodes[0].deploy_path / f"made-by-{interpreter}"
    begun = {
        "python3": f"open({str(made)!r}, 'w')\n",
        "perl": f"open(my $f, '>', '{made}');\n",
    }.get(interpreter, f"touch {made}\n")
    registered = script(
        tmp_path, begun.encode() + b"# more\n" * 50, interpreter=interpreter, risk="change"
    )
    context = replace(
        context_of(fleet.nodes[0].access(), Cut(last_bytes=40)), scripts=ScriptShelf((registered,))
    )
    with pytest.raises(OperationFailed) as failed:
        await run_script(context, ordered(registered))
    assert failed.value.code == "script_failed"
    assert not made.exists()


async def test_lines_come_while_it_runs(fleet: Fleet, tmp_path: Path) -> None:
    registered = script(
        tmp_path,
        b'echo first; while [ ! -e "$1" ]; do sleep 0.05; done; echo last',
        parameters=(ScriptParameter(name="until", kind="path"),),
    )
    go = fleet.nodes[0].deploy_path / "go"
    voice, spoken = Voice(), asyncio.Event()
    voice.wake = spoken.set
    context = replace(
        context_of(fleet.nodes[0].access()), scripts=ScriptShelf((registered,)), voices=(voice,)
    )
    running = asyncio.create_task(run_script(context, ordered(registered, ("until", str(go)))))
    async with asyncio.timeout(120):
        await spoken.wait()
    assert voice.take() == (0, "first\n")
    assert not running.done()
    go.write_text("")
    assert (await running).fact("output_lines") is not None
    assert voice.take() == (6, "last\n")


async def test_a_character_of_cp949_is_not_torn(fleet: Fleet, tmp_path: Path) -> None:
    # The two bytes of a character come a moment apart.
    body = b"printf '\\260'; sleep 0.2; printf '\\241\\n'"
    registered = script(tmp_path, body)
    context = context_of(fleet.nodes[0].access(charset="cp949"))
    found = await run_script(
        replace(context, scripts=ScriptShelf((registered,))), ordered(registered)
    )
    assert found.excerpts[0].lines == ("가",)


# --- as registered ------------------------------------------------------------------------------


class OneAgent(Keys):
    """The whole agent but its link, in front of one of the lab's servers."""

    def __init__(self, fleet: Fleet, folder: Path, registered: SiteScript) -> None:
        super().__init__()
        self.folder = folder
        self.node_access = fleet.nodes[0].access(node_id="was-01", env="dev")
        self.executor = Executor(
            agent=AGENT,
            seal_key=self.seal,
            bot_key=self.bot.verify_key,
            ledger=Ledger(folder / "ledger.sqlite"),
            blobs=FakeBlobs(),
            policy=GuardPolicy(),
            connect=connect,
            scripts=ScriptShelf((registered,)),
            now=lambda: NOW,
        )

    async def outcome(self, operation: RunScript, voice: Voice | None = None):
        plan = a_plan(self.node_access.target, [a_step("s1", operation, timeout_s=300)])
        await self.executor.deliver(self.order(plan, None, self.node_access))
        return await self.executor.run(step_order(plan, "s1"), lambda progress: None, voice)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"script": "another"}, "script_unknown"),
        ({"sha256": "0" * 64}, "script_differs"),
        ({"risk": "read"}, "script_differs"),
        ({"arguments": ()}, "script_differs"),
        ({"arguments": (("second", "b"), ("first", "a"))}, "script_differs"),
        ({"arguments": (("first", "a"), ("third", "c"))}, "script_differs"),
        ({"arguments": (("first", "a"), ("first", "b"))}, "script_differs"),
        ({"arguments": (("first", "-rf"),)}, "script_argument"),
    ],
)
async def test_a_plan_that_says_something_else_is_refused_before_anything_runs(
    fleet: Fleet, tmp_path: Path, change: dict[str, object], code: str
) -> None:
    made = fleet.nodes[0].deploy_path / "refused-all-the-same"
    registered = script(tmp_path, f"touch {made}".encode(), risk="change", parameters=WORDS)
    good = ordered(registered, ("first", "a"))
    agent = OneAgent(fleet, tmp_path, registered)
    refused = await agent.outcome(good.model_copy(update=change))
    assert (refused.state, refused.code) == ("refused", code)
    assert not made.exists()


async def test_content_that_has_changed_is_not_run(fleet: Fleet, tmp_path: Path) -> None:
    made = fleet.nodes[0].deploy_path / "changed-all-the-same"
    registered = script(tmp_path, b"exit 0")
    registered.file.write_bytes(f"touch {made}".encode())
    outcome = await OneAgent(fleet, tmp_path, registered).outcome(ordered(registered))
    assert (outcome.state, outcome.code) == ("failed", "script_changed")
    assert not made.exists()


async def test_a_change_that_was_cut_off_is_neither_repeated_nor_trusted(
    fleet: Fleet, tmp_path: Path
) -> None:
    context = context_of(fleet.nodes[0].access())
    looks = script(tmp_path, b"exit 0", id="looks")
    changes = script(tmp_path, b"exit 0", id="changes", risk="change")
    assert await has_run(context, ordered(looks)) is Verified.NOT_DONE
    assert await has_run(context, ordered(changes)) is Verified.PARTIAL


# --- 100 MB -------------------------------------------------------------------------------------


def resident_bytes() -> int:
    """Of this process, now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def test_a_hundred_megabytes_fill_neither_memory_nor_page(
    fleet: Fleet, tmp_path: Path
) -> None:
    """The script writes them, the agent hands them on, the bot keeps them: all in this process,
    whose memory is looked at with every piece."""
    count = 105_000
    body = f"awk 'BEGIN {{ for (i = 0; i < {count}; i++) printf \"%0999d\\n\", i }}'".encode()
    registered = script(tmp_path, body, timeout_s=300)
    agent = OneAgent(fleet, tmp_path, registered)
    store = DiskOutputStore(tmp_path / "outputs")
    voice, spoken = Voice(), asyncio.Event()
    voice.wake = spoken.set
    running = asyncio.ensure_future(agent.outcome(ordered(registered), voice))
    running.add_done_callback(lambda _: spoken.set())
    before = most = resident_bytes()
    while not running.done() or voice.held:
        await spoken.wait()
        spoken.clear()
        while (piece := voice.take()) is not None:
            await store.append(JOB, "s1", offset=piece[0], text=piece[1])
            most = max(most, resident_bytes())
    outcome = await running
    assert outcome.state == "succeeded", outcome
    assert isinstance(outcome.result, Reading)
    lines = outcome.result.excerpts[0]
    assert len(lines.lines) + lines.more == count
    expected = hashlib.sha256()
    for number in range(count):
        expected.update(b"%0999d\n" % number)
    part = await store.part(JOB, "s1", most=64 * 1024)
    assert part is not None
    assert part.size == count * 1000
    pieces, kept = await store.file(JOB, "s1"), hashlib.sha256()
    assert pieces is not None
    async for piece in pieces:
        kept.update(piece)
    assert kept.hexdigest() == expected.hexdigest()
    assert len(part.head) + len(part.tail) <= 2 * 64 * 1024
    print(f"100 MB: {(most - before) / (1 << 20):.1f} MB more memory at the most")
    assert most - before < 48 << 20


# --- from asking to reading ---------------------------------------------------------------------


async def test_a_person_runs_a_look_and_reads_its_level(fleet: Fleet, tmp_path: Path) -> None:
    body = b'echo "queue $1 of $(uname -s)"; exit 1'
    parameters = (ScriptParameter(name="name", choices=("order", "pay")),)
    registered = script(
        tmp_path, body, id="queue-length", title="대기열 길이", parameters=parameters
    )
    site = Site(fleet=fleet, folder=tmp_path, scripts=(registered,))
    async with site.open():
        params = {"script": "queue-length", "arg.name": "order"}
        job, said = await looked(site, "run_script", params=params)
        assert job.state is JobState.SUCCEEDED
        assert "스크립트 실행: 대기열 길이" in said
        assert "queue order of Linux" in said
        refused = await site.refused(
            action="run_script", by="operator", params={**params, "arg.name": "ship"}
        )
        assert "order, pay" in refused.summary
        unknown = await site.refused(action="run_script", by="operator", params={"script": "queue"})
        assert "queue-length(대기열 길이)" in unknown.summary


async def test_lines_are_in_the_room_while_it_runs_masked(fleet: Fleet, tmp_path: Path) -> None:
    go = fleet.nodes[0].deploy_path / "go-on"
    body = f"echo halfway password=hunter2; while [ ! -e {go} ]; do sleep 0.05; done; echo last"
    registered = script(tmp_path, body.encode(), id="slow", title="오래 걸리는 점검")
    site = Site(fleet=fleet, folder=tmp_path, scripts=(registered,))
    async with site.open():
        job = await site.ask(
            action="run_script", by="operator", nodes=(1,), params={"script": "slow"}
        )
        place = job.progress
        await site.bot.until(lambda: "halfway password=●●●" in site.world.said())
        assert not go.exists()
        assert "hunter2" not in site.world.said()
        go.write_text("")
        await site.bot.until(lambda: "last" in words_of(site.world.messenger.at(place).now))
        shown = [words_of(report) for report in site.world.messenger.at(place).said]
        await site.bot.ended(job)
    assert any("halfway" in each for each in shown)
    assert site.world.job(job.job_id).steps[0].code == "ok"


async def test_a_change_waits_for_approval_and_stops_at_the_first_failure(
    fleet: Fleet, tmp_path: Path
) -> None:
    made = [node.deploy_path / "cleaned" for node in fleet.nodes]
    body = "".join(f"[ -d {path.parent} ] && true\n" for path in made) + "hostname\nexit 5\n"
    registered = script(tmp_path, body.encode(), id="clean", title="임시 파일 정리", risk="change")
    site = Site(fleet=fleet, folder=tmp_path, scripts=(registered,))
    async with site.open():
        job = await site.ask(action="run_script", by="operator", params={"script": "clean"})
        assert job.state is JobState.AWAITING_APPROVAL, site.world.said()
        card = site.world.said()
        assert registered.sha256[:12] in card
        ended = await site.approve(job)
        assert ended.state is JobState.FAILED
        assert len(ended.steps) == 1
        report = site.report(ended)
        assert "스크립트가 오류로 끝났습니다" in report
        assert "종료 코드 5" in report
        print(report)
