"""The durable flows, and the rooms' talk, put together over the filled ports.

Owns: the order in which the engine's parts are made, and the mode of the workflows' database.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

from bot.app.local_model import LocalModel, incidents_of
from bot.app.services import Foundation
from bot.core.advice_ports import Narrator
from bot.engine import workflows
from bot.engine.advice import AdviceSettings, RoomAdvice
from bot.engine.approvals import Approvals
from bot.engine.chronicle import Chronicle
from bot.engine.conductor import Conductor
from bot.engine.memory import MemorySettings, RoomMemory
from bot.engine.outbound import Outbound, Shape
from bot.engine.pipeline import Pipeline
from bot.engine.requests import ApprovalRequests
from bot.engine.room_talk import RoomTalk
from bot.engine.services import Services
from bot.engine.waiting import Waiting
from bot.engine.workflows import Workflows
from cmdb.advice import SqlAdviceStore
from cmdb.memory import SqlRoomJobs, SqlRoomMemoryStore
from intents.advise import SymptomAdviser


def workflows_of(
    foundation: Foundation, services: Services, model: LocalModel | None, *, shape: Shape
) -> Workflows:
    """The workflows of one process; their engine is configured, not yet launched."""
    settings = foundation.settings
    chronicle = Chronicle(services.stores.audit, services.clock)
    outbound = Outbound(services.adapters, spawn=foundation.group.create_task, shape=shape)
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
            foundation,
            services,
            outbound,
            adviser=_adviser(foundation, model),
            narrator=model.narrator if model else None,
        ),
    )


def _adviser(foundation: Foundation, model: LocalModel | None) -> SymptomAdviser:
    classifier = incidents_of(foundation.settings)
    foundation.group.create_task(classifier.warm())
    return SymptomAdviser(classifier=classifier, opinion=model.opinion if model else None)


def _room_talk(
    foundation: Foundation,
    services: Services,
    outbound: Outbound,
    *,
    adviser: SymptomAdviser,
    narrator: Narrator | None,
) -> RoomTalk:
    talk, engine = foundation.settings.talk, foundation.engine
    chronicle = Chronicle(services.stores.audit, services.clock)
    pause = timedelta(minutes=talk.advice_pause_minutes)
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
        settings=MemorySettings(keep=timedelta(days=talk.keep_days)),
        narrator=narrator,
    )
    return RoomTalk(services, chronicle, outbound, adviser=adviser, advice=advice, memory=memory)


def _keep_write_ahead(url: str) -> None:
    """Set WAL once on the workflows' SQLite file: its engine leaves the mode as it finds it."""
    if url.startswith("sqlite:///"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
