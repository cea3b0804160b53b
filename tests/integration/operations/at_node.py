"""One operation at a real server of the lab, and one look by a person from asking to reading.

Owns: the step's world over a real login, the recording of what ran there, and the report of a
reading job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from agent.operations.context import StepContext
from agent.transports.reach import connect
from agent.transports.transport import Files, Output, Transport, TransportError
from agent.wire.plan import NodeAccess
from agent.wire.readings import Reading
from bot.core.domain.job import TERMINAL, Job
from bot.core.domain.report import Report
from tests.fakes.agent import FakeNode, a_context
from tests.fakes.engine import words_of
from tests.integration.deploy.site import Site


@dataclass(kw_only=True)
class Recorded:
    """Logins as they are, with every argument list that ran, and files that stand in for some.

    ``instead``: the content of a path, so that a test needs no file of the machine's own;
    ``hidden``: beginnings of paths that the SFTP server does not show; ``measured``: it tells how
    full its filesystems are; ``after``: what happens on the server when a command that begins with
    these two arguments has ended; ``read_bytes``: how many were read of files.
    """

    hidden: tuple[str, ...] = ()
    measured: bool = True
    ran: list[list[str]] = field(default_factory=list)
    instead: dict[str, bytes] = field(default_factory=dict)
    after: dict[tuple[str, ...], Callable[[], object]] = field(default_factory=dict)
    read_bytes: int = 0

    @asynccontextmanager
    async def connect(self, access: NodeAccess) -> AsyncIterator[Transport]:
        async with connect(access) as server:
            yield _Recording(server, self)


class _Recording:
    """A transport that writes down what it runs."""

    def __init__(self, server: Transport, book: Recorded) -> None:
        self._server = server
        self._book = book
        self.files: Files = server.files if book.measured else _Unmeasured(server.files)
        self.shell = server.shell
        self.legacy = server.legacy

    async def run(self, arguments: Sequence[str], **more: Any) -> Output:
        self._book.ran.append(list(arguments))
        said = await self._server.run(arguments, **more)
        happens = self._book.after.get(tuple(arguments[:2]))
        if happens is not None:
            happens()
        return said

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        await self._server.put(source, path, mode=mode)

    async def read(self, path: str, *, offset: int = 0, limit: int) -> bytes:
        if path in self._book.instead:
            return self._book.instead[path][offset : offset + limit]
        if path.startswith(self._book.hidden):
            raise TransportError("permission_denied", path=path)
        body = await self._server.read(path, offset=offset, limit=limit)
        self._book.read_bytes += len(body)
        return body


class _Unmeasured:
    """Files without statvfs, as of an old SFTP server."""

    def __init__(self, files: Files) -> None:
        for name in ("stat", "rename", "make_folder", "remove", "names", "entries"):
            setattr(self, name, getattr(files, name))


def context_of(access: NodeAccess, book: Recorded | None = None) -> StepContext:
    """A step at the node of this record."""
    reach = (book or Recorded()).connect
    return replace(a_context(access.target, FakeNode()), server=lambda: reach(access))


@dataclass(kw_only=True)
class Watched(Recorded):
    """The same for one node, at which several steps are made."""

    access: NodeAccess

    def context(self, **changes: Any) -> StepContext:
        """A step there; ``changes``: what else it has."""
        return replace(context_of(self.access, self), **changes)


PATIENCE_S = 180.0


async def looked(site: Site, action: str, *, by: str = "operator", **more: Any) -> tuple[Job, str]:
    """A person asks for a look; the job in its end state, and the report that they read."""
    job = await site.ask(action=action, by=by, **more)
    world = site.world
    await site.bot.until(lambda: world.job(job.job_id).state in TERMINAL, patience_s=PATIENCE_S)
    texts = world.services.texts
    title = texts.say("cards.final.title.read", plan=texts.note(job.plan.title))

    def told() -> list[Report]:
        reports = [one.now for one in world.messenger.messages.values()]
        return [one for one in reports if one.title == title and job.job_id in one.footer]

    await site.bot.until(told, patience_s=PATIENCE_S)
    return world.job(job.job_id), words_of(told()[0])


def fact(reading: Reading, name: str) -> Any:
    """The value that a reading gives for that name; None where it gives none."""
    known = reading.fact(name)
    return known.value if known else None
