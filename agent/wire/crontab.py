"""A crontab's text as values: every line, what it is, and when it is due.

Owns: the grammar of a user's crontab (``man 5 crontab`` of Debian's cron and of cronie) and the
due times. Pure; both ends use it: the agent for a server's crontab, the bot for one that a person
has pasted. Knows no server and no log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cronsim import CronSim, CronSimError

LineKind = Literal["job", "environment", "comment", "blank", "broken"]
# Why a line is broken; slugs of the bot's catalogue.
Fault = Literal["", "too_few_fields", "bad_schedule", "unknown_nickname", "no_command"]
REBOOT = "@reboot"
NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_ENVIRONMENT = re.compile(r"""^\s*(?:"[^"]+"|'[^']+'|[A-Za-z_][A-Za-z0-9_]*)\s*=""")
_FIELDS = re.compile(r"^\s*(\S+\s+\S+\s+\S+\s+\S+\s+\S+)(?:\s+(.*))?$")
_NICKNAMED = re.compile(r"^\s*(@\S+)(?:\s+(.*))?$")
# What cron itself takes; cronsim takes L, W and # as well, which cron does not.
_FIELD = re.compile(r"^[0-9A-Za-z*/,-]+$")
_NOT_CRON = re.compile(r"^(?:.*[0-9*])?[LW]+$", re.IGNORECASE)
_FAR = timedelta(days=366 * 9)  # 29 February comes every four years, around 2100 every eight


@dataclass(frozen=True, slots=True, kw_only=True)
class CronLine:
    """One line. ``schedule`` is five fields or ``@reboot``; ``number`` counts from 1."""

    number: int
    text: str
    kind: LineKind
    schedule: str = ""
    command: str = ""
    fault: Fault = ""

    @property
    def logged(self) -> str:
        """The command as cron logs it: up to the first ``%`` that is not escaped."""
        head = re.split(r"(?<!\\)%", self.command, maxsplit=1)[0]
        return " ".join(head.replace("\\%", "%").split())


def parse_crontab(text: str) -> tuple[CronLine, ...]:
    """Every line of a user's crontab, in order; a broken one is a value, too."""
    return tuple(_line(number, line) for number, line in enumerate(text.split("\n"), start=1))


def jobs_of(text: str) -> tuple[CronLine, ...]:
    """The lines that run something, and those that were meant to."""
    return tuple(line for line in parse_crontab(text) if line.kind in {"job", "broken"})


def is_schedule(fields: str) -> bool:
    """Whether five fields are a schedule that cron takes and that comes up at all."""
    return _is_schedule(fields) and next_due(fields, datetime(2024, 1, 1)) is not None  # noqa: DTZ001  any instant


def next_due(schedule: str, after: datetime) -> datetime | None:
    """The first due time after that instant, in its time zone. None: never, or at boot."""
    return _due(schedule, after, reverse=False)


def last_due(schedule: str, before: datetime) -> datetime | None:
    """The last due time at or before that instant, in its time zone. None: never, or at boot."""
    return _due(schedule, before + timedelta(seconds=1), reverse=True)


def _due(schedule: str, at: datetime, *, reverse: bool) -> datetime | None:
    if schedule == REBOOT:
        return None
    try:
        found = next(CronSim(schedule, at, reverse=reverse))
    except (CronSimError, StopIteration, OverflowError):
        return None
    return found if abs(found - at) < _FAR else None


def _line(number: int, text: str) -> CronLine:
    said = text.strip()
    if not said:
        return CronLine(number=number, text=text, kind="blank")
    if said.startswith("#"):
        return CronLine(number=number, text=text, kind="comment")
    if _ENVIRONMENT.match(text):
        return CronLine(number=number, text=text, kind="environment")
    schedule, command, fault = _nicknamed(text) if said.startswith("@") else _scheduled(text)
    if not fault and not command:
        fault = "no_command"
    return CronLine(
        number=number,
        text=text,
        kind="broken" if fault else "job",
        schedule=schedule,
        command=command,
        fault=fault,
    )


def _nicknamed(text: str) -> tuple[str, str, Fault]:
    match = _NICKNAMED.match(text)
    name, command = (match[1].lower(), (match[2] or "").strip()) if match else ("", "")
    if name == REBOOT:
        return REBOOT, command, ""
    if name not in NICKNAMES:
        return name, command, "unknown_nickname"
    return NICKNAMES[name], command, ""


def _scheduled(text: str) -> tuple[str, str, Fault]:
    match = _FIELDS.match(text)
    if match is None:
        return "", text.strip(), "too_few_fields"
    schedule, command = " ".join(match[1].split()), (match[2] or "").strip()
    return schedule, command, "" if _is_schedule(schedule) else "bad_schedule"


def _is_schedule(fields: str) -> bool:
    parts = fields.split()
    if len(parts) != 5 or not all(map(_FIELD.match, parts)):
        return False
    if any(_NOT_CRON.match(item) for part in parts for item in part.split(",")):
        return False
    try:
        CronSim(fields, datetime(2024, 1, 1))  # noqa: DTZ001  any instant: only fields are read
    except CronSimError:
        return False
    return True
