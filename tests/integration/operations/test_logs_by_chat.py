"""A person asks for logs, for a clearing, for a healing; what they read, to the end."""

from __future__ import annotations

import io
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from agent.wire.profile import LogSpec, NodeProfile
from bot.core.domain.estate import Environment, Layer
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Attachment
from tests.fakes.engine import MOEF, SYSTEM
from tests.fakes.planning import NOW
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import looked
from tests.integration.operations.old_logs import old
from tests.lab import Fleet, Lab


@pytest.fixture(scope="module")
def fleet(module_lab: Lab) -> Fleet:
    return module_lab.nodes(2, web=False)


def logs_of(lab: Lab, fleet: Fleet, name: str) -> list[Path]:
    """A folder of logs on each node."""
    return [
        lab.account.make_folder(node.deploy_path.parent / f"logs-{name}") for node in fleet.nodes
    ]


def site_of(fleet: Fleet, folder: Path, logs: list[Path], **more: Any) -> Site:
    targets: dict[str, dict[str, object]] = {}
    for node, place in zip(fleet.nodes, logs, strict=True):
        service = node.service.spec.model_copy(update={"log_path": str(place / "catalina.out")})
        profile = NodeProfile(
            clearable=(str(place),), logs=(LogSpec(name="access", path=str(place / "access.log")),)
        )
        targets[node.node_id] = {"service": service, "profile": profile}
    return Site(fleet=fleet, folder=folder, targets=targets, **more)


def at(minutes: float) -> datetime:
    """As the nodes' clock shows it: the lab's servers are in the machine's zone."""
    return (NOW + timedelta(minutes=minutes)).astimezone()


def write_logs(lab: Lab, logs: list[Path]) -> None:
    """The first node's log tells of a failure, the second's of nothing."""
    failed = (
        f"{at(-20):%d-%b-%Y %H:%M:%S.000} SEVERE [main] 결재 연동 실패: order 42 of 10.20.30.40\n"
        "java.lang.IllegalStateException: =1+1\n\tat kr.go.Budget.run(Budget.java:7)\n"
    ).encode("cp949")
    fine = f"{at(-10):%d-%b-%Y %H:%M:%S.000} INFO [main] Server startup in 900 ms\n".encode()
    before = f"{at(-90):%d-%b-%Y %H:%M:%S.000} SEVERE [main] an hour and a half ago\n".encode()
    lab.ground.write(logs[0] / "catalina.out", before + failed + fine)
    lab.ground.write(logs[1] / "catalina.out", fine)
    for place in logs:
        access = f'10.9.8.7 - - [{at(-5):%d/%b/%Y:%H:%M:%S %z}] "GET / HTTP/1.1" 200 12\n'
        lab.ground.write(place / "access.log", access)


async def attached(site: Site, job: Job) -> list[Attachment]:
    key = f"{job.job_id}:log"
    await site.bot.until(lambda: site.world.messenger.all(key))
    return list(site.world.messenger.all(key)[0].now.files)


async def test_logs_are_asked_for_and_read(module_lab: Lab, fleet: Fleet, tmp_path: Path) -> None:
    logs = logs_of(module_lab, fleet, "text")
    write_logs(module_lab, logs)
    site = site_of(fleet, tmp_path, logs)
    async with site.open():
        job, said = await looked(site, "collect_target_logs")
    assert job.state is JobState.SUCCEEDED
    assert "로그 조회" in said
    assert "was01(주의)" in said
    assert "결재 연동 실패" in said
    assert "Budget.java:7" in said
    assert "an hour and a half ago" not in said
    assert "10.20.30.40" not in said
    assert "10.9.8.7" not in said


async def test_a_pattern_is_found_and_sent_as_a_workbook(
    module_lab: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    logs = logs_of(module_lab, fleet, "book")
    write_logs(module_lab, logs)
    site = site_of(fleet, tmp_path, logs)
    params = {"pattern": "연동 실패", "format": "xlsx"}
    async with site.open():
        job, said = await looked(site, "collect_target_logs", params=params)
        (file,) = [one for one in await attached(site, job) if one.name.endswith(".xlsx")]
        body = await site.world.files.read(file.digest, 0, file.size)
    assert "해당 줄" in said or "결재 연동 실패" in said
    book = load_workbook(io.BytesIO(body))
    assert book.sheetnames[:3] == ["요약", "시간대별 건수", "메시지별 건수"]
    told = [cell.value for page in book for row in page.iter_rows() for cell in row]
    assert any("SEVERE [main] 결재 연동 실패" in str(value) for value in told)
    assert "java.lang.IllegalStateException: =1+1" in told
    assert not any("10.20.30.40" in str(value) for value in told)


async def test_a_clearing_shows_its_files_and_clears_these_and_no_others(
    module_lab: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    logs = logs_of(module_lab, fleet, "clear")
    for place in logs:
        old(module_lab, place / "catalina.out", 200)  # the service's own
        old(module_lab, place / "old $(x).log", 100)
        old(module_lab, place / "app.log.1", 40)
        old(module_lab, place / "changes.log.2", 40)
    site = site_of(fleet, tmp_path, logs)
    async with site.open():
        job = await site.ask(action="backup_and_clear", by="operator")
        assert job.state is JobState.AWAITING_APPROVAL
        card = site.world.said()
        (logs[0] / "changes.log.2").write_bytes(b"written after the plan was made\n")
        old(module_lab, logs[1] / "came later.log", 100)
        job = await site.approve(job)
        said = site.report(job)
    assert "오래된 로그 정리" in card
    assert "old $(x).log" in card
    assert "90일 이상 지난 로그 2개" in card
    assert "catalina.out" not in card
    assert job.state is JobState.SUCCEEDED, said
    assert {path.name for path in logs[0].iterdir()} == {
        "catalina.out",
        "app.log.1.gz",
        "changes.log.2",
    }
    assert {path.name for path in logs[1].iterdir()} == {
        "catalina.out",
        "app.log.1.gz",
        "changes.log.2.gz",
        "came later.log",
    }
    assert "확보한 공간" in said
    assert "승인 후 바뀌어 둠" in said


async def test_nothing_to_clear_is_said_and_needs_no_approval(
    module_lab: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    logs = logs_of(module_lab, fleet, "none")
    site = site_of(fleet, tmp_path, logs)
    async with site.open():
        selector = Selector(
            institution=MOEF, system=SYSTEM.name, layer=Layer.WAS, env=Environment.PROD
        )
        site.world.parser.answers["로그 정리"] = Intent(
            action="backup_and_clear", selector=selector
        )
        await site.bot.workflows.receive(site.world.mention("로그 정리", by="operator"))
        await site.bot.until(lambda: "정리할 로그가 없습니다" in site.world.said())
        said = site.world.said()
    assert "30일 이상 지난 로그가 없어" in said
    assert not site.world.jobs.jobs


async def test_a_full_disk_heals_itself(module_lab: Lab, fleet: Fleet, tmp_path: Path) -> None:
    logs = logs_of(module_lab, fleet, "heal")
    module_lab.disk(str(logs[0].relative_to(module_lab.root)), size=4 << 20)
    old(module_lab, logs[0] / "dump.log", 100, os.urandom(3_600_000))
    old(module_lab, logs[1] / "small.log", 100)
    site = site_of(fleet, tmp_path, logs)
    async with site.open():
        job = await site.ask(action="self_healing_defense", by="operator", params={"threshold": 85})
        assert job.plan.node_names == ("was01",)
        job = await site.approve(job)
        said = site.report(job)
    assert job.state is JobState.SUCCEEDED, said
    assert "정리 후 사용률" in said
    assert not (logs[0] / "dump.log").exists()
    assert (logs[1] / "small.log").exists()


async def test_a_third_healing_within_the_hour_is_refused_in_words(
    module_lab: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    logs = logs_of(module_lab, fleet, "capped")
    module_lab.disk(str(logs[0].relative_to(module_lab.root)), size=4 << 20)
    kept = old(module_lab, logs[0] / "dump.log", 100, os.urandom(3_600_000))
    site = site_of(fleet, tmp_path, logs)
    async with site.open():
        ledger = site.pool.executor.ledger
        for job_id in ("J1", "J2"):  # as two healings of this hour have left it
            now = site.world.clock.now()
            step = (job_id, "was01.01-heal-disk")
            assert ledger.take_turn("heal was01", step=step, most=2, since=now, at=now)
        job = await site.ask(action="self_healing_defense", by="operator", params={"threshold": 85})
        site.world.clock.pass_by(minutes=20)
        job = await site.approve(job)
        said = site.report(job)
    assert job.state is JobState.FAILED
    assert "최근 한 시간에 이미 두 번 정리해 더 정리하지 않았습니다" in said
    assert kept.exists()
