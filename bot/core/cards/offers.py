"""What a look makes people want next, as buttons below its report.

Owns: which finding leads to which command. Pressing one says that command in the name of whoever
presses: it is understood, decided, planned and approved like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.wire.readings import Reading
from bot.core.cards.wording import records_of
from bot.core.command_text import PREFIX
from bot.core.domain.job import Job, JobState
from bot.core.domain.report import Button, Report
from bot.core.texts import Texts

_MOST = 3  # more of them bury what has been found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cure:
    """A row of this table is ended by that command; its cells name it on the button."""

    table: str
    command: str


_ENDS = {
    "list_sessions": _Cure(table="sessions", command="kill_session {node} pid={pid}"),
    "check_db_status": _Cure(
        table="blocking", command="check_db_status {node} operation=kill pid={pid}"
    ),
}
_BASELINE_MISSING = "baseline_missing"


def with_offers(report: Report, job: Job, texts: Texts) -> Report:
    """A final report with the buttons that its findings call for."""
    if job.state is not JobState.SUCCEEDED:
        return report
    buttons = (*list(_ends(job, texts))[:_MOST], *_baseline(job, texts))
    return replace(report, buttons=(*report.buttons, *buttons)) if buttons else report


def _ends(job: Job, texts: Texts) -> Iterator[Button]:
    cure = _ENDS.get(job.plan.action)
    if cure is None:
        return
    for node_id, reading in _readings(job):
        grid = reading.grid(cure.table)
        if grid is None:
            continue
        names = [column.name for column in grid.columns]
        for row in grid.rows:
            cells = dict(zip(names, row.cells, strict=False))
            named = {"node": node_id, "pid": cells.get("pid"), "user": cells.get("user") or "-"}
            yield Button(
                button="choose",
                value=f"{PREFIX} {cure.command.format_map(named)}",
                label=texts.say(f"offers.{cure.table}", **named),
            )


def _baseline(job: Job, texts: Texts) -> Iterator[Button]:
    """Nothing can be compared yet: the state of now may become what is compared with."""
    remarks = [one.code for _, reading in _readings(job) for one in reading.remarks]
    if job.plan.action == "config_integrity_check" and _BASELINE_MISSING in remarks:
        command = job.plan.command.replace(" operation=check", "")
        if command:
            yield Button(
                button="choose",
                value=f"{PREFIX} {command} operation=init",
                label=texts.say("offers.baseline"),
            )


def _readings(job: Job) -> Iterator[tuple[str, Reading]]:
    records = records_of(job)
    for step in job.plan.wire.steps():
        record = records.get(step.step_id)
        if record is not None and isinstance(record.result, Reading):
            yield step.node_id, record.result
