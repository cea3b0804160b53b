"""Plans of the guarding checks: what they name, leave out, refuse, and how they go back."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from actions.cron import CronHealthChecker, RegisterCronJob
from actions.guarding import SecurityAudit, SslExpiryDetector
from actions.integrity import ConfigIntegrityCheck
from agent.wire.checks import CronPreview, ReadCertificates, RecordBaseline, RegisterCron
from agent.wire.profile import CertificateSpec, CronJobSpec, NodeProfile, WatchedFile
from agent.wire.readings import Column, Grid, Level, Reading, Row
from agent.wire.results import Result
from bot.core.domain.estate import Node
from bot.core.domain.intent import Param
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Report
from bot.core.errors import UserError
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import node_of, request_for, sha, target_of

TEXTS = load_texts("ko")
HOSTILE = tomllib.loads(
    (Path(__file__).parents[2] / "cases/operations/cron_hostile.toml").read_text("utf-8")
)
PROFILE = NodeProfile(
    watched=(WatchedFile(path="/app/conf/server.xml", diff=True),),
    certificates=(CertificateSpec(port=443),),
    cron_jobs=(CronJobSpec(template="db_backup", path="/app/bin/backup.sh"),),
)
NIGHTLY: Mapping[str, Param] = {"job": "db_backup", "cron": "0 3 * * *"}


def node(number: int, profile: NodeProfile = PROFILE, **wire: object) -> Node:
    made = node_of(number)
    assert made.wire is not None
    changed = made.wire.model_copy(update={"profile": profile, **wire})
    return replace(made, wire=changed)


def asked(
    *nodes: Node,
    params: Mapping[str, Param] | None = None,
    facts: Mapping[tuple[str, int], Result] | None = None,
) -> ActionRequest:
    return request_for(target_of(list(nodes)), params=params, facts=facts)


def seen(*files: tuple[str, str, str | None, Level]) -> Reading:
    columns = tuple(Column(name=name) for name in ("p", "s", "d", "w"))
    rows = tuple(
        Row(cells=(path, state, digest and digest[:12], digest), level=level)
        for path, state, digest, level in files
    )
    return Reading(level="unknown", grids=(Grid(name="watched_files", columns=columns, rows=rows),))


def preview(*, already: bool = False, was: str | None = None) -> CronPreview:
    return CronPreview(
        before=sha("before"), after=sha("after"), diff=("+x",), already=already, was=was
    )


def test_a_baseline_names_every_readable_digest_and_shows_it_whole() -> None:
    nodes = (node(1), node(2))
    facts = {
        (nodes[0].node_id, 0): seen(
            ("/a", "file_not_kept", sha("a"), "unknown"),
            ("/gone", "file_absent", None, "normal"),
            ("/secret", "file_unreadable", None, "unknown"),
        ),
        (nodes[1].node_id, 0): seen(("/a", "file_changed", sha("b"), "warning")),
    }
    request = asked(*nodes, params={"operation": "init"}, facts=facts)
    plan = ConfigIntegrityCheck().plan(request)
    first, second = (step.operation for step in plan.wire.steps())
    assert first == RecordBaseline(expected=(("/a", sha("a")), ("/gone", None)))
    assert second == RecordBaseline(expected=(("/a", sha("b")),))
    assert plan.risk is Risk.CHANGE
    assert plan.wire.lock is not None
    assert [warning.key for warning in plan.warnings] == [
        "warnings.config_changed",
        "warnings.config_unreadable",
    ]
    shown = [row.cells[2] for _, reading in plan.exhibits for row in reading.grids[0].rows]
    assert sha("a") in shown
    assert sha("b") in shown


def test_a_check_leaves_out_and_names_what_watches_nothing() -> None:
    plan = ConfigIntegrityCheck().plan(asked(node(1), node(2, NodeProfile())))
    assert plan.risk is Risk.READ
    assert plan.node_names == (node(1).node_id,)
    assert [warning.key for warning in plan.warnings] == ["warnings.nothing_watched"]
    with pytest.raises(UserError) as refused:
        ConfigIntegrityCheck().plan(asked(node(2, NodeProfile())))
    assert refused.value.code == "nothing_watched"


def test_certificates_are_asked_for_with_the_limits_of_the_node() -> None:
    plan = SslExpiryDetector().plan(asked(node(1), node(2, NodeProfile())))
    (step,) = plan.wire.steps()
    assert isinstance(step.operation, ReadCertificates)
    assert (step.operation.days.warning, step.operation.days.critical) == (30, 7)
    assert step.operation.days.falling
    with pytest.raises(UserError) as refused:
        SslExpiryDetector().plan(asked(node(2, NodeProfile())))
    assert refused.value.code == "no_certificates"


def test_what_only_takes_files_is_not_looked_at_and_said_so() -> None:
    ftp = node_of(2, transfer="ftp")
    plan = SecurityAudit().plan(asked(node(1), ftp))
    assert plan.node_names == (node(1).node_id,)
    assert [warning.key for warning in plan.warnings] == ["warnings.no_shell_spared"]
    with pytest.raises(UserError) as refused:
        CronHealthChecker(TEXTS).plan(asked(ftp))
    assert refused.value.code == "ftp_only"


def test_a_registration_goes_node_after_node_and_knows_the_way_back() -> None:
    nodes = (node(1), node(2), node(3))
    facts = {
        (nodes[0].node_id, 0): preview(),
        (nodes[1].node_id, 0): preview(was="5 5 * * *"),
        (nodes[2].node_id, 0): preview(already=True),
    }
    plan = RegisterCronJob(TEXTS).plan(asked(*nodes, params=NIGHTLY, facts=facts))
    assert isinstance(plan, Plan)
    assert [[run.node_id for run in batch] for batch in plan.wire.batches] == [
        [nodes[0].node_id],
        [nodes[1].node_id],
    ]
    forward = RegisterCron(template="db_backup", cron="0 3 * * *", before=sha("before"))
    back = [run.undo[0].operation for run in plan.wire.runs()]
    assert [run.steps[0].operation for run in plan.wire.runs()] == [forward, forward]
    assert back == [
        RegisterCron(template="db_backup", cron=None, before=sha("after")),
        RegisterCron(template="db_backup", cron="5 5 * * *", before=sha("after")),
    ]
    assert [warning.key for warning in plan.warnings] == ["warnings.cron_already"]


def test_where_all_have_the_line_that_is_the_answer() -> None:
    nodes = (node(1),)
    facts = {(nodes[0].node_id, 0): preview(already=True)}
    answer = RegisterCronJob(TEXTS).plan(asked(*nodes, params=NIGHTLY, facts=facts))
    assert isinstance(answer, Report)
    assert "이미 등록되어 있어" in answer.summary


@pytest.mark.parametrize("schedule", HOSTILE["schedules"])
def test_a_hostile_schedule_asks_no_server(schedule: str) -> None:
    with pytest.raises(UserError) as refused:
        RegisterCronJob(TEXTS).survey(asked(node(1), params={**NIGHTLY, "cron": schedule}))
    assert refused.value.code == "cron_invalid"


@pytest.mark.parametrize("job", HOSTILE["jobs"])
def test_a_hostile_job_asks_no_server(job: str) -> None:
    with pytest.raises(UserError) as refused:
        RegisterCronJob(TEXTS).survey(asked(node(1), params={**NIGHTLY, "job": job}))
    assert refused.value.code == "cron_job_unknown"


def test_root_gets_no_crontab() -> None:
    with pytest.raises(UserError) as refused:
        RegisterCronJob(TEXTS).survey(asked(node(1, user="root"), params=NIGHTLY))
    assert refused.value.code == "cron_root"


def test_a_pasted_crontab_is_answered_in_seoul_time_without_a_target() -> None:
    text = "0 3 * * * /opt/a.sh\n@reboot /opt/b.sh\n0 3 * *\n"
    request = request_for(None, params={"crontab": text})
    answer = CronHealthChecker(TEXTS).plan(request)
    assert isinstance(answer, Report)
    assert answer.summary == "작업 3줄 중 1줄은 크론이 실행할 수 없습니다."
    cells = [
        cell for section in answer.sections for row in getattr(section, "rows", ()) for cell in row
    ]
    assert "시간 항목 부족" in cells
    assert "부팅할 때 실행" in cells
    assert "2026-04-02 03:00" in cells
