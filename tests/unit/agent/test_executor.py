"""The executor: every step once, to exactly one outcome, whatever happens around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from agent.executor import Executor
from agent.guard import GuardPolicy
from agent.ledger import Ledger
from agent.operations.registry import HANDLERS
from agent.transports.transport import Output, Transport, TransportError
from agent.wire.messages import StepCancel, StepOutcome, StepProgress
from agent.wire.operations import (
    CHANGING,
    FingerprintFiles,
    MarkLog,
    Operation,
    ReplaceFiles,
    ScanLog,
    SettleTraffic,
    StageFiles,
    StopService,
)
from agent.wire.plan import NodeAccess, Step, WirePlan
from agent.wire.results import LogMark
from tests.fakes.agent import (
    AGENT,
    JOB,
    NOW,
    FakeBlobs,
    FakeNode,
    Site,
    a_plan,
    a_step,
    a_target,
    specs,
    step_order,
)

OLD, NEW = b"old", b"new version"
PATHS = {"a.txt": NEW, "b/c.txt": NEW + b" too", "new.txt": b""}


class World:
    """One agent, one node, one ledger; ``restart`` is a new process on the same ledger."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.site = Site()
        self.node = FakeNode()
        self.target = a_target(root)
        self.now = NOW
        self.ledger = Ledger(root / "ledger.sqlite")
        self.executor = self.restart()

    def restart(self) -> Executor:
        self.executor = Executor(
            agent=AGENT,
            seal_key=self.site.seal,
            bot_key=self.site.bot.verify_key,
            ledger=self.ledger,
            blobs=FakeBlobs(list(PATHS.values()), piece=5),
            policy=GuardPolicy(),
            connect=self.node.connect,
            now=lambda: self.now,
        )
        return self.executor

    async def deliver(self, *operations: Operation, timeout_s: int = 30) -> WirePlan:
        steps = [
            a_step(f"s{number}", operation, timeout_s=timeout_s)
            for number, operation in enumerate(operations, start=1)
        ]
        plan = a_plan(self.target, steps)
        await self.executor.deliver(self.site.order(plan))
        return plan

    async def run(self, plan: WirePlan, step_id: str) -> StepOutcome:
        return await self.executor.run(step_order(plan, step_id), lambda progress: None)

    def cut_off(self, plan: WirePlan, step_id: str) -> None:
        """As if the agent had died after the step had begun."""
        self.ledger.begin(JOB, step_id, plan_digest=plan.digest(), at=NOW)
        self.restart()

    @property
    def app(self) -> Path:
        return self.root / "app"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    (made.app / "a.txt").write_bytes(OLD)
    return made


FILES = specs(PATHS)


async def test_stages_and_replaces_with_progress(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES), ReplaceFiles(files=FILES))
    seen: list[StepProgress] = []
    staged = await world.executor.run(step_order(plan, "s1"), seen.append)
    assert staged.state == "succeeded"
    total = sum(len(body) for body in PATHS.values())
    assert (seen[-1].done, seen[-1].total) == (total, total)
    replaced = await world.run(plan, "s2")
    assert replaced.state == "succeeded", replaced
    assert {path: (world.app / path).read_bytes() for path in PATHS} == PATHS
    assert not (world.app / f".guardia-{JOB}").exists()


async def test_progress_does_not_flood_the_link(world: World) -> None:
    world.executor.blobs = FakeBlobs([b"x" * 50_000], piece=5)  # ten thousand pieces
    plan = await world.deliver(StageFiles(files=specs({"big": b"x" * 50_000})))
    seen: list[StepProgress] = []
    outcome = await world.executor.run(step_order(plan, "s1"), seen.append)
    assert outcome.state == "succeeded"
    assert len(seen) < 1000
    assert seen[-1].done == seen[-1].total


async def test_a_repeated_order_is_answered_from_the_ledger(world: World) -> None:
    plan = await world.deliver(FingerprintFiles(paths=("a.txt",)))
    first = await world.run(plan, "s1")
    logins = world.node.logins
    world.restart()
    world.now += timedelta(days=9)  # even when the grant has lapsed
    assert await world.run(plan, "s1") == first
    assert world.node.logins == logins


async def test_the_same_order_twice_at_once_runs_once(world: World) -> None:
    plan = await world.deliver(FingerprintFiles(paths=("a.txt",)))
    first, second = await asyncio.gather(world.run(plan, "s1"), world.run(plan, "s1"))
    assert first == second
    assert world.node.logins == 1


async def test_an_unknown_plan_is_refused(world: World) -> None:
    plan = a_plan(world.target, [a_step("s1", MarkLog())])
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("refused", "plan_unknown")


async def test_a_refused_step_has_not_begun_and_may_run_later(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES))
    world.ledger.raise_fence("SYS-1:prod", 8)
    stale = await world.run(plan, "s1")
    assert (stale.state, stale.code) == ("refused", "stale_token")
    assert world.ledger.find(JOB, "s1") is None
    await world.executor.deliver(world.site.order(plan, world.site.grant(plan, fencing_token=8)))
    assert (await world.run(plan, "s1")).state == "succeeded"


async def test_a_changing_step_raises_the_fence(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES))
    await world.run(plan, "s1")
    assert world.ledger.fence("SYS-1:prod") == 7


async def test_a_cut_off_replacement_that_took_effect_is_verified(world: World) -> None:
    plan = await world.deliver(ReplaceFiles(files=FILES))
    for path, body in PATHS.items():
        (world.app / path).parent.mkdir(exist_ok=True)
        (world.app / path).write_bytes(body)
    world.cut_off(plan, "s1")
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.verified, outcome.attempt) == ("succeeded", True, 1)
    assert world.node.transport.files.renamed == []


async def test_a_cut_off_replacement_that_did_nothing_runs_again(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES), ReplaceFiles(files=FILES))
    await world.run(plan, "s1")
    world.cut_off(plan, "s2")
    outcome = await world.run(plan, "s2")
    assert (outcome.state, outcome.verified, outcome.attempt) == ("succeeded", False, 2)


async def test_a_half_done_replacement_is_neither_repeated_nor_trusted(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES), ReplaceFiles(files=FILES))
    await world.run(plan, "s1")
    world.node.transport.files.cut = len(world.node.transport.files.renamed) + 1
    await _crash(world, plan, "s2")
    world.node.transport.files.cut = None
    moved = list(world.node.transport.files.renamed)
    outcome = await world.run(plan, "s2")
    assert (outcome.state, outcome.code) == ("failed", "interrupted")
    assert world.node.transport.files.renamed == moved
    assert await world.run(plan, "s2") == outcome


async def _crash(world: World, plan: WirePlan, step_id: str) -> None:
    """Run until the line goes dead, and forget the outcome as a killed process would."""
    other = World.__new__(World)
    other.__dict__.update(world.__dict__)
    other.ledger = Ledger(world.root / "lost.sqlite")
    await asyncio.to_thread(
        other.ledger.keep_order, plan.digest(), world.site.order(plan), world.now
    )
    outcome = await other.restart().run(step_order(plan, step_id), lambda progress: None)
    assert outcome.code == "connection_lost"
    world.cut_off(plan, step_id)


async def test_a_cut_off_replacement_that_cannot_be_told_is_interrupted(world: World) -> None:
    plan = await world.deliver(ReplaceFiles(files=FILES))
    (world.app / "b").write_text("a file where a folder should be")
    world.cut_off(plan, "s1")
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("failed", "interrupted")
    assert outcome.values["reason"] == "kind_conflict"


async def test_a_cut_off_step_at_a_dead_node_is_unknown_until_it_answers(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES))
    world.cut_off(plan, "s1")
    world.node.error = TransportError("unreachable", host="127.0.0.1")
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("unknown", "unreachable")
    world.node.error = None
    assert (await world.run(plan, "s1")).state == "succeeded"


async def test_a_begun_step_whose_grant_has_lapsed_is_unknown_not_refused(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES))
    world.cut_off(plan, "s1")
    world.now += timedelta(days=1)
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("unknown", "expired")


async def test_a_step_ends_when_its_time_is_over(world: World) -> None:
    plan = await world.deliver(SettleTraffic(seconds=60, at_least_s=60), timeout_s=1)
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("failed", "timeout")


async def test_a_cancelled_wait_stops(world: World) -> None:
    plan = await world.deliver(SettleTraffic(seconds=60, at_least_s=60))
    began = asyncio.Event()
    running = asyncio.create_task(
        world.executor.run(step_order(plan, "s1"), lambda progress: began.set())
    )
    await began.wait()
    await world.executor.cancel(StepCancel(job_id=JOB, step_id="s1"))
    assert (await running).code == "cancelled"


async def test_a_cancelled_replacement_ends_whole(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES), ReplaceFiles(files=FILES))
    await world.run(plan, "s1")
    cancel = StepCancel(job_id=JOB, step_id="s2")
    tasks: list[asyncio.Task[None]] = []

    def at_the_first_file(progress: StepProgress) -> None:
        tasks.append(asyncio.create_task(world.executor.cancel(cancel)))

    outcome = await world.executor.run(step_order(plan, "s2"), at_the_first_file)
    assert outcome.state == "succeeded"
    assert {path: (world.app / path).read_bytes() for path in PATHS} == PATHS


async def test_a_caller_who_goes_away_does_not_stop_the_step(world: World) -> None:
    plan = await world.deliver(SettleTraffic(seconds=1, at_least_s=1))
    began = asyncio.Event()
    caller = asyncio.create_task(
        world.executor.run(step_order(plan, "s1"), lambda progress: began.set())
    )
    await began.wait()
    caller.cancel()
    assert (await world.run(plan, "s1")).state == "succeeded"


async def test_closing_leaves_a_late_step_begun(world: World) -> None:
    plan = await world.deliver(SettleTraffic(seconds=60, at_least_s=60))
    began = asyncio.Event()
    caller = asyncio.create_task(
        world.executor.run(step_order(plan, "s1"), lambda progress: began.set())
    )
    await began.wait()
    await world.executor.close(grace_s=0)
    with pytest.raises(asyncio.CancelledError):
        await caller
    entry = world.ledger.find(JOB, "s1")
    assert entry is not None
    assert entry.outcome is None


async def test_changing_steps_under_one_lock_take_turns(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES[:1]), StageFiles(files=FILES[1:]))
    outcomes = await asyncio.gather(world.run(plan, "s1"), world.run(plan, "s2"))
    assert [outcome.state for outcome in outcomes] == ["succeeded", "succeeded"]
    assert world.node.most_inside == 1


async def test_changing_steps_of_one_job_at_different_nodes_run_side_by_side(
    world: World,
) -> None:
    others = [a_target(world.root / name, node_id=name) for name in ("was-02", "was-03")]
    stage = StageFiles(files=FILES)
    steps = [
        Step(step_id=f"s{number}", node_id=target.node_id, operation=stage)
        for number, target in enumerate((world.target, *others), start=1)
    ]
    plan = a_plan(world.target, steps, targets=(world.target, *others))
    await world.executor.deliver(world.site.order(plan))
    together, connect = asyncio.Barrier(3), world.node.connect

    @asynccontextmanager
    async def met(access: NodeAccess) -> AsyncIterator[Transport]:
        await together.wait()
        async with connect(access) as server:
            yield server

    world.executor.connect = met
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*[world.run(plan, f"s{n}") for n in (1, 2, 3)])
    assert {outcome.state for outcome in outcomes} == {"succeeded"}


async def test_what_scripts_said_is_kept_when_the_step_succeeds_too(world: World) -> None:
    spec = world.target.service.model_copy(update={"kind": "systemd"})
    world.target = world.target.model_copy(update={"service": spec})
    said = "".join(f"line {number}\n" for number in range(500))
    world.node.transport.answer = lambda arguments: Output(status=0, stdout=said, stderr="")
    plan = await world.deliver(StopService(timeout_s=1))
    outcome = await world.run(plan, "s1")
    assert (outcome.state, len(outcome.lines), outcome.lines[-1]) == ("succeeded", 400, "line 499")


async def test_reading_steps_do_not_wait_for_each_other(world: World) -> None:
    plan = await world.deliver(*[FingerprintFiles(paths=("a.txt",))] * 3)
    both = asyncio.Barrier(3)

    connect = world.node.connect

    @asynccontextmanager
    async def met(access: NodeAccess) -> AsyncIterator[Transport]:
        await both.wait()
        async with connect(access) as server:
            yield server

    world.executor.connect = met
    async with asyncio.timeout(20):
        outcomes = await asyncio.gather(*[world.run(plan, f"s{n}") for n in (1, 2, 3)])
    assert {outcome.state for outcome in outcomes} == {"succeeded"}


async def test_a_scan_finds_the_mark_of_its_own_job(world: World) -> None:
    log = world.root / "home/logs/catalina.out"
    log.parent.mkdir(parents=True)
    log.write_text("SEVERE long ago\n")
    plan = await world.deliver(MarkLog(), ScanLog(since="s1"))
    marked = (await world.run(plan, "s1")).result
    assert isinstance(marked, LogMark)
    assert (marked.size, marked.inode) == (16, log.stat().st_ino)
    with log.open("a") as file:
        file.write("Server startup in 12 ms\njava.lang.NullPointerException: \x1b[31mx\n")
    outcome = await world.run(plan, "s2")
    assert (outcome.state, outcome.code) == ("failed", "log_errors")
    # All of it for the page, what decided at the end for the card.
    assert outcome.lines == ("Server startup in 12 ms", "java.lang.NullPointerException: x")


async def test_a_ledger_that_does_not_answer_stops_everything(world: World) -> None:
    plan = await world.deliver(StageFiles(files=FILES))
    world.ledger.close()
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("unknown", "ledger_unavailable")
    assert world.node.logins == 0


async def test_a_surprise_in_an_operation_is_an_outcome_without_its_message(world: World) -> None:
    plan = await world.deliver(FingerprintFiles(paths=("a.txt",)))

    def explode(arguments: object) -> Output | None:
        raise RuntimeError("password is hunter2")

    world.node.transport.answer = explode
    outcome = await world.run(plan, "s1")
    assert (outcome.state, outcome.code) == ("failed", "internal")
    assert "hunter2" not in outcome.model_dump_json()


def test_every_operation_has_its_handler() -> None:
    models = set(get_args(get_args(Operation)[0]))
    assert {handler.model for handler in HANDLERS} == models
    kinds = {handler.model.model_fields["kind"].default for handler in HANDLERS}
    assert kinds >= CHANGING


# --- replaced access records --------------------------------------------------------------------


async def ordered_with(world: World, job_id: str, issued: timedelta | None, *steps: str):
    """An order whose record was sealed that long ago; None: before records were dated."""
    plan = a_plan(
        world.target,
        [a_step(step, FingerprintFiles(paths=("a.txt",))) for step in steps],
        job_id=job_id,
    )
    sealed = None if issued is None else NOW - issued
    access = world.site.access(world.target).model_copy(update={"issued_at": sealed})
    await world.executor.deliver(world.site.order(plan, None, access))
    return plan


async def told(world: World, plan: WirePlan, step: str) -> str:
    return (await world.executor.run(step_order(plan, step), lambda progress: None)).code


async def test_a_record_that_was_replaced_is_refused_after_a_restart_too(world: World) -> None:
    new = await ordered_with(world, "J260401-AAAAAA", timedelta(days=1), "s1")
    assert await told(world, new, "s1") == "ok"
    world.restart()
    world.now += timedelta(minutes=1)
    for job, issued in (("J260401-BBBBBB", timedelta(days=2)), ("J260401-CCCCCC", None)):
        old = await ordered_with(world, job, issued, "s1")
        assert await told(world, old, "s1") == "access_outdated"
    again = await ordered_with(world, "J260401-DDDDDD", timedelta(days=1), "s1")
    assert await told(world, again, "s1") == "ok"


async def test_a_job_that_came_before_the_new_record_ends_with_its_own(world: World) -> None:
    """Whoever imports new passwords in the middle of a deployment must not keep it from going
    back."""
    old = await ordered_with(world, "J260401-AAAAAA", timedelta(days=2), "s1", "s2")
    assert await told(world, old, "s1") == "ok"
    world.now += timedelta(minutes=1)
    new = await ordered_with(world, "J260401-BBBBBB", timedelta(days=1), "s1")
    assert await told(world, new, "s1") == "ok"
    assert await told(world, old, "s2") == "ok"
    world.now += timedelta(minutes=1)
    replayed = await ordered_with(world, "J260401-CCCCCC", timedelta(days=2), "s1")
    assert await told(world, replayed, "s1") == "access_outdated"
    newer = await ordered_with(world, "J260401-DDDDDD", timedelta(hours=1), "s1")
    assert await told(world, newer, "s1") == "ok"
    assert await told(world, replayed, "s1") == "access_outdated"
