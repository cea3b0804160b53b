"""``guardia freeze``: times in which nothing new goes onto the servers.

Owns: who may declare and lift one, and what is written down of it. The command line knows its
user by the account only: whoever is named with ``--by`` must be somebody who may.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_audit, open_database
from bot.core.calendar import timing
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.calendar import Calendar, Freeze
from bot.core.domain.estate import Environment
from bot.core.domain.job import Job, JobState
from bot.core.domain.people import Actor, Role
from bot.core.errors import UserError
from bot.core.ports import AuditSink, Clock
from bot.core.redaction import redact
from bot.core.texts import Texts, load_texts
from bot.engine.naming import SEOUL
from cmdb.calendar import SqlCalendarStore
from cmdb.history import SqlHistoryStore
from cmdb.people import SqlDirectory
from cmdb.systems import SqlSystems

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that is taken for another
MAY_FREEZE = frozenset({Role.PART_LEADER, Role.PM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A freeze that is asked for. Exactly one of ``system`` (code) and ``institution``."""

    start: datetime
    until: datetime
    why: str
    by: str
    system: str | None = None
    institution: str | None = None
    environments: tuple[Environment, ...] = (Environment.PROD,)


async def add_freeze(settings: GuardiaSettings, clock: Clock, order: Order) -> list[str]:
    """Declare a freeze; what was declared, with its id, and what runs on all the same.

    Raises:
        UserError: nobody of that id, not theirs to declare, no such system or institution, no
            reason, or a time that has passed.
    """
    texts, now = load_texts(settings.language), clock.now()
    if not order.why.strip():
        raise UserError("freeze_why")
    if order.until <= order.start or order.until <= now:
        raise UserError("freeze_times")
    async with _open(settings) as (engine, audit):
        institution = await _institution(engine, order)
        person = await _who(engine, order.by, institution)
        freeze = Freeze(
            freeze_id=_new_id(now),
            who=person.person_id,
            why=redact(order.why.strip()),
            start=order.start,
            until=order.until,
            institution=None if order.system else institution,
            system_code=order.system,
            environments=order.environments,
        )
        await audit.append(_event(clock, "freeze add", freeze, by=person.person_id))
        await SqlCalendarStore(engine).add_freeze(freeze)
        active = await SqlHistoryStore(engine).active_jobs()
    running = [
        texts.say("freeze.running", job=job.job_id, title=texts.note(job.plan.title))
        for job in running_on(freeze, active, now=now)
    ]
    return [texts.say("freeze.added", **_shown(freeze, texts)), *running]


def running_on(freeze: Freeze, active: Sequence[Job], *, now: datetime) -> list[Job]:
    """The running jobs that a freeze would not let begin now."""
    return [
        job
        for job in active
        if job.state is JobState.RUNNING
        and job.plan.wire.lock is not None
        and freeze.system_code in (None, job.plan.wire.lock)
        and freeze.institution in (None, job.plan.institution)
        and not timing(
            Calendar(freezes=(freeze,)), job.plan.action, job.plan.environments, now
        ).open
    ]


async def list_freezes(settings: GuardiaSettings, clock: Clock) -> list[str]:
    """Every freeze that has not ended, the earliest first; a sentence where there is none."""
    texts = load_texts(settings.language)
    async with open_database(settings) as engine:
        freezes = await SqlCalendarStore(engine).freezes(now=clock.now())
    return [texts.say("freeze.line", **_shown(freeze, texts)) for freeze in freezes] or [
        texts.say("freeze.none")
    ]


async def lift_freeze(settings: GuardiaSettings, clock: Clock, freeze_id: str, *, by: str) -> str:
    """End a freeze now.

    Raises:
        UserError: there is none of that id that has not ended, or it is not theirs to lift.
    """
    texts = load_texts(settings.language)
    async with _open(settings) as (engine, audit):
        store, now = SqlCalendarStore(engine), clock.now()
        standing = {freeze.freeze_id: freeze for freeze in await store.freezes(now=now)}
        freeze = standing.get(freeze_id)
        if freeze is None:
            raise UserError("freeze_unknown", freeze=freeze_id)
        person = await _who(engine, by, await _institution_of(engine, freeze))
        await audit.append(_event(clock, "freeze lift", freeze, by=person.person_id))
        await store.lift_freeze(freeze_id, at=now)
    return texts.say("freeze.lifted", **_shown(freeze, texts))


@asynccontextmanager
async def _open(settings: GuardiaSettings) -> AsyncIterator[tuple[AsyncEngine, AuditSink]]:
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        yield engine, audit


async def _who(engine: AsyncEngine, person_id: str, institution: str) -> Actor:
    person = await SqlDirectory(engine).person(person_id)
    if person is None:
        raise UserError("freeze_person_unknown", person=person_id)
    if person.role not in MAY_FREEZE or not person.may_see(institution):
        raise UserError("freeze_not_allowed", person=person.name, institution=institution)
    return person


async def _institution(engine: AsyncEngine, order: Order) -> str:
    systems = SqlSystems(engine)
    if order.system is not None:
        system = await systems.find(order.system)
        if system is None:
            raise UserError("system_code_unknown", system=order.system)
        return system.institution
    institution = await systems.institution(order.institution or "")
    if institution is None:
        raise UserError("institution_unknown", institution=order.institution or "")
    return institution.name


async def _institution_of(engine: AsyncEngine, freeze: Freeze) -> str:
    if freeze.institution is not None:
        return freeze.institution
    system = await SqlSystems(engine).find(freeze.system_code or "")
    return "" if system is None else system.institution


def _new_id(now: datetime) -> str:
    tail = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"F{now.astimezone(SEOUL):%y%m%d}-{tail}"


def _shown(freeze: Freeze, texts: Texts) -> dict[str, str]:
    return {
        "id": freeze.freeze_id,
        "scope": freeze.system_code or freeze.institution or "",
        "environments": ", ".join(texts.say(f"env.{env}") for env in freeze.environments),
        "start": f"{freeze.start.astimezone(SEOUL):%Y-%m-%d %H:%M}",
        "until": f"{freeze.until.astimezone(SEOUL):%Y-%m-%d %H:%M}",
        "why": freeze.why,
        "who": freeze.who,
    }


def _event(clock: Clock, subject: str, freeze: Freeze, *, by: str) -> AuditEvent:
    return AuditEvent(
        kind=AuditKind.ADMIN,
        at=clock.now(),
        actor="cli",
        subject=subject,
        detail={
            "by": by,
            "freeze": freeze.freeze_id,
            "scope": freeze.system_code or freeze.institution or "",
            "environments": list(freeze.environments),
            "start": freeze.start.isoformat(),
            "until": freeze.until.isoformat(),
            "why": freeze.why,
        },
    )
