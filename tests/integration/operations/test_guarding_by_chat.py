"""What people read of the checks that guard a node, and of the two changes among them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.wire.profile import CertificateSpec, CronJobSpec, NodeProfile, WatchedFile
from bot.core.domain.job import Job, JobState
from tests.fakes.engine import words_of
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import looked
from tests.lab import CronSpool, Fleet, Lab, SshdOptions, TlsNginx, issue

NAME = "www.example.go.kr"
NIGHTLY: Mapping[str, Any] = {"job": "db_backup", "cron": "0 3 * * *"}


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """Two nodes, each with a spool of its own; files, jobs and certificates of the first."""

    fleet: Fleet
    spools: tuple[CronSpool, CronSpool]
    tls: TlsNginx
    folder: Path

    def profile(self, **changes: object) -> NodeProfile:
        values: dict[str, object] = {
            "watched": (WatchedFile(path=str(self.folder / "server.xml"), diff=True),),
            "ports": (1, 2),
            "binaries": ("/usr/bin/ls",),
            "certificates": (
                CertificateSpec(
                    path=str(self.tls.path("week")), port=self.tls.port["week"], server_name=NAME
                ),
            ),
            "cron_log": str(self.folder / "cron"),
            "cron_jobs": (CronJobSpec(template="db_backup", path=str(self.folder / "backup.sh")),),
        }
        return NodeProfile.model_validate({**values, **changes})


@pytest.fixture(scope="module")
def guarded(module_lab: Lab) -> Guarded:
    spools = (module_lab.cron("cron1"), module_lab.cron("cron2"))
    nodes = []
    for number, spool in enumerate(spools, start=1):
        options = SshdOptions(host_keys=("ed25519",), private=spool.private)
        prefix, subnet = f"n{number}was", f"127.0.{200 + os.getpid() % 50}"
        made = module_lab.nodes(1, options=options, web=False, prefix=prefix, subnet=subnet)
        nodes.append(made.nodes[0])
    tls = module_lab.tls(host=nodes[0].sshd.host)
    tls.add("week", issue(NAME, by=tls.intermediate, days=5, names=(NAME,)), tls.intermediate)
    module_lab.add(tls)
    folder = module_lab.root / "guarded"
    write = module_lab.ground.write
    write(folder / "server.xml", "<Server>\n <Connector maxThreads='200'/>\n</Server>\n")
    write(folder / "backup.sh", "#!/bin/sh\n", mode=0o755)
    fleet = Fleet(nodes=tuple(nodes), web=None)
    return Guarded(fleet=fleet, spools=spools, tls=tls, folder=folder)


@pytest.fixture
async def site(guarded: Guarded, tmp_path: Path) -> AsyncIterator[Site]:
    for spool in guarded.spools:
        spool.install("")
    first, second = (node.node_id for node in guarded.fleet.nodes)
    bare = guarded.profile(watched=(), binaries=(), certificates=(), ports=None)
    targets = {first: {"profile": guarded.profile()}, second: {"profile": bare}}
    made = Site(fleet=guarded.fleet, folder=tmp_path, targets=targets)
    async with made.open():
        yield made


async def card(site: Site, job: Job) -> str:
    """The plan card, once it is there whole: its place is taken before."""
    place = job.card
    assert place is not None
    messenger = site.world.messenger
    await site.bot.until(lambda: "계획 지문" in words_of(messenger.at(place).now))
    return words_of(messenger.at(place).now)


def no_address(site: Site, said: str) -> bool:
    return not any(node.sshd.host in said for node in site.fleet.nodes)


async def test_the_security_audit_names_what_is_open_and_what_nobody_could_see(site: Site) -> None:
    job, said = await looked(site, "security_audit")
    assert job.state is JobState.SUCCEEDED
    assert "2대 보안 점검" in said
    assert "n1was01(심각)" in said
    assert "허용되지 않음" in said
    assert "이 노드에 허용 포트가 등록되지 않아" in said
    assert no_address(site, said)


async def test_a_certificate_that_ends_soon_is_told_first(site: Site) -> None:
    job, said = await looked(site, "ssl_expiry_detector")
    assert job.state is JobState.SUCCEEDED
    assert job.plan.node_names == ("n1was01",)
    assert "가장 먼저 끝나는 인증서 5일" in said
    assert "심각" in said
    assert "Lab Issuing CA" in said
    assert no_address(site, said)


async def test_a_baseline_is_made_by_approval_and_a_change_is_shown_after(
    site: Site, guarded: Guarded
) -> None:
    _, before = await looked(site, "config_integrity_check", params={"operation": "check"})
    assert "아직 기준선이 없어" in before
    job = await site.ask(
        action="config_integrity_check", params={"operation": "init"}, by="operator"
    )
    assert job.state is JobState.AWAITING_APPROVAL
    shown = await card(site, job)
    (step,) = job.plan.wire.steps()
    digests = dict(getattr(step.operation, "expected", ()))
    assert set(digests) == {str(guarded.folder / "server.xml"), "/usr/bin/ls"}
    assert all(str(digest) in shown for digest in digests.values())
    assert "감시할 파일이 등록되지 않아 제외했습니다: n2was01" in shown
    ended = await site.approve(job)
    assert ended.state is JobState.SUCCEEDED
    assert "1대의 설정 기준선을 기록했습니다" in site.report(ended)
    xml = guarded.folder / "server.xml"
    xml.write_text(xml.read_text().replace("200", "400"))
    _, after = await looked(site, "config_integrity_check", params={"operation": "check"})
    assert "달라진 파일 1" in after
    assert "+ <Connector maxThreads='400'/>" in after


async def test_a_file_changed_between_plan_and_approval_keeps_the_old_baseline(
    site: Site, guarded: Guarded
) -> None:
    job = await site.ask(
        action="config_integrity_check", params={"operation": "init"}, by="operator"
    )
    xml = guarded.folder / "server.xml"
    xml.write_text(xml.read_text() + "<!-- later -->\n")
    ended = await site.approve(job)
    assert ended.state is JobState.FAILED
    assert "승인한 뒤 파일이 바뀌어 기준선을 기록하지 않았습니다" in site.report(ended)


async def test_the_crontab_is_read_against_the_log(
    site: Site, guarded: Guarded, module_lab: Lab
) -> None:
    due = (datetime.now(UTC) - timedelta(hours=1)).replace(second=1, microsecond=0)
    at = f"{due.minute} {due.hour} * * *"
    guarded.spools[0].install(f"{at} /job/fine\n{at} /job/never --password=hunter2\n")
    early, name = due - timedelta(hours=1), module_lab.account.name
    log = "".join(
        f"{when:%b} {when.day:>2} {when:%H:%M:%S} h CRON[7]: ({name}) CMD ({what})\n"
        for when, what in ((early, "x"), (due, "/job/fine"))
    )
    module_lab.ground.write(guarded.folder / "cron", log)
    job, said = await looked(site, "cron_health_checker")
    assert job.state is JobState.SUCCEEDED
    assert "n1was01(심각)" in said
    assert "실행 기록 없음" in said
    assert "/job/fine" in said
    assert "hunter2" not in said
    assert "1대 정상" in said


async def test_a_pasted_crontab_is_answered_without_any_server(site: Site) -> None:
    text = "0 3 * * * /opt/backup.sh --password=hunter2\n61 4 * * * /opt/never.sh"
    said = words_of(await site.refused(action="cron_health_checker", params={"crontab": text}))
    assert "작업 2줄 중 1줄은 크론이 실행할 수 없습니다" in said
    assert "잘못된 주기" in said
    assert "03:00" in said
    assert "서버와 실행 로그는 조회하지 않아" in said
    assert "hunter2" not in said
    assert site.pool.ordered == []


async def test_a_cron_job_is_registered_after_approval_and_twice_is_once(
    site: Site, guarded: Guarded
) -> None:
    guarded.spools[0].install("5 5 * * * /mine\n")
    job = await site.ask(action="register_cron", params=NIGHTLY, by="operator")
    assert job.state is JobState.AWAITING_APPROVAL
    shown = await card(site, job)
    line = f"0 3 * * * {guarded.folder}/backup.sh"
    assert f"+{line}" in shown
    assert "crontab에 DB 백업 작업을 '0 3 * * *' 주기로" in shown
    ended = await site.approve(job)
    assert ended.state is JobState.SUCCEEDED
    assert "2대의 crontab에 등록했고" in site.report(ended)
    assert all(line in spool.text for spool in guarded.spools)
    assert guarded.spools[0].text.startswith("5 5 * * * /mine\n")
    asking = asyncio.ensure_future(
        site.refused(action="register_cron", params=NIGHTLY, by="operator")
    )
    again = "'0 3 * * *' 주기로 이미 등록되어 있어 바꾸지 않았습니다"
    await site.bot.until(lambda: again in site.world.said())
    asking.cancel()
    assert len(site.world.jobs.jobs) == 1


async def test_a_crontab_edited_meanwhile_stops_it_and_the_others_go_back(
    site: Site, guarded: Guarded
) -> None:
    guarded.spools[0].install("5 5 * * * /mine\n")
    job = await site.ask(action="register_cron", params=NIGHTLY, by="operator")
    guarded.spools[1].install("1 1 * * * /by/hand\n")
    ended = await site.approve(job)
    said = site.report(ended)
    assert guarded.spools[0].text == "5 5 * * * /mine\n", "put back"
    assert guarded.spools[1].text == "1 1 * * * /by/hand\n", "left alone"
    assert ended.state is JobState.ROLLED_BACK, said
    assert "이미 바꾼 crontab을 원래대로 되돌렸습니다" in said
    assert "그 사이 crontab이 바뀌어 건드리지 않았습니다" in said


async def test_a_crontab_that_cannot_be_changed_is_told_in_words_before_any_plan(
    site: Site, guarded: Guarded
) -> None:
    guarded.spools[1].install("# 한글\n".encode("cp949"))
    said = words_of(await site.refused(action="register_cron", params=NIGHTLY, by="operator"))
    assert "n2was01" in said
    assert "서버의 문자 집합으로 읽을 수 없는 글자" in said
    assert guarded.spools[0].text == ""


async def test_root_and_a_wrong_schedule_are_refused_before_any_server_is_asked(
    site: Site,
) -> None:
    wrong = {"job": "db_backup", "cron": "0 3 31 2 *"}
    said = words_of(await site.refused(action="register_cron", params=wrong, by="operator"))
    assert "크론 주기가 올바르지 않습니다: 0 3 31 2 *" in said
    other = {"job": "health_check", "cron": "0 3 * * *"}
    told = words_of(await site.refused(action="register_cron", params=other, by="operator"))
    assert "그 작업의 프로그램이 등록되지 않은 서버가 있습니다" in told
    assert site.pool.ordered == []
