"""Asking the bot for pieces of the files that plans name.

Owns: what has been asked for and not been answered, over all connections. Knows nothing of lines
and sessions: it is told how to send, and when a plan has come.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass

from agent.wire.messages import BlobChunk, BlobRequest

_AT_ONCE = 8  # pieces asked for; the bot serves 32


@dataclass(frozen=True, slots=True)
class _Asked:
    request: BlobRequest
    answer: asyncio.Future[bytes | None]


class BlobRequests:
    """The agent's ``BlobSource``. ``send`` puts a request on its way; it may be lost."""

    def __init__(self, send: Callable[[BlobRequest], None]) -> None:
        self._send = send
        self._planned: set[str] = set()  # jobs whose plan came in this session
        self._asked: dict[int, _Asked] = {}
        self._last_request = 0
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        """A piece of a file that a plan names; empty past its end, None where the bot has no
        such file. Waits through reconnections: the caller brings the deadline."""
        async with self._slots:
            self._last_request += 1
            request = BlobRequest(
                request_id=self._last_request,
                job_id=job_id,
                sha256=sha256,
                offset=offset,
                length=length,
            )
            answer: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
            self._asked[request.request_id] = _Asked(request, answer)
            try:
                # Before its plan has come in this session the bot would refuse the piece.
                if job_id in self._planned:
                    self._send(request)
                return await answer
            finally:
                del self._asked[request.request_id]

    def plan_has_come(self, job_id: str) -> None:
        """From now on the bot answers for that job: what was asked before is asked again."""
        if job_id in self._planned:
            return
        self._planned.add(job_id)
        for asked in self._asked.values():
            if asked.request.job_id == job_id:
                self._send(asked.request)

    def begin_anew(self) -> None:
        """A session that begins at nothing: the bot knows no plan."""
        self._planned.clear()

    def answer(self, chunk: BlobChunk) -> None:
        """A piece has come."""
        asked = self._asked.get(chunk.request_id)
        if asked is not None and not asked.answer.done():
            asked.answer.set_result(_piece(chunk, asked.request.length))


def _piece(chunk: BlobChunk, length: int) -> bytes | None:
    if not chunk.found:
        return None
    try:
        data = base64.b64decode(chunk.data, validate=True)
    except binascii.Error:
        return None
    return data if len(data) <= length else None
