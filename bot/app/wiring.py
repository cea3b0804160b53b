"""The composition root: what one process is made of, and in which order it opens and closes.

Owns: the database, the audit chain, the hub, the web room and the messengers of a process. What
stands behind the engine's ports is in ``bot.app.services``, its flows in ``bot.app.flows``; nobody
else names both ports and classes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from adapters.web.adapter import WebAdapter
from adapters.web.settings import WebSettings
from bot.app import keys
from bot.app.adapters import MessengerParts, forget_old, open_messengers, shape_for
from bot.app.console import Console, open_console
from bot.app.flows import workflows_of
from bot.app.folder_lock import FolderBusyError, FolderLock
from bot.app.local_model import LocalModels, open_models
from bot.app.services import Foundation, services_of
from bot.app.settings import GuardiaSettings
from bot.app.web.links import SignedLinks
from bot.core.errors import ConfigurationError, GuardiaError
from bot.core.ports import Adapter
from bot.engine import workflows
from bot.engine.hub import AgentHub
from bot.engine.workflows import Workflows
from cmdb.agents import SqlAgentStore
from cmdb.audit import ChainedAuditLog
from cmdb.engine import is_current, open_engine
from cmdb.messengers import SqlMessengerMemory
from cmdb.rooms import SqlRoomStore
from cmdb.signin import SqlSignInStore


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Now, aware and in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFiles:
    """Where the chain is kept outside the database."""

    settings: GuardiaSettings

    @property
    def jsonl(self) -> Path:
        return self.settings.data_dir / "audit" / "audit.jsonl"

    @property
    def key(self) -> Path:
        return self.settings.data_dir / "keys" / "audit.key"

    @property
    def anchor(self) -> Path:
        return self.settings.audit_anchor


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """A bot, wired and not yet serving."""

    settings: GuardiaSettings
    hub: AgentHub
    web: WebAdapter
    console: Console
    adapters: tuple[Adapter, ...]
    workflows: Workflows


@asynccontextmanager
async def open_database(settings: GuardiaSettings) -> AsyncIterator[AsyncEngine]:
    """The application's database, with tables of this version.

    Raises:
        ConfigurationError: its tables are not up to date (``database_outdated``).
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not await is_current(settings.application_database):
        raise ConfigurationError("database_outdated")
    engine = open_engine(settings.application_database)
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def open_audit(
    settings: GuardiaSettings, engine: AsyncEngine
) -> AsyncIterator[ChainedAuditLog]:
    """The audit chain, its last entry reconciled."""
    files = AuditFiles(settings=settings)
    yield await ChainedAuditLog.open(engine, jsonl=files.jsonl, key=files.key, anchor=files.anchor)


@asynccontextmanager
async def open_bot(settings: GuardiaSettings) -> AsyncIterator[Bot]:
    """Everything of one process, opened in order and closed in reverse.

    Raises:
        ConfigurationError: this replica runs already (``replica_running``).
    """
    with _only_process(settings):
        async with _open_parts(settings) as bot:
            yield bot


@contextmanager
def _only_process(settings: GuardiaSettings) -> Iterator[None]:
    """A second process under one replica's name would take up the first one's jobs as its own
    and run them beside it."""
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = ExitStack()
    try:
        lock.enter_context(FolderLock(settings.data_dir / f"{settings.replica}.lock"))
    except FolderBusyError as error:
        raise ConfigurationError(
            "replica_running", replica=settings.replica, folder=settings.data_dir
        ) from error
    with lock:
        yield


@asynccontextmanager
async def _open_parts(settings: GuardiaSettings) -> AsyncIterator[Bot]:
    async with (
        open_database(settings) as engine,
        open_audit(settings, engine) as audit,
        open_models(settings) as models,
        _said_plainly(),
        asyncio.TaskGroup() as group,
    ):
        bot = _wire(Foundation.of(settings, engine, audit, group, clock=SystemClock()), models)
        await bot.workflows.launch()
        try:
            yield bot
        finally:
            workflows.shut_down()
            await bot.hub.close()


@asynccontextmanager
async def _said_plainly() -> AsyncIterator[None]:
    """A TaskGroup wraps what ends its block; a GuardiaError leaves it as it was raised."""
    try:
        yield
    except ExceptionGroup as errors:
        known = errors.subgroup(GuardiaError)
        if known is None:
            raise
        raise known.exceptions[0] from errors


def _wire(foundation: Foundation, models: LocalModels) -> Bot:
    settings = foundation.settings
    links, memory = _links(foundation), SqlMessengerMemory(foundation.engine)
    web, hub = _web(foundation, memory), _hub(foundation)
    messengers = _messengers(foundation, memory, links)
    services = services_of(
        foundation, models, adapters=(web, *messengers), agents=hub, scripts=hub, links=links
    )
    return Bot(
        settings=settings,
        hub=hub,
        web=web,
        console=open_console(
            web, services, links=links, memory=memory, max_upload_bytes=_upload_bytes(settings)
        ),
        adapters=(web, *messengers),
        workflows=workflows_of(
            foundation, services, models.language, shape=shape_for(foundation.texts, links)
        ),
    )


def _web(foundation: Foundation, memory: SqlMessengerMemory) -> WebAdapter:
    settings = foundation.settings
    return WebAdapter(
        settings=WebSettings(
            sign_in=settings.web.sign_in,
            secret=SecretStr(keys.web_secret(settings.data_dir / "keys")),
            session_hours=settings.web.session_hours,
            public_origin=settings.web.public_origin,
            max_upload_bytes=_upload_bytes(settings),
        ),
        rooms=SqlRoomStore(foundation.engine),
        files=foundation.files,
        directory=foundation.directory,
        audit=foundation.audit,
        sign_in=SqlSignInStore(foundation.engine),
        memory=memory,
        texts=foundation.texts,
        clock=foundation.clock,
    )


def _hub(foundation: Foundation) -> AgentHub:
    return AgentHub(
        store=SqlAgentStore(foundation.engine),
        bot_key=foundation.signer,
        audit=foundation.audit,
        files=foundation.files,
        clock=foundation.clock,
        heartbeat_s=foundation.settings.agents.heartbeat_s,
        grace_s=foundation.settings.agents.grace_s,
    )


def _messengers(
    foundation: Foundation, memory: SqlMessengerMemory, links: SignedLinks | None
) -> tuple[Adapter, ...]:
    messengers = open_messengers(
        MessengerParts(
            settings=foundation.settings,
            files=foundation.files,
            memory=memory,
            links=links,
            texts=foundation.texts,
            clock=foundation.clock,
        )
    )
    names = ("console", "web", *(each.name for each in messengers))
    foundation.group.create_task(forget_old(memory, names, foundation.clock))
    return messengers


def _links(foundation: Foundation) -> SignedLinks | None:
    """None where nobody has said how browsers reach our pages."""
    settings = foundation.settings
    if settings.console_url is None:
        return None
    secret = keys.web_secret(settings.data_dir / "keys")
    return SignedLinks(settings.console_url, secret, foundation.clock)


def _upload_bytes(settings: GuardiaSettings) -> int:
    return settings.limits.upload_mb * 1024 * 1024
