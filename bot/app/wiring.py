"""The only file that names both ports and classes.

Owns: which implementation stands behind every port, and in which order things open and close.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from actions.catalog import actions_in
from adapters.web.adapter import WebAdapter
from adapters.web.settings import WebSettings
from bot.app import keys
from bot.app.adapters import MessengerParts, forget_old, open_messengers, shape_for
from bot.app.console import Console, open_console
from bot.app.folder_lock import FolderBusyError, FolderLock
from bot.app.local_model import (
    LocalModel,
    LocalModels,
    classifier_of,
    incidents_of,
    open_models,
)
from bot.app.repositories import repositories_of
from bot.app.settings import GuardiaSettings
from bot.app.web.links import SignedLinks
from bot.core.advice_ports import Narrator
from bot.core.errors import ConfigurationError, GuardiaError
from bot.core.ports import Adapter, Clock
from bot.core.texts import load_texts
from bot.engine import workflows
from bot.engine.advice import AdviceSettings, RoomAdvice
from bot.engine.approvals import Approvals
from bot.engine.archive import FileLimits
from bot.engine.chronicle import Chronicle
from bot.engine.conductor import Conductor
from bot.engine.files import DiskFileStore
from bot.engine.hub import AgentHub
from bot.engine.memory import MemorySettings, RoomMemory
from bot.engine.outbound import Outbound, Shape
from bot.engine.pipeline import Pipeline
from bot.engine.requests import ApprovalRequests
from bot.engine.room_talk import RoomTalk
from bot.engine.services import EngineSettings, Services, Stores
from bot.engine.waiting import Waiting
from bot.engine.workflows import Workflows
from cmdb.advice import SqlAdviceStore
from cmdb.agents import SqlAgentStore
from cmdb.approvals import SqlApprovalStore
from cmdb.audit import ChainedAuditLog
from cmdb.calendar import SqlCalendarStore
from cmdb.dialogues import SqlDialogueStore
from cmdb.engine import is_current, open_engine
from cmdb.guides import SqlGuideStore
from cmdb.history import SqlHistoryStore
from cmdb.inventory import SqlInventory
from cmdb.jobs import SqlJobStore
from cmdb.locks import SqlLockStore
from cmdb.memory import SqlRoomJobs, SqlRoomMemoryStore
from cmdb.messengers import SqlIdentityLinks, SqlMessengerMemory
from cmdb.people import SqlDirectory
from cmdb.rooms import SqlRoomStore
from cmdb.signin import SqlSignInStore
from intents.advise import SymptomAdviser
from intents.chain import build_parser
from intents.corrections import CorrectingParser
from intents.guides import GuideFinder


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
        bot = _wire(settings, engine, audit, group, models)
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


def _wire(
    settings: GuardiaSettings,
    engine: AsyncEngine,
    audit: ChainedAuditLog,
    group: asyncio.TaskGroup,
    models: LocalModels,
) -> Bot:
    model = models.language
    clock = SystemClock()
    texts = load_texts(settings.language)
    signer = keys.signing_key(settings.data_dir / "keys")
    files = DiskFileStore(
        settings.data_dir / "files",
        limits=FileLimits(max_file_bytes=settings.limits.upload_mb * 1024 * 1024),
    )
    directory = SqlDirectory(engine)
    hub = AgentHub(
        store=SqlAgentStore(engine),
        bot_key=signer,
        audit=audit,
        files=files,
        clock=clock,
        heartbeat_s=settings.agents.heartbeat_s,
        grace_s=settings.agents.grace_s,
    )
    web = WebAdapter(
        settings=_web_settings(settings),
        rooms=SqlRoomStore(engine),
        files=files,
        directory=directory,
        audit=audit,
        sign_in=SqlSignInStore(engine),
        texts=texts,
        clock=clock,
    )
    links, memory = _links(settings, clock), SqlMessengerMemory(engine)
    messengers = open_messengers(
        MessengerParts(
            settings=settings,
            files=files,
            memory=memory,
            links=links,
            texts=texts,
            clock=clock,
        )
    )
    classifier = classifier_of(settings)
    group.create_task(classifier.warm())
    names = ("console", *(each.name for each in messengers))
    group.create_task(forget_old(memory, names, clock))
    services = Services(
        adapters={each.name: each for each in (web, *messengers)},
        parser=CorrectingParser(
            build_parser(texts, classifier=classifier, model=model.proposer if model else None)
        ),
        action_of={action.action_id: action for action in actions_in(texts)}.get,
        inventory=SqlInventory(engine),
        directory=directory,
        agents=hub,
        guide_search=GuideFinder(models.embedding),
        sources=repositories_of(settings, engine, files),
        stores=_stores(engine, audit, files),
        clock=clock,
        texts=texts,
        signer=signer,
        settings=EngineSettings(
            approval_lapse=timedelta(minutes=settings.approval.lapse_minutes),
            agent_patience_s=settings.agents.patience_s,
            console_url=settings.console_url,
        ),
    )
    return Bot(
        settings=settings,
        hub=hub,
        web=web,
        console=open_console(
            web,
            services,
            links=links,
            memory=memory,
            max_upload_bytes=settings.limits.upload_mb * 1024 * 1024,
        ),
        adapters=(web, *messengers),
        workflows=_workflows(
            settings, services, group, engine, model, shape=shape_for(texts, links)
        ),
    )


def _stores(engine: AsyncEngine, audit: ChainedAuditLog, files: DiskFileStore) -> Stores:
    return Stores(
        jobs=SqlJobStore(engine),
        approvals=SqlApprovalStore(engine),
        locks=SqlLockStore(engine),
        history=SqlHistoryStore(engine),
        dialogues=SqlDialogueStore(engine),
        audit=audit,
        files=files,
        guides=SqlGuideStore(engine),
        calendar=SqlCalendarStore(engine),
        identities=SqlIdentityLinks(engine),
    )


def _workflows(
    settings: GuardiaSettings,
    services: Services,
    group: asyncio.TaskGroup,
    engine: AsyncEngine,
    model: LocalModel | None,
    *,
    shape: Shape,
) -> Workflows:
    chronicle = Chronicle(services.stores.audit, services.clock)
    outbound = Outbound(services.adapters, spawn=group.create_task, shape=shape)
    requests = ApprovalRequests(services, chronicle, outbound)
    _keep_write_ahead(settings.workflow_database)
    workflows.configure(
        system_database_url=settings.workflow_database, executor_id=settings.replica
    )
    return Workflows(
        pipeline=Pipeline(services, chronicle, outbound),
        approvals=Approvals(services, chronicle, outbound),
        requests=requests,
        conductor=Conductor(services, chronicle, outbound, requests),
        waiting=Waiting(services, chronicle, outbound, requests),
        talk=_room_talk(
            settings,
            engine,
            services=services,
            outbound=outbound,
            adviser=_adviser(settings, group, model),
            narrator=model.narrator if model else None,
        ),
    )


def _adviser(
    settings: GuardiaSettings, group: asyncio.TaskGroup, model: LocalModel | None
) -> SymptomAdviser:
    classifier = incidents_of(settings)
    group.create_task(classifier.warm())
    return SymptomAdviser(classifier=classifier, opinion=model.opinion if model else None)


def _room_talk(
    settings: GuardiaSettings,
    engine: AsyncEngine,
    *,
    services: Services,
    outbound: Outbound,
    adviser: SymptomAdviser,
    narrator: Narrator | None,
) -> RoomTalk:
    chronicle = Chronicle(services.stores.audit, services.clock)
    pause = timedelta(minutes=settings.talk.advice_pause_minutes)
    advice = RoomAdvice(
        services,
        chronicle,
        outbound,
        adviser=adviser,
        store=SqlAdviceStore(engine),
        settings=AdviceSettings(topic_pause=pause),
    )
    memory = RoomMemory(
        services,
        adviser=adviser,
        store=SqlRoomMemoryStore(engine),
        jobs=SqlRoomJobs(engine),
        settings=MemorySettings(keep=timedelta(days=settings.talk.keep_days)),
        narrator=narrator,
    )
    return RoomTalk(services, chronicle, outbound, adviser=adviser, advice=advice, memory=memory)


def _keep_write_ahead(url: str) -> None:
    """Set WAL once on the workflows' SQLite file: its engine leaves the mode as it finds it."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode = WAL")


def _links(settings: GuardiaSettings, clock: Clock) -> SignedLinks | None:
    """None where nobody has said how browsers reach our pages."""
    if settings.console_url is None:
        return None
    return SignedLinks(settings.console_url, keys.web_secret(settings.data_dir / "keys"), clock)


def _web_settings(settings: GuardiaSettings) -> WebSettings:
    return WebSettings(
        sign_in=settings.web.sign_in,
        secret=SecretStr(keys.web_secret(settings.data_dir / "keys")),
        session_hours=settings.web.session_hours,
        public_origin=settings.web.public_origin,
        max_upload_bytes=settings.limits.upload_mb * 1024 * 1024,
    )
