"""A look at a node's safety: accounts, ports, system binaries.

Owns: inspect_security and its levels. What our login may not see is unknown and said so, never
silently fine.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.operations.context import OperationFailed, StepContext
from agent.operations.failed_logins import FailedLogins, failed_logins
from agent.operations.integrity import find_kept, look_at
from agent.operations.listeners import Listener, listeners
from agent.operations.packages import verify
from agent.transports.transport import Transport
from agent.wire.checks import InspectSecurity
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, worst

_MANY_FAILURES = 10  # failed logins of one account within a day
_ROWS = 200
_BAD_FIRST: tuple[Level, ...] = ("critical", "warning", "unknown", "normal")


@dataclass(slots=True)
class _Findings:
    """What has been found so far."""

    facts: list[Fact] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def fact(self, name: str, value: int | None, level: Level) -> None:
        self.facts.append(Fact(name=name, value=value, unit="count", level=level))

    def remark(self, code: str, level: Level, **values: object) -> None:
        said = {name: str(value) for name, value in values.items()}
        self.remarks.append(Remark(code=code, values=said, level=level))

    def grid(self, name: str, columns: tuple[Column, ...], rows: list[Row]) -> None:
        if rows:
            ordered = sorted(rows, key=lambda row: _BAD_FIRST.index(row.level))
            more = max(0, len(rows) - _ROWS)
            self.grids.append(
                Grid(name=name, columns=columns, rows=tuple(ordered[:_ROWS]), more=more)
            )

    def reading(self) -> Reading:
        return Reading(
            level=worst(*(fact.level for fact in self.facts)),
            facts=tuple(self.facts),
            grids=tuple(self.grids),
            remarks=tuple(self.remarks),
        )


async def inspect(context: StepContext, operation: InspectSecurity) -> Reading:
    """Locked accounts, listening ports against the profile, changed system binaries.

    Raises:
        OperationFailed: ``no_shell``; ``baseline_unavailable``.
    """
    findings = _Findings()
    async with context.server() as server:
        if not server.shell:
            raise OperationFailed("no_shell")
        _accounts(findings, await failed_logins(server))
        _ports(findings, context, await listeners(server, context.target.host))
        await _binaries(findings, context, server)
    return findings.reading()


# --- accounts ------------------------------------------------------------------------------------


def _accounts(findings: _Findings, found: FailedLogins) -> None:
    if not found.source:
        findings.fact("locked_accounts", None, "unknown")
        findings.remark(f"logins_{found.reason}", "unknown")
        return
    if found.locked is not None:
        findings.fact("locked_accounts", len(found.locked), "warning" if found.locked else "normal")
    else:
        # lastb knows who failed, not who is locked out.
        busy = [name for name, count in found.failures.items() if count >= _MANY_FAILURES]
        findings.fact("tried_accounts", len(busy), "warning" if busy else "normal")
        findings.remark("logins_by_lastb", "normal", count=_MANY_FAILURES)
    rows = [
        Row(cells=(name, count, _login_state(found, name)), level=_login_level(found, name))
        for name, count in sorted(found.failures.items(), key=lambda item: -item[1])
    ]
    columns = (
        Column(name="account"),
        Column(name="failed_logins", unit="count"),
        Column(name="login_state", unit="word"),
    )
    findings.grid("failed_logins", columns, rows)


def _login_state(found: FailedLogins, name: str) -> str:
    if found.locked is not None:
        return "account_locked" if name in found.locked else "account_open"
    return "account_tried" if found.failures[name] >= _MANY_FAILURES else "account_open"


def _login_level(found: FailedLogins, name: str) -> Level:
    return "normal" if _login_state(found, name) == "account_open" else "warning"


# --- ports ---------------------------------------------------------------------------------------


def _ports(findings: _Findings, context: StepContext, found: tuple[Listener, ...] | None) -> None:
    allowed = context.target.profile.ports
    if found is None:
        findings.fact("not_allowed_ports", None, "unknown")
        findings.remark("ports_unreadable", "unknown")
        return
    rows = [_port_row(listener, allowed) for listener in found]
    if allowed is None:
        findings.fact("not_allowed_ports", None, "unknown")
        findings.remark("ports_not_said", "unknown")
    else:
        bad = sum(row.level == "critical" for row in rows)
        findings.fact("not_allowed_ports", bad, "critical" if bad else "normal")
        silent = [port for port in allowed if port not in {one.port for one in found}]
        if silent:
            ports = ", ".join(map(str, silent[:20]))
            findings.remark("ports_not_listening", "normal", ports=ports)
    columns = (
        Column(name="listening_port"),
        Column(name="listen_scope", unit="word"),
        Column(name="port_state", unit="word"),
    )
    # What only the node itself can reach is a detail among hundreds, unless it is allowed.
    shown = [row for row in rows if row.cells[2] != "port_local"]
    findings.grid("listening_ports", columns, shown)
    local = len(rows) - len(shown)
    if local:
        findings.remark("ports_local", "normal", count=local)


def _port_row(listener: Listener, allowed: tuple[int, ...] | None) -> Row:
    level: Level = "normal"
    if allowed is not None and listener.port in allowed:
        state = "port_allowed"
    elif listener.scope == "local":
        state = "port_local"
    elif allowed is None:
        state = "port_not_said"
    else:
        state, level = "port_not_allowed", "critical"
    return Row(cells=(str(listener.port), f"listen_{listener.scope}", state), level=level)


# --- system binaries -----------------------------------------------------------------------------


async def _binaries(findings: _Findings, context: StepContext, server: Transport) -> None:
    paths = list(context.target.profile.binaries)
    if not paths:
        findings.fact("changed_binaries", None, "unknown")
        findings.remark("binaries_not_said", "unknown")
        return
    states = await _states(context, server, paths)
    levels: dict[str, Level] = {
        "binary_changed": "critical",
        "binary_missing": "critical",
        "binary_unknown": "unknown",
    }
    rows = [
        Row(cells=(path, state, how), level=levels.get(state, "normal"))
        for path, (state, how) in states.items()
    ]
    level = worst(*(row.level for row in rows))
    unknown = any(row.level == "unknown" for row in rows)
    bad = sum(row.level == "critical" for row in rows)
    findings.fact("changed_binaries", None if unknown and not bad else bad, level)
    if unknown:
        findings.remark("binaries_unknown", "unknown")
    columns = (
        Column(name="binary"),
        Column(name="binary_state", unit="word"),
        Column(name="checked_by", unit="word"),
    )
    findings.grid("binaries", columns, rows)


async def _states(
    context: StepContext, server: Transport, paths: list[str]
) -> dict[str, tuple[str, str]]:
    """State and by what it was checked, per path: the package's word, else the baseline's."""
    real = await _real_paths(server, paths)
    verdicts = await verify(server, sorted(set(real.values()) - {""}))
    by_package = {
        "verified": "binary_fine",
        "changed": "binary_changed",
        "missing": "binary_missing",
    }
    states: dict[str, tuple[str, str]] = {}
    for path in paths:
        verdict = verdicts.get(real[path] or path, "not_verifiable")
        if verdict in by_package:
            states[path] = (by_package[verdict], "by_package")
    rest = [path for path in paths if path not in states]
    kept = await find_kept(context) if rest and context.baselines else None
    seen = await look_at(server, rest)
    for path in rest:
        expected = kept.files.get(path) if kept else None
        if seen[path].readable and seen[path].sha256 is None:
            states[path] = ("binary_missing", "by_baseline" if expected else "by_nothing")
        elif expected is None or not seen[path].readable:
            states[path] = ("binary_unknown", "by_nothing")
        else:
            same = seen[path].sha256 == expected.sha256
            states[path] = ("binary_fine" if same else "binary_changed", "by_baseline")
    return states


async def _real_paths(server: Transport, paths: list[str]) -> dict[str, str]:
    """Where each lies, links followed; "" where nothing does. A missing file keeps its name, so
    that its package can say that it misses it."""
    found = {}
    for path in paths:
        entry = await server.files.stat(path)
        found[path] = (entry.real or "") if entry is not None and entry.kind == "link" else path
    return found
