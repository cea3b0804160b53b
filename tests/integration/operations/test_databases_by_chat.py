"""What people read who ask for a database or a broker: through the whole engine, on real parts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from agent.wire.profile import NodeProfile
from bot.core.domain.job import Job, JobState
from tests.fakes.engine import words_of
from tests.integration.deploy.site import Site
from tests.integration.operations.at_node import looked
from tests.integration.operations.sessions_of import blocked
from tests.lab import Broker, Fleet, Lab, Postgres, SshdOptions
from tests.lab.broker import queue

HOST = "127.0.1.11"
NODE = "was01"


@pytest.fixture(scope="module")
def pg(module_lab: Lab) -> Postgres:
    return module_lab.postgres(host=HOST)


@pytest.fixture(scope="module")
def broker(module_lab: Lab) -> Broker:
    return module_lab.broker(host=HOST)


@pytest.fixture(scope="module")
def fleet(module_lab: Lab, pg: Postgres) -> Fleet:
    options = SshdOptions(host_keys=("ed25519",), lines=(f"SetEnv PGPASSFILE={pg.pgpass}",))
    return module_lab.nodes(1, web=False, options=options)


@pytest.fixture
async def site(
    fleet: Fleet, pg: Postgres, broker: Broker, tmp_path: Any, module_lab: Lab
) -> AsyncIterator[Site]:
    dumps = module_lab.account.make_folder(fleet.nodes[0].backup_path / "dumps")
    profile = NodeProfile(database=pg.spec(dump_folder=dumps), queue=broker.spec())
    made = Site(
        fleet=fleet,
        folder=tmp_path,
        targets={NODE: {"profile": profile}},
        services={NODE: {"database": pg.login("guardia_signal"), "queue": broker.login}},
    )
    async with made.open():
        yield made


def secrets(pg: Postgres, broker: Broker) -> tuple[str, ...]:
    return (*pg.passwords.values(), broker.login.password)


async def not_killed(site: Site, pid: int, *, by: str = "operator") -> str:
    """Why the end of that session is not planned."""
    params = {"operation": "kill", "pid": pid}
    return words_of(await site.refused(action="check_db_status", params=params, by=by))


async def approved_with_code(site: Site, job: Job) -> Job:
    """What a part leader does with the authenticator at hand, and the job's end."""
    device = await site.world.codes.enrol("leader")
    code = device.code(site.world.clock.now())
    await site.bot.workflows.approve(site.world.press(site.world.job(job.job_id)), code)
    return await site.ended(job)


async def test_the_state_of_a_database_reads_as_a_sentence_and_tables(
    site: Site, pg: Postgres, broker: Broker
) -> None:
    async with blocked(pg) as held:
        job, said = await looked(site, "check_db_status")
    assert job.state is JobState.SUCCEEDED
    assert "예산시스템 운영 WAS 1대 DB 상태 조회 결과" in said
    assert "was01: 주의 — 잠금 대기 세션 1" in said
    assert "SQL (값은 가림)" in said
    assert str(held.holder) in said
    assert "update stock set amount = ? where item = ?" in said
    assert "4711" not in said
    assert HOST not in said
    assert not any(secret in said for secret in secrets(pg, broker))


async def test_a_session_that_nobody_has_looked_at_is_not_ended(site: Site, pg: Postgres) -> None:
    async with blocked(pg) as held:
        told = await not_killed(site, held.holder)
        assert "조회된 적이 없는 세션이라 종료하지 않습니다" in told
        assert "먼저 DB 상태를 조회해 주세요" in told
        assert pg.psql(f"select count(*) from pg_stat_activity where pid = {held.holder}") == "1"


async def test_a_session_seen_blocking_is_ended_after_approval_and_verified(
    site: Site, pg: Postgres
) -> None:
    async with blocked(pg) as held:
        await looked(site, "check_db_status")
        job = await site.ask(
            action="check_db_status",
            params={"operation": "kill", "pid": held.holder},
            by="operator",
        )
        assert job.state is JobState.AWAITING_APPROVAL
        assert site.world.job(job.job_id).card is not None
        card = words_of(site.world.messenger.at(site.world.job(job.job_id).card).now)
        ended = await approved_with_code(site, job)
        said = site.report(ended)
        assert ended.state is JobState.SUCCEEDED, said
        assert await held.waiting[0] == "UPDATE 1"
    assert f"DB 세션 종료 (PID {held.holder})" in card
    assert "mes_app" in card
    assert "세션을 종료했고, 사라진 것을 확인했습니다" in said
    assert pg.psql(f"select count(*) from pg_stat_activity where pid = {held.holder}") == "0"


async def test_what_was_seen_five_minutes_ago_or_by_somebody_else_does_not_count(
    site: Site, pg: Postgres
) -> None:
    async with blocked(pg) as held:
        await looked(site, "check_db_status")
        others = await not_killed(site, held.holder, by="leader")
        site.world.clock.pass_by(minutes=5)
        late = await not_killed(site, held.holder)
    assert "조회된 적이 없는 세션" in others
    assert "조회한 지 5분이 지나" in late


async def test_a_backup_tells_file_size_and_checksum(
    site: Site, pg: Postgres, broker: Broker
) -> None:
    job = await site.ask(action="backup_db", by="operator")
    assert job.state is JobState.AWAITING_APPROVAL
    ended = await site.approve(job)
    said = site.report(ended)
    assert ended.state is JobState.SUCCEEDED, said
    assert "1대의 DB를 백업했고, 백업의 목록과 체크섬을 확인했습니다" in said
    assert f"guardia-{NODE}-mes.{job.job_id}.dump" in said
    assert "SHA-256" in said
    assert not any(secret in said for secret in secrets(pg, broker))


async def test_quality_of_a_day_is_read_by_chat(site: Site) -> None:
    _, said = await looked(site, "fetch_mes_qc", params={"date": "2026-04-01"})
    assert "MES 품질 데이터 조회 결과" in said
    assert "PRC-WELD" in said
    assert "불합격" in said


async def test_a_day_that_is_none_is_refused_before_any_server(site: Site) -> None:
    report = await site.refused(
        action="fetch_mes_qc", params={"date": "2026-04-01'; drop table x; --"}, by="operator"
    )
    assert "날짜를 알 수 없습니다" in words_of(report)
    assert site.pool.ordered == []


async def test_failed_transactions_are_read_by_chat(site: Site) -> None:
    _, said = await looked(site, "link_tx_tracker")
    assert "연계 트랜잭션 점검 결과" in said
    assert "TX-0002" in said
    assert "ERP → MES" in said
    assert "10.20.30.40" not in said


async def test_queues_are_read_by_chat(site: Site, broker: Broker) -> None:
    broker.queues = [queue("q.lost", messages=3, consumers=0), queue("q.fine")]
    _, said = await looked(site, "esb_channel_monitor")
    assert "ESB 채널 점검 결과" in said
    assert "q.lost" in said
    assert "심각" in said


async def test_a_database_that_is_down_is_told_apart_from_one_that_refuses(
    site: Site, pg: Postgres, broker: Broker, capfd: pytest.CaptureFixture[str]
) -> None:
    pg.stop()
    _, down = await looked(site, "check_db_status")
    pg.start()
    pg.psql("alter role guardia_signal nologin")
    _, refused = await looked(site, "check_db_status")
    pg.psql("alter role guardia_signal login")
    assert "DB에 접속할 수 없습니다" in down
    assert "DB가 등록된 조회 계정을 거부했습니다" in refused
    logged = capfd.readouterr()
    everything = (down, refused, logged.out, logged.err, str(site.world.audit.events))
    assert "database_unreachable" in logged.out
    assert not [each for each in everything if any(word in each for word in secrets(pg, broker))]


async def test_who_may_look_and_not_end_is_told_so_though_it_was_seen(
    site: Site, pg: Postgres
) -> None:
    async with blocked(pg) as held:
        _, said = await looked(site, "check_db_status", by="dev")
        told = await not_killed(site, held.holder, by="dev")
        assert pg.psql(f"select count(*) from pg_stat_activity where pid = {held.holder}") == "1"
    assert str(held.holder) in said
    assert told.splitlines()[1] not in said
    assert "허용하는 규칙이 없어" in told


async def test_a_person_without_the_right_is_told_so_and_nothing_is_asked(site: Site) -> None:
    report = await site.refused(action="check_db_status", by="outsider")
    assert "요청대로 할 수 없습니다" in words_of(report)
    assert site.pool.ordered == []
