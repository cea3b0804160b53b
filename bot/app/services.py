"""The engine's ports, filled: which implementation stands behind each of them.

Owns: what every part of a process stands on, and the ``Services`` and stores made of it. With
``bot.app.wiring`` and ``bot.app.flows`` the composition root: nobody else names ports and classes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from nacl.signing import SigningKey
from sqlalchemy.ext.asyncio import AsyncEngine

from actions.catalog import actions_in
from bot.app import keys
from bot.app.local_model import LocalModels, classifier_of
from bot.app.repositories import repositories_of
from bot.app.settings import GuardiaSettings
from bot.core.check_ports import ScriptBook
from bot.core.messenger_ports import ConsoleLinks
from bot.core.ports import Adapter, AgentPool, Clock
from bot.core.texts import Texts, load_texts
from bot.engine.archive import FileLimits
from bot.engine.files import DiskFileStore
from bot.engine.outputs import DiskOutputStore
from bot.engine.services import EngineSettings, Services, Stores
from cmdb.approvals import SqlApprovalStore
from cmdb.audit import ChainedAuditLog
from cmdb.calendar import SqlCalendarStore
from cmdb.codes import SqlOneTimeCodes
from cmdb.deployments import SqlDeploymentStore
from cmdb.dialogues import SqlDialogueStore
from cmdb.guides import SqlGuideStore
from cmdb.history import SqlHistoryStore
from cmdb.inventory import SqlInventory
from cmdb.jobs import SqlJobStore
from cmdb.locks import SqlLockStore
from cmdb.macros import SqlMacroStore
from cmdb.messengers import SqlIdentityLinks
from cmdb.people import SqlDirectory
from cmdb.samples import SqlSampleStore
from intents.chain import build_parser
from intents.command_book import BOOK
from intents.corrections import CorrectingParser
from intents.guides import GuideFinder


@dataclass(frozen=True, slots=True, kw_only=True)
class Foundation:
    """What all parts of one process stand on. ``group`` owns every task."""

    settings: GuardiaSettings
    engine: AsyncEngine
    audit: ChainedAuditLog
    group: asyncio.TaskGroup
    clock: Clock
    texts: Texts
    signer: SigningKey
    files: DiskFileStore
    directory: SqlDirectory

    @classmethod
    def of(
        cls,
        settings: GuardiaSettings,
        engine: AsyncEngine,
        audit: ChainedAuditLog,
        group: asyncio.TaskGroup,
        *,
        clock: Clock,
    ) -> Self:
        """The foundation that these settings ask for."""
        limits = FileLimits(max_file_bytes=settings.limits.upload_mb * 1024 * 1024)
        return cls(
            settings=settings,
            engine=engine,
            audit=audit,
            group=group,
            clock=clock,
            texts=load_texts(settings.language),
            signer=keys.signing_key(settings.data_dir / "keys"),
            files=DiskFileStore(settings.data_dir / "files", limits=limits),
            directory=SqlDirectory(engine),
        )


def services_of(
    foundation: Foundation,
    models: LocalModels,
    *,
    adapters: Sequence[Adapter],
    agents: AgentPool,
    scripts: ScriptBook,
    links: ConsoleLinks | None,
) -> Services:
    """The ports, filled; the classifier begins to warm up."""
    settings, texts, model = foundation.settings, foundation.texts, models.language
    classifier = classifier_of(settings)
    foundation.group.create_task(classifier.warm())
    parser = build_parser(texts, classifier=classifier, model=model.proposer if model else None)
    return Services(
        adapters={each.name: each for each in adapters},
        parser=CorrectingParser(parser),
        action_of={action.action_id: action for action in actions_in(texts)}.get,
        commands=BOOK,
        inventory=SqlInventory(foundation.engine),
        directory=foundation.directory,
        agents=agents,
        guide_search=GuideFinder(models.embedding),
        sources=repositories_of(settings, foundation.engine, foundation.files),
        stores=_stores(foundation),
        clock=foundation.clock,
        texts=texts,
        signer=foundation.signer,
        settings=EngineSettings(
            approval_lapse=timedelta(minutes=settings.approval.lapse_minutes),
            agent_patience_s=settings.agents.patience_s,
            console_url=settings.console_url,
        ),
        scripts=scripts,
        links=links,
    )


def _stores(foundation: Foundation) -> Stores:
    engine = foundation.engine
    return Stores(
        jobs=SqlJobStore(engine),
        approvals=SqlApprovalStore(engine),
        locks=SqlLockStore(engine),
        deployments=SqlDeploymentStore(engine),
        history=SqlHistoryStore(engine),
        dialogues=SqlDialogueStore(engine),
        audit=foundation.audit,
        files=foundation.files,
        guides=SqlGuideStore(engine),
        calendar=SqlCalendarStore(engine),
        identities=SqlIdentityLinks(engine),
        samples=SqlSampleStore(engine),
        outputs=DiskOutputStore(foundation.settings.data_dir / "outputs"),
        macros=SqlMacroStore(engine),
        codes=SqlOneTimeCodes(engine, keys.codes_key(foundation.settings.data_dir / "keys")),
    )
