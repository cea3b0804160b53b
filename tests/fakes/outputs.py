"""An ``OutputStore`` in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bot.core.check_ports import OutputPart


class MemoryOutputs:
    """Keeps everything; where pieces are missing it says so, as the one on disk does."""

    def __init__(self) -> None:
        self.said: dict[tuple[str, str], bytearray] = {}
        self._ends: dict[tuple[str, str], int] = {}
        self._lost: dict[tuple[str, str], int] = {}

    async def append(self, job_id: str, step_id: str, *, offset: int, text: str) -> None:
        key, data = (job_id, step_id), text.encode()
        end = self._ends.get(key, 0)
        if offset + len(data) <= end:
            return
        said = self.said.setdefault(key, bytearray())
        if offset > end:
            said += f"\n[... {offset - end} bytes ...]\n".encode()
            self._lost[key] = self._lost.get(key, 0) + offset - end
        said += data[max(0, end - offset) :]
        self._ends[key] = offset + len(data)

    async def part(self, job_id: str, step_id: str, *, most: int) -> OutputPart | None:
        said = self.said.get((job_id, step_id))
        if said is None:
            return None
        lost = self._lost.get((job_id, step_id), 0)
        size = self._ends[job_id, step_id] - lost
        if len(said) <= 2 * most:
            return OutputPart(head=said.decode(), tail="", left_out=lost, size=size)
        head = said[: said.rfind(b"\n", 0, most) + 1 or most]
        tail = said[-most:]
        tail = tail[tail.find(b"\n") + 1 :] or tail
        left_out = lost + len(said) - len(head) - len(tail)
        return OutputPart(
            head=head.decode(errors="ignore"),
            tail=tail.decode(errors="ignore"),
            left_out=left_out,
            size=size,
        )

    async def file(self, job_id: str, step_id: str) -> AsyncIterator[bytes] | None:
        said = self.said.get((job_id, step_id))
        return None if said is None else _once(bytes(said))


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
