"""Jobs that looked at servers, with what the checks answer: one node, a few, sixty.

Owns: realistic readings for cards, pages and pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from actions.health import CheckInfraHealth
from actions.logs import CollectTargetLogs
from actions.resources import CheckDiskSpace, MonitorResources
from actions.service import ManageService
from actions.sessions import ListLogins
from agent.wire.readings import (
    Column,
    Excerpt,
    Fact,
    Grid,
    Level,
    Reading,
    Remark,
    Row,
    worst,
)
from agent.wire.results import Result
from bot.core.domain.job import Job, JobState, StepRecord, StepState
from bot.core.domain.plan import Plan
from bot.core.ports import Action
from tests.fakes.planning import NOW, job_of, node_of, pair, request_for, target_of

GIB = 1 << 30
_DISKS = (
    Column(name="path"),
    Column(name="used_percent", unit="percent"),
    Column(name="used", unit="bytes"),
    Column(name="free", unit="bytes"),
    Column(name="size", unit="bytes"),
    Column(name="inodes_percent", unit="percent"),
)


def plan_of(action: Action, count: int, *, unconnected: int = 0) -> Plan:
    """A look at so many servers."""
    nodes = [node_of(number) for number in range(1, count + 1)]
    nodes += [node_of(count + 1 + index, connected=False) for index in range(unconnected)]
    made = action.plan(request_for(target_of(nodes)))
    assert isinstance(made, Plan)
    return made


def read_job(
    plan: Plan,
    answers: Sequence[Result | str | None],
    *,
    state: JobState = JobState.SUCCEEDED,
) -> Job:
    """The job of a look. An answer that is text is the code of a failure; None: not asked."""
    steps = [step for run in plan.wire.runs() for step in run.steps]
    records = tuple(
        _record(step.step_id, answer)
        for step, answer in zip(steps, answers, strict=False)
        if answer is not None
    )
    job = job_of(plan, state, steps=records)
    return replace(job, approvals=(), stages=())


def _record(step_id: str, answer: Result | str) -> StepRecord:
    if isinstance(answer, str):
        values = (("seconds", "30"),) if answer == "timeout" else ()
        return StepRecord(
            step_id=step_id,
            state=StepState.FAILED,
            code=answer,
            values=values,
            elapsed_ms=30_000,
            started_at=NOW,
        )
    return StepRecord(
        step_id=step_id,
        state=StepState.SUCCEEDED,
        result=answer,
        elapsed_ms=1300,
        started_at=NOW + timedelta(minutes=3),
    )


# --- resources -----------------------------------------------------------------------------------


def resources(cpu: float, memory: float, disk: float) -> Reading:
    """As ``read_resources`` answers, at the usual limits."""
    levels = {
        "cpu": _level(cpu, 80, 95),
        "memory": _level(memory, 85, 95),
        "disk": _level(disk, 80, 90),
    }
    facts = (
        Fact(name="cpu", value=cpu, unit="percent", level=levels["cpu"]),
        Fact(name="processors", value=8, unit="count"),
        Fact(name="memory", value=memory, unit="percent", level=levels["memory"]),
        Fact(name="memory_size", value=16 * GIB, unit="bytes"),
        Fact(name="swap", value=3.25, unit="percent"),
        Fact(name="load", value=round(cpu / 12, 2)),
        Fact(name="disk", value=disk, unit="percent", level=levels["disk"]),
        Fact(name="fullest", value="/app/budget/logs"),
    )
    return Reading(level=worst(*levels.values()), facts=facts)


def _level(value: float, warning: int, critical: int) -> Level:
    if value >= critical:
        return "critical"
    return "warning" if value >= warning else "normal"


def one_busy() -> Job:
    return read_job(plan_of(MonitorResources(), 1), [resources(97.2, 88.4, 71)])


def few_resources() -> Job:
    """Three: one fine, one full, one that does not answer."""
    plan = plan_of(MonitorResources(), 3, unconnected=1)
    return read_job(plan, [resources(31, 60.5, 55), resources(44, 61, 91.4), "unreachable"])


def sixty_resources(*, answered: int = 60, state: JobState = JobState.SUCCEEDED) -> Job:
    """Sixty: 57 fine, one busy, one filling up, one that does not answer."""
    answers: list[Result | str | None] = [
        resources(20 + number % 17, 50 + number % 23, 40 + number % 31) for number in range(60)
    ]
    answers[6] = resources(98, 71, 63)
    answers[22] = resources(35, 52, 86.5)
    answers[40] = "timeout"
    answers[answered:] = [None] * (60 - answered)
    return read_job(plan_of(MonitorResources(), 60), answers, state=state)


# --- health --------------------------------------------------------------------------------------


def healthy(login: int, port: int) -> Reading:
    facts = (
        Fact(name="login", value=login, unit="milliseconds"),
        Fact(name="process", value="running", unit="word"),
        Fact(name="pid", value=4321),
        Fact(name="port", value=port, unit="milliseconds"),
        Fact(name="health_page", value=200),
    )
    return Reading(level="normal", facts=facts)


def closed(login: int) -> Reading:
    """The server answers, its service does not."""
    facts = (
        Fact(name="login", value=login, unit="milliseconds"),
        Fact(name="process", value=None, unit="word"),
        Fact(name="port", value="closed", unit="word", level="critical"),
    )
    remark = Remark(code="port_closed", level="critical")
    return Reading(level="critical", facts=facts, remarks=(remark,))


def health_of_three() -> Job:
    plan = plan_of(CheckInfraHealth(), 3, unconnected=1)
    return read_job(plan, [healthy(12, 3), closed(14), healthy(11, 4)])


# --- tables and lines ----------------------------------------------------------------------------


def disks(*used: float) -> Reading:
    """Filesystems that are so full, in percent."""
    paths = ("/", "/app", "/app/budget/logs", "/var", "/home", "/backup")
    rows = tuple(
        Row(
            cells=(path, percent, round(percent * GIB), round((100 - percent) * GIB), 100 * GIB, 7),
            level=_level(percent, 80, 90),
        )
        for path, percent in zip(paths, used, strict=False)
    )
    rows = tuple(sorted(rows, key=lambda row: row.level == "normal"))
    grid = Grid(name="disks", columns=_DISKS, rows=rows)
    return Reading(level=worst(*(row.level for row in rows)), grids=(grid,))


def disks_of_two() -> Job:
    plan = plan_of(CheckDiskSpace(), 2)
    return read_job(plan, [disks(31, 44, 62.5), disks(31, 84.5, 93.2, 12)])


def sessions_of_one() -> Job:
    columns = (
        Column(name="pid"),
        Column(name="user"),
        Column(name="terminal"),
        Column(name="source"),
        Column(name="since", unit="instant"),
        Column(name="idle", unit="seconds"),
        Column(name="ticks"),
    )
    rows = (
        Row(cells=(2211, "wasadmin", "pts/0", "10.20.*.*", "2026-04-01T13:31:00+09:00", 12, 7)),
        Row(cells=(3977, "oracle", "pts/3", "10.20.*.*", "2026-03-30T09:02:00+09:00", 187_000, 9)),
    )
    grid = Grid(name="sessions", columns=columns, rows=rows)
    facts = (Fact(name="sessions", value=2, unit="count"),)
    reading = Reading(level="normal", facts=facts, grids=(grid,))
    return read_job(plan_of(ListLogins(), 1), [reading])


def stale_files(count: int) -> Reading:
    """The very files that a clean-up is about, as a plan shows them."""
    columns = (
        Column(name="clear_file"),
        Column(name="clear_treatment", unit="word"),
        Column(name="clear_before", unit="bytes"),
    )
    rows = tuple(
        Row(
            cells=(
                f"/app/budget/logs/catalina.2026-0{1 + number % 3}-{10 + number % 18}.log",
                "stale_compress" if number % 3 else "stale_delete",
                (number + 1) * 3_400_000,
            )
        )
        for number in range(count)
    )
    grid = Grid(name="stale_files", columns=columns, rows=rows)
    facts = (
        Fact(name="stale_files", value=count, unit="count"),
        Fact(name="clear_used_before", value=88.1, unit="percent", level="warning"),
    )
    return Reading(level="warning", facts=facts, grids=(grid,))


def logs_of_one() -> Job:
    """Lines of one log of an hour, with what is told of them."""
    columns = (
        Column(name="log_hour", unit="instant"),
        Column(name="log_found", unit="count"),
        Column(name="log_errors", unit="count"),
    )
    hours = Grid(
        name="log_per_hour",
        columns=columns,
        rows=(
            Row(cells=("2026-04-01T13:00:00+09:00", 1180, 3), level="warning"),
            Row(cells=("2026-04-01T14:00:00+09:00", 120, 0)),
        ),
    )
    message = "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available"
    messages = Grid(
        name="log_per_message",
        columns=(
            Column(name="log_found", unit="count"),
            Column(name="log_message"),
            Column(name="log_last", unit="instant"),
        ),
        rows=(
            Row(cells=(3, message, "2026-04-01T13:58:11+09:00"), level="warning"),
            Row(cells=(1297, "GET /budget/list.do # ms", "2026-04-01T14:00:02+09:00")),
        ),
    )
    lines = tuple(
        f"2026-04-01 13:58:{second:02}.120 INFO  [http-nio-8080-exec-{second}] GET /budget/list.do"
        if second % 20
        else f"2026-04-01 13:58:{second:02}.402 ERROR [http-nio-8080-exec-7] {message}"
        for second in range(60)
    )
    facts = (
        Fact(name="log_name", value="catalina.out"),
        Fact(name="log_found", value=1300, unit="count"),
        Fact(name="log_errors", value=3, unit="count", level="warning"),
        Fact(name="log_read", value=48_200_000, unit="bytes"),
    )
    reading = Reading(
        level="warning",
        facts=facts,
        grids=(hours, messages),
        excerpts=(Excerpt(name="log_lines", lines=lines, more=1240),),
        remarks=(Remark(code="log_zone_assumed"),),
    )
    return read_job(plan_of(CollectTargetLogs(), 1), [reading])


def difference() -> Reading:
    """Lines that a plan adds to a crontab."""
    lines = (
        "  10 2 * * * /app/batch/close.sh",
        "+ # BEGIN GUARDiA db_backup",
        "+ 30 3 * * * /app/bin/db_backup.sh",
        "+ # END GUARDiA db_backup",
    )
    return Reading(level="normal", excerpts=(Excerpt(name="cron_changes", lines=lines),))


def asking_with_exhibits(exhibits: Mapping[int, Reading]) -> Job:
    """A change that waits for approval, with what it rests on, by the number of its node."""
    plan = ManageService().plan(request_for(pair(), params={"operation": "restart"}))
    names = [run.node_id for run in plan.wire.runs()]
    shown = tuple((names[number], reading) for number, reading in exhibits.items())
    return job_of(replace(plan, exhibits=shown))
