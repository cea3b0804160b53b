"""Accounts that failed logins have locked, or that somebody is trying: faillock, or lastb.

Owns: the two commands and the reading of their answers. From where somebody tried is never kept.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agent.transports.output import plain
from agent.transports.transport import Output, Transport

_COMMAND_S = 20.0
_NO_SUCH_COMMAND = 127
_FAILLOCK = ("faillock", "/usr/sbin/faillock", "/sbin/faillock")
_LASTB = ("lastb", "/usr/bin/lastb", "/sbin/lastb")
_CONFIGURATION = "/etc/security/faillock.conf"
_DENY = re.compile(r"^\s*deny\s*=\s*(\d+)", re.MULTILINE)
_DEFAULT_DENY = 3  # man 5 faillock.conf
_TALLY = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\s.*\s([VI])\s*$")
_ATTEMPT = re.compile(
    r"^(\S+)\s.*?\s(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ([A-Z][a-z]{2} [ \d]\d \d\d:\d\d)"
)
_DAY = timedelta(days=1)
_LINES = "5000"
NO_ACCOUNT = "?"  # all names that this server has no account of


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedLogins:
    """``source``: faillock, lastb, or "" where neither answers (then ``reason`` says why).

    ``failures`` of each account that has some: those that count (faillock), or of the last day
    (lastb). ``locked``: None where nobody can tell.
    """

    source: str
    failures: dict[str, int] = field(default_factory=dict)
    locked: tuple[str, ...] | None = None
    reason: str = ""


async def failed_logins(server: Transport) -> FailedLogins:
    """What the server tells our login of it."""
    said = await _first(server, _FAILLOCK, ())
    refused = said is not None and _is_refused(said)
    if said is not None and said.status == 0 and not refused:
        deny = await _deny(server)
        failures = tallies_in(said.stdout)
        locked = tuple(sorted(name for name, count in failures.items() if count >= deny))
        return FailedLogins(source="faillock", failures=failures, locked=locked)
    if said is not None and refused:
        return FailedLogins(source="", reason="not_permitted")
    said = await _first(server, _LASTB, ("-w", "-n", _LINES))
    if said is None:
        return FailedLogins(source="", reason="no_command")
    if said.status != 0:
        return FailedLogins(source="", reason="not_permitted" if _is_refused(said) else "no_record")
    attempts = attempts_in(said.stdout, await _now(server))
    return FailedLogins(source="lastb", failures=await _by_account(server, attempts))


async def _by_account(server: Transport, attempts: dict[str, int]) -> dict[str, int]:
    """Names that are no accounts count together: people type passwords where names belong."""
    said = await server.run(["getent", "passwd"], timeout_s=_COMMAND_S)
    accounts = {line.split(":")[0] for line in said.stdout.splitlines()}
    found: Counter[str] = Counter()
    for name, count in attempts.items():
        found[name if name in accounts else NO_ACCOUNT] += count
    return dict(found)


async def _first(server: Transport, names: tuple[str, ...], rest: tuple[str, ...]) -> Output | None:
    """The answer of the first of these commands that is there."""
    for name in names:
        said = await server.run([name, *rest], timeout_s=_COMMAND_S)
        if said.status != _NO_SUCH_COMMAND:
            return said
    return None


def _is_refused(said: Output) -> bool:
    return "ermission denied" in said.stderr + said.stdout or "not permitted" in said.stderr


async def _deny(server: Transport) -> int:
    said = await server.run(["cat", "--", _CONFIGURATION], timeout_s=_COMMAND_S)
    found = _DENY.search(said.stdout)
    return max(1, int(found[1])) if found else _DEFAULT_DENY


async def _now(server: Transport) -> datetime | None:
    said = (await server.run(["date", "+%Y-%m-%d %H:%M:%S"], timeout_s=_COMMAND_S)).stdout.strip()
    try:
        return datetime.strptime(said, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007  the server's own time
    except ValueError:
        return None


def tallies_in(text: str) -> dict[str, int]:
    """Failures that count, by account, from what ``faillock`` prints."""
    found: dict[str, int] = {}
    account = ""
    for line in text.splitlines():
        tally = _TALLY.match(line)
        if line.endswith(":") and not line.startswith(" "):
            account = plain(line[:-1])
        elif tally and tally[1] == "V" and account:
            found[account] = found.get(account, 0) + 1
    return found


def attempts_in(text: str, now: datetime | None) -> dict[str, int]:
    """Failures of the last day, by account, from what ``lastb -w`` prints; without the server's
    clock, all of them."""
    found: Counter[str] = Counter()
    for line in text.splitlines():
        match = None if line.startswith("btmp begins ") else _ATTEMPT.match(line)
        if match and (now is None or _within_a_day(match[2], now)):
            found[plain(match[1])[:64]] += 1
    return dict(found)


def _within_a_day(said: str, now: datetime) -> bool:
    for year in (now.year, now.year - 1):
        try:
            at = datetime.strptime(f"{year} {said}", "%Y %b %d %H:%M")  # noqa: DTZ007  as above
        except ValueError:
            continue
        if at <= now + timedelta(minutes=1):
            return now - at <= _DAY
    return False
