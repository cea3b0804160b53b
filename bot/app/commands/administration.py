"""``guardia agent enrol``, ``guardia signin``, ``guardia audit verify``.

Owns: what an operator of the bot does on its own machine.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from adapters.web.session import code_digest
from agent.wire.enrolment import EnrolmentToken
from agent.wire.types import AgentName
from bot.app import keys
from bot.app.settings import GuardiaSettings
from bot.app.wiring import AuditFiles, open_audit, open_database
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.errors import UserError
from bot.core.ports import Clock
from cmdb.agents import SqlAgentStore
from cmdb.audit import Finding, verify_audit
from cmdb.people import SqlDirectory
from cmdb.signin import SqlSignInStore

_TOKEN_LIFE = timedelta(hours=24)
_CODE_LIFE = timedelta(minutes=10)


async def enrol_agent(settings: GuardiaSettings, clock: Clock, name: str) -> str:
    """A single-use token for an agent of that name, good for 24 hours.

    Raises:
        UserError: no agent can have that name.
    """
    if not _is_agent_name(name):
        raise UserError("agent_name_malformed", name=name)
    token = EnrolmentToken.issue(keys.signing_key(settings.data_dir / "keys").verify_key)
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        await audit.append(_admin(clock, "agent enrol", agent=name))
        await SqlAgentStore(engine).issue_token(name, token.digest, until=clock.now() + _TOKEN_LIFE)
    return token.encode()


async def issue_sign_in_code(settings: GuardiaSettings, clock: Clock, person_id: str) -> str:
    """A single-use code for the web room, good for ten minutes.

    Raises:
        UserError: there is no such person.
    """
    code = secrets.token_urlsafe(9)
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        if await SqlDirectory(engine).person(person_id) is None:
            raise UserError("signin_person_unknown", person=person_id)
        await audit.append(_admin(clock, "signin code", person=person_id))
        await SqlSignInStore(engine).issue(
            person_id, code_digest(code), until=clock.now() + _CODE_LIFE
        )
    return code


async def verify_chain(settings: GuardiaSettings, anchor: Path | None) -> tuple[Finding, ...]:
    """Everything that is wrong with the audit chain; empty when it holds."""
    files = AuditFiles(settings=settings)
    async with open_database(settings) as engine:
        return await verify_audit(
            engine,
            jsonl=files.jsonl,
            key=files.key,
            anchor=anchor or files.anchor,
            older_copy=anchor is not None,
        )


def _is_agent_name(name: str) -> bool:
    """Whether the wire can carry it: an agent with another name could never spend its token."""
    try:
        TypeAdapter(AgentName).validate_python(name)
    except ValidationError:
        return False
    return True


def _admin(clock: Clock, subject: str, **detail: str) -> AuditEvent:
    return AuditEvent(
        kind=AuditKind.ADMIN, at=clock.now(), actor="cli", subject=subject, detail=detail
    )
