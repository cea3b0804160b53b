"""What the shared stories need beside an engine: degraded reports, our own pages, a code from
the console, a database that is frozen for a while.

Owns: nothing of its own; it puts the parts together as the composition root does.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.core.degradation import Place, degraded
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.linking import CODE_LIFE, code_digest, new_code
from bot.core.ports import Capabilities
from bot.engine.outbound import Shape
from tests.fakes.console import ConsoleParts, ConsoleServer
from tests.fakes.messenger_driver import Driver, Parts


def shape_for(driver: Driver, parts: Parts) -> Shape:
    """As wired: by the one table, with the links that the driver's pages are behind."""

    def shape(report: Report, capabilities: Capabilities, at: ConversationRef) -> Report:
        place = Place(conversation=at, texts=parts.texts, links=driver.links)
        return degraded(report, capabilities, place)

    return shape


def pages_of(parts: Parts) -> ConsoleServer:
    """Our own pages over the story's world, for people of any messenger."""
    return ConsoleServer(
        ConsoleParts(
            directory=parts.directory,
            jobs=parts.jobs,
            files=parts.files,
            memory=parts.memory,
            audit=parts.audit,
            clock=parts.clock,
            codes=parts.codes,
            approve=parts.approve,
        )
    )


async def console_code(parts: Parts, person_id: str) -> str:
    """The code that the console has shown to that person."""
    code = new_code()
    until = parts.clock.now() + CODE_LIFE
    await parts.links.issue(person_id, code_digest(code), until=until)
    return code


@asynccontextmanager
async def frozen(database: Path, *, thaw_after_s: float) -> AsyncIterator[None]:
    """Nobody else can write within, for at most so long, counted from its beginning."""
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    thaw = threading.Timer(thaw_after_s, connection.rollback)
    try:
        connection.execute("BEGIN IMMEDIATE")
        thaw.start()
        yield
    finally:
        thaw.cancel()
        await asyncio.to_thread(thaw.join)
        connection.close()
