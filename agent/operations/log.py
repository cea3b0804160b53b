"""The service's log: where it ends now, and what was written since.

Owns: mark_log and scan_log, the signs of a failed start, and the tail that explains an
unhealthy service.
"""

from __future__ import annotations

import re

from agent.operations.context import OperationFailed, StepContext
from agent.transports.output import clean, plain
from agent.transports.transport import Transport, TransportError
from agent.wire.operations import LogFindings, LogMark, MarkLog, ScanLog

_READ_LIMIT = 4 << 20  # bytes
_TAIL_LIMIT = 64 << 10
_SUSPICIOUS = re.compile(r"\b(?:SEVERE|FATAL)\b|Exception|ClassNotFound|OutOfMemory")
_STARTED = re.compile(r"Server startup in")  # Tomcat's own word for a complete start


async def mark(context: StepContext, operation: MarkLog) -> LogMark:
    """The log's length now; 0 where there is none yet."""
    async with context.server() as server:
        return LogMark(size=await _size(server, context.target.service.log_path))


async def scan(context: StepContext, operation: ScanLog) -> LogFindings:
    """Look through what came after the mark.

    Raises:
        OperationFailed: ``log_errors`` with the lines; ``mark_missing``.
    """
    found = context.earlier.get(operation.since)
    if not isinstance(found, LogMark):
        raise OperationFailed("mark_missing", step=operation.since)
    async with context.server() as server:
        lines = await _lines_since(server, context, found.size, limit=_READ_LIMIT)
    suspicious = tuple(plain(line) for line in lines if _SUSPICIOUS.search(line))
    findings = LogFindings(
        started=any(_STARTED.search(line) for line in lines),
        suspicious=suspicious[: operation.max_lines],
    )
    if suspicious:
        raise OperationFailed(
            "log_errors",
            path=context.target.service.log_path,
            count=str(len(suspicious)),
            lines=findings.suspicious,
            result=findings,
        )
    return findings


async def tail_since_mark(context: StepContext, *, count: int = 20) -> tuple[str, ...]:
    """The last lines since the job's latest mark at this node; no mark or no log: none."""
    marks = [
        found
        for step in context.plan.steps()
        if step.node_id == context.target.node_id
        and isinstance(found := context.earlier.get(step.step_id), LogMark)
    ]
    if not marks:
        return ()
    try:
        async with context.server() as server:
            size = await _size(server, context.target.service.log_path)
            offset = max(marks[-1].size if marks[-1].size <= size else 0, size - _TAIL_LIMIT)
            lines = await _lines_since(server, context, offset, limit=_TAIL_LIMIT)
    except TransportError:  # what is explained here has failed already, for its own reason
        return ()
    return tuple(plain(line) for line in lines[-count:])


async def _lines_since(
    server: Transport, context: StepContext, offset: int, *, limit: int
) -> list[str]:
    path = context.target.service.log_path
    if await _size(server, path) < offset:  # rotated or truncated since
        offset = 0
    try:
        body = await server.read(path, offset=offset, limit=limit)
    except TransportError as error:
        if error.code != "not_found":
            raise
        return []
    return [line for line in clean(body, context.target.charset).splitlines() if line.strip()]


async def _size(server: Transport, path: str) -> int:
    entry = await server.files.stat(path)
    if entry is not None and entry.kind == "link" and entry.real:
        entry = await server.files.stat(entry.real)
    return entry.size if entry is not None else 0
