"""What a log says once its node serves again.

Owns: judging the lines that come after the start has been judged. The start's own check has found
everything up to its end clean, so that reading from the same mark counts each sign once, and what
was written between the two checks as well.

With the users back a mere exception is everyday life in many an application, and must not turn a
fleet back: it is counted and told. The other signs of a failed start, and the node's own words,
turn back what brings something new. What cures (a rollback, a restart) they do not stop halfway:
there they are counted and told as well.
"""

from __future__ import annotations

import asyncio

from agent.operations.context import OperationFailed, StepContext
from agent.operations.log import excerpt, is_failure, is_grave, latest_mark, log_file
from agent.transports.output import plain
from agent.transports.transport import Transport
from agent.wire.results import LogFindings, LogLost

_TRACE_S = 0.5  # until the frames of a stack trace stand below its first line
_LINES = 20


class ServingLog:
    """The log of one node, from the mark before its restart. Without a mark nothing is judged."""

    def __init__(self, server: Transport, context: StepContext, *, judges: bool) -> None:
        since = latest_mark(context)
        self._context = context
        self._log = None if since is None else log_file(server, context, since)
        self._judges = judges
        self.troubles = 0

    @property
    def lost(self) -> LogLost:
        """Why not all of it could be judged, where that is so."""
        return "" if self._log is None else self._log.lost

    async def look(self, *, last: bool = False) -> None:
        """Judge what was written since the last look; at the last one an unfinished line, too.

        Raises:
            OperationFailed: ``log_errors_later``, with the lines.
        """
        if self._log is None:
            return
        service = self._context.target.service
        lines = await self._log.lines()
        lines += self._log.rest() if last else []
        if self._judges and any(is_grave(line, service) for line in lines):
            await asyncio.sleep(_TRACE_S)
            lines += await self._log.lines() + self._log.rest()
            raise self._failed(lines)
        signs = [number for number, line in enumerate(lines) if is_failure(line, service)]
        self.troubles += len(signs)
        self._context.output.extend(excerpt(lines, signs, _LINES))

    def _failed(self, lines: list[str]) -> OperationFailed:
        service = self._context.target.service
        signs = [number for number, line in enumerate(lines) if is_grave(line, service)]
        return OperationFailed(
            "log_errors_later",
            path=service.log_path,
            count=str(len(signs)),
            lines=excerpt(lines, signs, _LINES),
            result=LogFindings(
                started=True,
                suspicious=tuple(plain(lines[number]) for number in signs[:_LINES]),
                lost=self.lost,
            ),
        )
