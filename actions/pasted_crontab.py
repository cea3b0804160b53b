"""The answer to a crontab that somebody has pasted into a message.

Owns: what is told of its lines: what they mean, when they are due, which are broken. No server
and no log is looked at, and the answer says so. Pure.
"""

from __future__ import annotations

from datetime import datetime

from agent.wire.crontab import REBOOT, CronLine, jobs_of, last_due, next_due
from agent.wire.readings import Column, Grid, Row
from bot.core.cards.grids import grid_sections
from bot.core.cards.wording import SEOUL
from bot.core.domain.report import Notice, Paragraph, Report, Tone
from bot.core.redaction import redact
from bot.core.texts import Texts

_SHOWN = 120  # characters of a command
_LINES = 200
_COLUMNS = (
    Column(name="cron_command"),
    Column(name="cron_state", unit="word"),
    Column(name="cron_schedule"),
    Column(name="cron_due", unit="instant"),
    Column(name="cron_next", unit="instant"),
    Column(name="cron_line", unit="count"),
)


def pasted_report(text: str, *, now: datetime, texts: Texts) -> Report:
    """Every line that runs something, or was meant to; times are Seoul's."""
    here = now.astimezone(SEOUL)
    lines = jobs_of(text)
    rows = tuple(_row(line, here) for line in lines[:_LINES])
    broken = sum(line.kind == "broken" for line in lines)
    grid = Grid(
        name="cron_pasted",
        columns=_COLUMNS,
        rows=tuple(sorted(rows, key=lambda row: row.level == "normal")),
        more=max(0, len(lines) - _LINES),
    )
    key = "cron.pasted.broken" if broken else "cron.pasted.fine"
    said = texts.say(key, count=len(lines), broken=broken)
    tone = Tone.WARNING if broken else Tone.GOOD
    return Report(
        title=texts.say("cron.pasted.title"),
        summary=said,
        tone=tone,
        sections=(
            Notice(text=said, tone=tone),
            *grid_sections(grid, texts),
            Paragraph(text=texts.say("cron.pasted.unlogged")),
        ),
    )


def _row(line: CronLine, now: datetime) -> Row:
    is_job = line.kind == "job"
    due = last_due(line.schedule, now) if is_job else None
    coming = next_due(line.schedule, now) if is_job else None
    shown = redact(line.command or line.text.strip())
    state = "cron_at_boot" if line.schedule == REBOOT else "cron_valid"
    cells = (
        shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…",
        state if is_job else f"cron_{line.fault}",
        line.schedule or "-",
        None if due is None else due.isoformat(),
        None if coming is None else coming.isoformat(),
        line.number,
    )
    return Row(cells=cells, level="normal" if is_job else "warning")
