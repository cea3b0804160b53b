"""``guardia codes reset`` and ``invite``: a lost device goes, and a first one may be enrolled.

Owns: who may do that, and what is written down of it. The command line knows its user by the
account only: whoever is named with ``--by`` must be somebody who may, and not the person's own.
"""

from __future__ import annotations

from bot.app import keys
from bot.app.invitations import Invitations
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_audit, open_database
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.people import Actor, Role
from bot.core.errors import UserError
from bot.core.ports import Clock
from bot.core.texts import load_texts
from cmdb.codes import SqlOneTimeCodes
from cmdb.messengers import SqlMessengerMemory
from cmdb.people import SqlDirectory

VOUCHING = frozenset({Role.PART_LEADER, Role.PM})


async def invite_to_codes(
    settings: GuardiaSettings, clock: Clock, person_id: str, *, by: str
) -> str:
    """A code with which the person may enrol a first device; what to do with it, in words.

    Raises:
        UserError: as ``reset_codes``.
    """
    texts = load_texts(settings.language)
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        person, asking = await _vouched(SqlDirectory(engine), person_id, by)
        said = {"person": person.person_id, "name": person.name}
        codes = SqlOneTimeCodes(engine, keys.codes_key(settings.data_dir / "keys"))
        if await codes.enrolled(person.person_id):
            return texts.say("codes.invite.enrolled", **said)
        await audit.append(_event(clock, "codes invite", person, asking))
        code = await Invitations(SqlMessengerMemory(engine), clock).issue(person.person_id)
    return texts.say("codes.invite.done", code=code, **said)


async def reset_codes(settings: GuardiaSettings, clock: Clock, person_id: str, *, by: str) -> str:
    """Forget the person's device; what was done, in words.

    Raises:
        UserError: nobody of that id (``codes_person_unknown``), or not theirs to remove
            (``codes_not_allowed``).
    """
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        person, asking = await _vouched(SqlDirectory(engine), person_id, by)
        await audit.append(_event(clock, "codes reset", person, asking))
        codes = SqlOneTimeCodes(engine, keys.codes_key(settings.data_dir / "keys"))
        done = await codes.forget(person.person_id)
    said = "codes.reset.done" if done else "codes.reset.nothing"
    return load_texts(settings.language).say(said, person=person.person_id, name=person.name)


async def _vouched(directory: SqlDirectory, person_id: str, by: str) -> tuple[Actor, Actor]:
    """The person, and who speaks for them: never they themselves."""
    person, asking = await _known(directory, person_id), await _known(directory, by)
    if asking.role not in VOUCHING or asking.person_id == person.person_id:
        raise UserError("codes_not_allowed", person=asking.name)
    return person, asking


def _event(clock: Clock, subject: str, person: Actor, asking: Actor) -> AuditEvent:
    return AuditEvent(
        kind=AuditKind.ADMIN,
        at=clock.now(),
        actor="cli",
        subject=subject,
        detail={"person": person.person_id, "by": asking.person_id},
    )


async def _known(directory: SqlDirectory, person_id: str) -> Actor:
    person = await directory.person(person_id)
    if person is None:
        raise UserError("codes_person_unknown", person=person_id)
    return person
