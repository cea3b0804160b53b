"""The service's log: where it ends now, and what was written since.

Owns: mark_log and scan_log, the signs of a failed and of a complete start, and the tail that
explains an unhealthy service.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from agent.operations.context import OperationFailed, StepContext
from agent.operations.logfile import LogFile, Place, place_of, proof_of
from agent.transports.output import plain
from agent.transports.transport import Transport, TransportError
from agent.wire.operations import MarkLog, ScanLog
from agent.wire.plan import ServiceSpec
from agent.wire.results import LogFindings, LogMark

_TAIL_LIMIT = 64 << 10  # bytes
_TAIL_LINES = 100
_AFTER = 3  # lines after each sign that are shown with it: the first frames of a stack trace
_FLUSHED_S = 10.0  # what a logger may hold back
_POLL_S = 0.5
_GRAVE = re.compile(r"\b(?:SEVERE|FATAL)\b|ClassNotFound|OutOfMemory")
_SUSPICIOUS = re.compile(rf"{_GRAVE.pattern}|Exception")
_STARTED = re.compile(r"Server startup in")  # Tomcat's own word for a complete start


async def mark(context: StepContext, operation: MarkLog) -> LogMark:
    """Where the log ends now; length 0 where there is none yet."""
    path = context.target.service.log_path
    async with context.server() as server:
        place = await place_of(server, path)
        proof = await proof_of(server, path, place.size)
    return LogMark(size=place.size, inode=place.inode, proof=proof)


async def scan(context: StepContext, operation: ScanLog) -> LogFindings:
    """Look through what came after the mark, in a file that was rotated away since, too; where
    that cannot be found any more, the findings say so.

    Where the service names its sign of success, the log gets ten seconds to show it.

    Raises:
        OperationFailed: ``log_errors`` and ``start_not_logged``, with the lines;
            ``mark_missing``.
    """
    since = context.earlier.get(operation.since)
    if not isinstance(since, LogMark):
        raise OperationFailed("mark_missing", step=operation.since)
    service = context.target.service
    async with context.server() as server:
        log = log_file(server, context, since)
        lines = await _lines_of_start(log, service)
    signs = [number for number, line in enumerate(lines) if is_failure(line, service)]
    findings = LogFindings(
        started=any(_is_success(line, service) for line in lines),
        suspicious=tuple(plain(lines[number]) for number in signs[: operation.max_lines]),
        lost=log.lost,
    )
    context.output.extend(lines)
    if signs:
        shown = excerpt(lines, signs, operation.max_lines)
        raise _failed("log_errors", service, findings, shown, count=str(len(signs)))
    if service.log_success is not None and not findings.started:
        tail = tuple(map(plain, lines[-operation.max_lines :]))
        raise _failed("start_not_logged", service, findings, tail, expected=service.log_success)
    return findings


def _failed(
    code: str, service: ServiceSpec, findings: LogFindings, lines: tuple[str, ...], **values: str
) -> OperationFailed:
    return OperationFailed(code, path=service.log_path, lines=lines, result=findings, **values)


async def _lines_of_start(log: LogFile, service: ServiceSpec) -> list[str]:
    """All lines since the mark; waits for the sign of success until something has failed."""
    deadline = asyncio.get_running_loop().time() + _FLUSHED_S
    lines: list[str] = []
    while True:
        fresh = await log.lines()
        lines += fresh
        over = asyncio.get_running_loop().time() >= deadline
        rest = log.rest() if over or service.log_success is None else []
        decided = any(is_failure(line, service) or _is_success(line, service) for line in fresh)
        if over or decided or service.log_success is None:
            return lines + rest
        await asyncio.sleep(_POLL_S)


def is_failure(line: str, service: ServiceSpec) -> bool:
    """A sign of a failed start: the agent's own, or a word of the service."""
    return bool(_SUSPICIOUS.search(line)) or any(word in line for word in service.log_failures)


def is_grave(line: str, service: ServiceSpec) -> bool:
    """A sign that counts at any time, with users on the node, too: not a mere exception."""
    return bool(_GRAVE.search(line)) or any(word in line for word in service.log_failures)


def _is_success(line: str, service: ServiceSpec) -> bool:
    if service.log_success is not None:
        return service.log_success in line
    return bool(_STARTED.search(line))


def excerpt(lines: Sequence[str], signs: Sequence[int], limit: int) -> tuple[str, ...]:
    """Each sign with the lines that follow it, the first signs first."""
    shown = sorted({number + offset for number in signs for offset in range(_AFTER + 1)})
    return tuple(plain(lines[number]) for number in shown[:limit] if number < len(lines))


def latest_mark(context: StepContext) -> LogMark | None:
    """The job's latest mark at this node."""
    marks = [
        found
        for step in context.plan.steps()
        if step.node_id == context.target.node_id
        and isinstance(found := context.earlier.get(step.step_id), LogMark)
    ]
    return marks[-1] if marks else None


async def tail_since_mark(context: StepContext, *, count: int = _TAIL_LINES) -> tuple[str, ...]:
    """The last lines since the job's latest mark at this node; no mark or no log: none."""
    since = latest_mark(context)
    if since is None:
        return ()
    try:
        async with context.server() as server:
            now = await place_of(server, context.target.service.log_path)
            if since.inode == now.inode and now.size - since.size > _TAIL_LIMIT:
                since = LogMark(size=now.size - _TAIL_LIMIT, inode=now.inode)
            log = log_file(server, context, since)
            lines = await log.lines() + log.rest()
    except TransportError:  # what is explained here has failed already, for its own reason
        return ()
    return tuple(plain(line) for line in lines[-count:])


def log_file(server: Transport, context: StepContext, since: LogMark) -> LogFile:
    """The node's log from that mark on."""
    return LogFile(
        server,
        context.target.service.log_path,
        since=Place(inode=since.inode, size=since.size, proof=since.proof),
        charset=context.target.charset,
    )
