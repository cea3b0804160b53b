"""Kill bot and agent at every step of deployments: whatever dies, each ends in one known state."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.drivers.demo import running_demo
from tests.drivers.evidence import (
    NODES,
    Expected,
    Fleet,
    Tree,
    judge_estate,
    judge_job,
    judge_ledger,
    judge_nodes,
    judge_reading,
    judge_room,
    judge_words,
    look,
    overlaid,
)
from tests.drivers.kill_runs import ROLLBACK, Run, rollback, runs
from tests.drivers.kills import Kill, KillableDemo, Killer, killable
from tests.drivers.room import Message, RoomClient, offers, transcript

pytestmark = [pytest.mark.kill, pytest.mark.timeout(5000)]

LEADER = "u031"
RUN_S = 900.0
AT_LEAST = 40


async def test_every_deployment_ends_in_one_known_state_whatever_is_killed(
    tmp_path: Path,
) -> None:
    async with running_demo(tmp_path / "demo") as prepared:
        port = int(prepared.address.rsplit(":", 1)[1])
    async with killable(tmp_path / "demo", port) as demo:
        over, wanted = await _kill_through(demo)
    struck = sum(kill.hit and kill.number == signal.SIGKILL for run in over for kill in run.kills)
    assert [f"{run.name}: {wrong}" for run in over for wrong in run.wrong] == []
    assert wanted or struck >= AT_LEAST


async def _kill_through(demo: KillableDemo) -> tuple[list[Run], bool]:
    """The runs that are over, and whether only some of them were wanted."""
    began = time.monotonic()
    old = (await look(demo)).trees[NODES[0]]
    wanted = [name for name in os.environ.get("KILLS_ONLY", "").split(",") if name]
    over: list[Run] = []
    for run in [run for run in runs() if run.name in wanted or not wanted]:
        await _follow(demo, run, old)
        over.append(run)
        print(_table(run), flush=True)
        if not run.end and run.state == "succeeded":
            back = rollback(0)
            await _follow(demo, back, old)
            over.append(back)
    kills = [kill for run in over for kill in run.kills if kill.hit]
    struck = sum(kill.number == signal.SIGKILL for kill in kills)
    print(
        f"{struck} times kill -9 ({', '.join(f'{n} {who}' for who, n in _counted(kills))}), "
        f"{len(over)} runs, {time.monotonic() - began:.0f} s"
    )
    return over, bool(wanted)


def _counted(kills: list[Kill]) -> list[tuple[str, int]]:
    nine = Counter(kill.who for kill in kills if kill.number == signal.SIGKILL)
    return sorted(nine.items())


async def _follow(demo: KillableDemo, run: Run, old: Tree) -> None:
    before = await look(demo)
    began = time.monotonic()
    killer = Killer(demo, run.kills)
    async with (
        RoomClient(demo.address, run.asker) as asker,
        RoomClient(demo.address, LEADER) as lead,
    ):
        files = [demo.package(run.package)] if run.package else []
        thread = await asker.say(run.text, *files)
        striking = asyncio.create_task(killer.run(thread))
        try:
            async with asyncio.timeout(RUN_S):
                job_id = await _accompany(demo, run, thread, (asker, lead))
        except (TimeoutError, AssertionError) as error:
            run.wrong.append(f"{type(error).__name__}: {error}")
            run.wrong.append(transcript(await asker.messages(thread)))
            job_id = ""
        finally:
            killer.end()
            await striking
        if job_id:
            await _ended(demo, job_id)
    run.took_s = time.monotonic() - began
    if job_id:
        run.state = demo.sight.state(job_id)
        run.wrong += await _judge(demo, run, thread, job_id=job_id, before=before, old=old)


async def _accompany(
    demo: KillableDemo, run: Run, thread: str, people: tuple[RoomClient, RoomClient]
) -> str:
    """What the two people do: approve, perhaps stop it, and wait for the end."""
    asker, lead = people
    if run.reads:
        while (job_id := demo.sight.job_of(thread)) is None:
            await asyncio.sleep(0.1)
        await _ended(demo, job_id)
        return job_id
    card = await asker.wait_for(_answered, thread=thread, timeout_s=400)
    assert offers("approve")(card), "no plan card"
    job_id = demo.sight.job_of(thread)
    assert job_id is not None
    # A kill that is due while the request waits comes before the approval.
    while any(k.when.name == "awaiting_approval" and not k.hit for k in run.kills):
        await asyncio.sleep(0.05)
    await lead.press(card, "approve")
    if run.cancel is not None:
        while not run.cancel.holds(demo.sight, thread):
            await asyncio.sleep(0.01)
        progress = await asker.wait_for(_stoppable, thread=thread)
        await asker.press(progress, "cancel")
    await _ended(demo, job_id)
    return job_id


def _answered(message: Message) -> bool:
    """A plan card, or a refusal."""
    return offers("approve")(message) or message["body"]["tone"] in {"warning", "bad"}


def _stoppable(message: Message) -> bool:
    return offers("cancel")(message) and not offers("approve")(message)


async def _ended(demo: KillableDemo, job_id: str) -> None:
    while not demo.sight.ended(job_id):
        await asyncio.sleep(0.1)


async def _judge(
    demo: KillableDemo, run: Run, thread: str, *, job_id: str, before: Fleet, old: Tree
) -> list[str]:
    sight, now = demo.sight, await look(demo)
    if run.package:
        package = demo.package(run.package)
        new, version = overlaid(old, package), run.package.split("-")[1].removesuffix(".zip")
    elif run.text == ROLLBACK:
        new, version = old, "1.0.0"
    else:
        new, version = before.trees[NODES[0]], before.versions[NODES[0]]
    expected = Expected(before=before, new=new, new_version=version)
    status, said = await demo.command("audit", "verify")
    return [
        *([] if run.state == (run.end or run.state) else [f"ended as {run.state}"]),
        *([] if run.state not in {"unknown", "rollback_failed"} else [f"left as {run.state}"]),
        *judge_nodes(run.state, now, expected, mixed=bool(run.mixed)),
        *judge_words(sight, job_id, run.mixed),
        *judge_estate(demo),
        *judge_job(sight, job_id),
        *judge_ledger(sight, job_id, before, now),
        *(judge_reading if run.reads else judge_room)(sight, job_id, thread),
        *([] if status == 0 else [f"audit verify: {said}"]),
        *(f"missed: {k.who} at {k.when.name}" for k in run.kills if run.end and not k.hit),
    ]


def _table(run: Run) -> str:
    head = f"\n{run.name}: {run.state} after {run.took_s:.0f} s"
    rows = [
        f"  {kill.who:5} {signal.Signals(kill.number).name} {kill.when.name:28} "
        + (f"back in {kill.back_s:.1f} s" if kill.hit else "-")
        for kill in run.kills
    ]
    return "\n".join([head, *rows, *(f"  WRONG {wrong}" for wrong in run.wrong)])
