"""Stopped by a person in the middle: never a half-replaced node, and what was done is said."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.domain.job import Job, JobState, StepState
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import pictures, require_settled, require_told
from tests.integration.deploy.site import QUICK, Site
from tests.lab import Lab, LabNode, application

HALF = 400_000  # bytes of the transfer
SHORT = replace(QUICK, settle_s=60, stop_s=60, start_s=60, health_s=12)
FILES = application("2.0.0") | pictures(20, 100_000, seed=4)

# Where it is stopped, and whether a node had been changed by then.
MOMENTS = [
    ("was01.03-stage", False, "전송하기 전"),
    ("was02.03-stage", True, "두 번째 노드에 전송하기 전"),
    ("was02.07-stop", True, "중지하기 전"),
    ("was02.08-replace", True, "중지와 교체 사이"),
    ("was02.09-start", True, "교체와 기동 사이"),
    ("was02.10-health", True, "기동한 뒤"),
]
# Steps that take long enough to be stopped while they run.
LONG = [
    ("was02.03-stage", True, "전송 중"),
    ("was02.05-settle", True, "요청이 끝나기를 기다리는 중"),
    ("was02.13-watch", True, "관찰 중"),
]


async def cancel(site: Site, job: Job) -> None:
    await site.bot.press(job, "cancel", by="dev")
    await site.bot.until(lambda: site.world.job(job.job_id).cancel_requested_by)


async def require_cancelled(site: Site, lab: Lab, job: Job, *, changed: bool) -> None:
    assert job.state is JobState.CANCELLED, site.report(job)
    assert {node.service.version for node in site.fleet.nodes} == {"1.0.0"}
    await require_settled(site, lab, job)
    words = ("이전 버전",) if changed else ("바뀐 것은 없습니다",)
    require_told(site.report(job), "취소", job.job_id, *words)


@pytest.mark.parametrize(("step", "changed", "day"), MOMENTS, ids=[each[0] for each in MOMENTS])
async def test_a_cancel_before_a_step_leaves_the_old_version_everywhere(
    step: str, changed: bool, day: str, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path, rollout=SHORT)
    before = site.digests()
    async with site.open():
        job = await site.ask(FILES)
        site.pool.before[step] = lambda: cancel(site, job)
        job = await site.approve(job)
        assert site.digests() == before
        await require_cancelled(site, lab, job, changed=changed)
        tell(f"취소: {day}", site, job)


@pytest.mark.parametrize(("step", "changed", "day"), LONG, ids=[each[0] for each in LONG])
async def test_a_cancel_during_a_long_step_is_felt_at_once(
    step: str, changed: bool, day: str, lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    fleet = lab.nodes(2)
    second = fleet.nodes[1]
    cut = lab.cut(second.sshd)
    watched = second.service.spec.model_copy(update={"watch_s": 60})
    targets = {"was02": {"service": watched, "port": cut.port}}
    site = Site(fleet=fleet, folder=tmp_path, rollout=SHORT, targets=targets)
    before = site.digests()
    pressed: list[asyncio.Future[None]] = []

    async def press_during(job: Job) -> None:
        await site.bot.until(lambda: step in running(site, job))
        if step.endswith("stage"):
            await site.bot.until(lambda: cut.passed["up"] >= HALF)
        await cancel(site, job)
        cut.restore()

    async with site.open(), AsyncExitStack() as stack:
        job = await site.ask(FILES)

        async def begin() -> None:
            if step.endswith("stage"):
                cut.silent_after(HALF, "up")
            elif step.endswith("settle"):
                await keep_busy(second, stack)
            pressed.append(asyncio.ensure_future(press_during(job)))

        site.pool.before[step] = begin
        job = await site.approve(job)
        assert site.failed_steps(job) == [(step, "cancelled")]  # it did not come to its own end
        await pressed[0]
        assert site.digests() == before
        await require_cancelled(site, lab, job, changed=changed)
        tell(f"취소: {day}", site, job)


def running(site: Site, job: Job) -> set[str]:
    return {
        record.step_id
        for record in site.world.job(job.job_id).steps
        if record.state is StepState.RUNNING
    }


async def keep_busy(node: LabNode, stack: AsyncExitStack) -> None:
    """A connection to the service that does not end."""
    _, writer = await asyncio.open_connection(node.service.host, node.service.port)
    stack.callback(writer.close)
