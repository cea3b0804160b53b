"""People in each other's way, calendars, and words that do not count any more."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

from bot.core.cards import moment
from bot.core.domain.calendar import Freeze, Window
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Role
from tests.fakes.engine import LEADER, TEXTS, words_of
from tests.integration.deploy.conftest import Tell
from tests.integration.deploy.days import require_settled, require_told
from tests.integration.deploy.site import Site
from tests.lab import Lab, application

LOCK = "MOEF-BUDGET"
WHY = "연말 결산 동결"


def held(site: Site, step: str) -> tuple[asyncio.Event, asyncio.Event]:
    """That step waits: (it has been reached, let it go on)."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        reached.set()
        await go_on.wait()

    site.pool.before[step] = wait
    return reached, go_on


async def running(site: Site) -> tuple[Job, asyncio.Event]:
    """A deployment that is held before it transfers anything."""
    reached, go_on = held(site, "was01.03-stage")
    job = await site.ask(application("2.0.0"))
    await site.bot.press(job)
    await reached.wait()
    site.world.clock.pass_by(minutes=1)
    return job, go_on


def versions(site: Site) -> set[str]:
    return {node.service.version for node in site.fleet.nodes}


def card(site: Site, job: Job) -> str:
    return words_of(site.world.messenger.at(site.world.job(job.job_id).card).now)


def buttons(site: Site, job: Job) -> list[str]:
    shown = site.world.messenger.at(site.world.job(job.job_id).card).now
    return [button.button for button in shown.buttons]


async def freeze(site: Site) -> Freeze:
    now = site.world.clock.now()
    declared = Freeze(
        freeze_id="F1",
        who="pm",
        why=WHY,
        start=now,
        until=now + timedelta(hours=3),
        system_code=LOCK,
    )
    await site.world.calendar.add_freeze(declared)
    return declared


# --- in each other's way ----------------------------------------------------------------------


async def test_a_second_deployment_of_the_same_files_is_told_of_the_first_and_not_run_over_it(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    async with site.open():
        first, go_on = await running(site)
        second = await site.ask(application("3.0.0"), by="operator")
        await site.bot.press(second)
        require_told(await site.bot.told(f"{second.job_id}:turn"), first.job_id, second.job_id)
        site.world.clock.pass_by(minutes=1)
        go_on.set()
        assert (await site.ended(first)).state is JobState.SUCCEEDED
        second = await site.ended(second)
        assert second.state is JobState.DENIED
        assert versions(site) == {"2.0.0"}
        require_told(
            site.report(second), first.job_id, "WEB-INF/classes/app.properties", "다시 요청"
        )
        tell("두 사람이 같은 파일을 배포: 나중 작업", site, second)

        again = await site.deploy(application("3.0.0"), by="operator")
        assert again.state is JobState.SUCCEEDED
        assert versions(site) == {"3.0.0"}
        await require_settled(site, lab, again)


async def test_a_second_deployment_of_other_files_runs_after_the_first(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    async with site.open():
        first, go_on = await running(site)
        second = await site.ask({"img/new.png": b"a picture"}, by="operator")
        await site.bot.press(second)
        require_told(await site.bot.told(f"{second.job_id}:turn"), first.job_id)
        site.world.clock.pass_by(minutes=1)
        go_on.set()
        assert (await site.ended(first)).state is JobState.SUCCEEDED
        second = await site.ended(second)
        assert second.state is JobState.SUCCEEDED, site.report(second)
        assert versions(site) == {"2.0.0"}
        assert all("img/new.png" in node.digests() for node in site.fleet.nodes)
        await require_settled(site, lab, second)
        tell("두 사람이 다른 파일을 배포: 나중 작업", site, second)


async def test_a_restart_asked_while_a_deployment_runs_waits_for_it_and_says_so(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    async with site.open():
        deployment, go_on = await running(site)
        restart = await site.ask(
            action="manage_service", by="operator", params={"operation": "restart"}
        )
        await site.bot.press(restart)
        require_told(await site.bot.told(f"{restart.job_id}:turn"), deployment.job_id)
        go_on.set()
        assert (await site.ended(deployment)).state is JobState.SUCCEEDED
        restart = await site.ended(restart)
        assert restart.state is JobState.SUCCEEDED, site.report(restart)
        kinds = [kind for node, kind in site.pool.ordered if node == "was01"]
        assert kinds.count("stop_service") == 2
        assert versions(site) == {"2.0.0"}
        await require_settled(site, lab, restart)
        tell("배포 중에 요청한 재기동", site, restart)


# --- calendars --------------------------------------------------------------------------------


async def test_a_freeze_that_is_declared_after_the_approval_keeps_the_deployment_out(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    async with site.open():
        first, go_on = await running(site)
        second = await site.ask({"img/new.png": b"a picture"}, by="operator")
        await site.bot.press(second)
        await site.bot.told(f"{second.job_id}:turn")
        declared = await freeze(site)
        go_on.set()
        assert (await site.ended(first)).state is JobState.SUCCEEDED  # what runs goes on
        (told,) = site.world.messenger.all(f"{first.job_id}:closed:")
        require_told(told.now, WHY, "pm씨", moment(declared.until, TEXTS), "끝까지 진행합니다")
        second = await site.ended(second)
        assert second.state is JobState.DENIED
        assert "img/new.png" not in site.fleet.nodes[0].digests()
        told = site.report(second)
        require_told(told, WHY, "pm씨", moment(declared.until, TEXTS), "변경된 것은 없습니다")
        await require_settled(site, lab, second)
        tell("승인한 뒤에 동결이 선언됨", site, second)


async def test_outside_its_window_it_is_approved_for_the_next_and_runs_then(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(2), folder=tmp_path)
    async with site.open():
        # The clock stands at a Wednesday, 14:00 in Seoul.
        tonight = Window(weekdays=(2,), begin=time(22), end=time(2))
        await site.world.calendar.set_windows(LOCK, [tonight])
        job = await site.ask(application("2.0.0"))
        assert buttons(site, job) == ["approve_at", "reject", "cancel"]
        opens = site.world.clock.now() + timedelta(hours=8)
        require_told(card(site, job), moment(opens, TEXTS))
        await site.bot.press(job)
        await site.bot.told(":refusal")
        require_told(site.world.messenger.all(":refusal")[0].now, job.job_id)

        await site.bot.press(job, "approve_at")
        require_told(await site.bot.told(f"{job.job_id}:run_at"), moment(opens, TEXTS))
        assert ("was01", "backup_files") not in site.pool.ordered
        site.world.clock.pass_by(hours=8)
        await site.bot.wake(job)
        job = await site.ended(job)
        assert job.state is JobState.SUCCEEDED, site.report(job)
        assert versions(site) == {"2.0.0"}
        await require_settled(site, lab, job)
        tell("작업 시간대 밖에서 요청: 다음 시간대에 실행", site, job)


# --- words that do not count any more ---------------------------------------------------------


async def test_an_approver_who_is_demoted_before_the_start_has_approved_nothing(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    async with site.open():
        _, go_on = await running(site)
        second = await site.ask({"img/new.png": b"a picture"}, by="operator")
        await site.bot.press(second)
        await site.bot.told(f"{second.job_id}:turn")
        site.world.directory.everybody["leader"] = replace(LEADER, role=Role.OPERATOR)
        go_on.set()
        second = await site.ended(second)
        assert second.state is JobState.DENIED
        assert "img/new.png" not in site.fleet.nodes[0].digests()
        require_told(site.report(second), second.job_id, "변경된 것은 없습니다")
        await require_settled(site, lab, second)
        tell("승인자가 시작 전에 권한을 잃음", site, second)


async def test_a_late_yes_starts_nothing(lab: Lab, tmp_path: Path) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    before = site.digests()
    async with site.open():
        job = await site.ask(application("2.0.0"))
        site.world.clock.pass_by(hours=1)
        await site.bot.press(job)
        await site.bot.told(":refusal")
        require_told(site.world.messenger.all(":refusal")[0].now, job.job_id)
        await site.bot.wake(job)
        job = await site.bot.ended(job)
        assert job.state is JobState.EXPIRED
        assert site.digests() == before
        assert ("was01", "backup_files") not in site.pool.ordered


async def test_a_yes_that_is_taken_back_before_its_time_starts_nothing(
    lab: Lab, tmp_path: Path, tell: Tell
) -> None:
    site = Site(fleet=lab.nodes(1, web=False), folder=tmp_path)
    before = site.digests()
    async with site.open():
        await freeze(site)
        job = await site.ask(application("2.0.0"))
        await site.bot.press(job, "approve_at")
        await site.bot.told(f"{job.job_id}:run_at")
        await site.bot.press(job, "cancel")
        job = await site.ended(job)
        assert job.state is JobState.CANCELLED
        assert site.digests() == before
        assert ("was01", "backup_files") not in site.pool.ordered
        require_told(site.report(job), job.job_id)
        await require_settled(site, lab, job)
        tell("예약한 승인을 실행 전에 거둠", site, job)
