"""Commands that people keep under a name: keeping, listing, calling, forgetting them.

Owns: the sentences that do so, and whose a macro is. A macro is only ever text: calling one is
saying its command oneself, with one's own rights, and is understood, planned and approved anew.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from agent.wire.scripts import RESERVED_NAMES
from bot.core.cards import plain_report
from bot.core.check_ports import Macro, MacroOwner
from bot.core.command_text import PREFIX
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import Job
from bot.core.domain.people import Actor, Role
from bot.core.domain.report import Button, Paragraph, Report, Table, Tone
from bot.core.errors import UserError
from bot.core.macros import (
    LONGEST_COMMAND,
    LONGEST_NAME,
    MOST_MACROS,
    macro_name,
    name_key,
    room_key,
    told_to,
)
from bot.core.redaction import redact
from bot.core.texts import Texts
from bot.engine.chronicle import Chronicle
from bot.engine.services import Services
from bot.engine.trust import confirmation

_KEEP = re.compile(
    r"\s*(?P<room>이?\s*방(?:의|에)?\s*)?자주\s*쓰는\s*작업(?:에|으로)\s*저장(?:\s*[:：]\s*(?P<name>[^\n]{0,200}?))?"
    r"\s*(?:\((?P<job>J[0-9]{6}-[A-Z0-9]{6})\))?\s*"
)
_CALL = re.compile(rf"\s*{PREFIX}\s+(?P<rest>[^\n]{{1,200}}?)\s*", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_DROP = re.compile(r"(?:삭제|delete)\s+(?P<name>.+)", re.IGNORECASE)
_LIST = frozenset({"목록", "list", "자주 쓰는 작업"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What was said, by whom, where. ``proved``: whether the sender is beyond doubt."""

    text: str
    actor: Actor
    thread: ConversationRef
    at: datetime
    proved: bool


class Macros:
    """The macros of a person and of the room that they speak in."""

    def __init__(self, services: Services, chronicle: Chronicle) -> None:
        self._services = services
        self._texts = services.texts
        self._store = services.stores.macros
        self._chronicle = chronicle

    async def answer(self, saying: Saying) -> Report | None:
        """What keeping, listing or forgetting comes to; None: the words say neither.

        Raises:
            UserError: it cannot be kept or forgotten, and why.
        """
        text = _squeezed(saying.text)
        keeping, called = _KEEP.fullmatch(text), _CALL.fullmatch(text)
        dropping = _DROP.fullmatch(called["rest"]) if called else None
        if (keeping or dropping) and not saying.proved:
            return confirmation(saying.text, self._texts)
        if keeping:
            return await self._keep(saying, keeping)
        if dropping:
            return await self._drop(saying, dropping["name"])
        if called and name_key(called["rest"]) in _LIST:
            vocabulary = await self._services.inventory.vocabulary(saying.actor)
            return self._listed(told_to(await self._seen(saying), vocabulary))
        return None

    async def command(self, saying: Saying) -> str | None:
        """The command behind ``/sm <name>``, as if it had been said; None: no macro is called."""
        called = _CALL.fullmatch(_squeezed(saying.text))
        if called is None:
            return None
        macro = await self._called(saying, called["rest"])
        if macro is None:
            return None
        await self._record(saying, "macro called", macro)
        return f"{PREFIX} {macro.command}"

    # --- keeping ---------------------------------------------------------------------------

    async def _keep(self, saying: Saying, said: re.Match[str]) -> Report:
        job = await self._job(saying, said["job"])
        command = job.plan.command if job else ""
        if job is None or not command or len(command) > LONGEST_COMMAND:
            raise UserError("macro_no_command")
        if not said["name"]:
            return self._which_name(job)
        name = macro_name(said["name"])
        if name is None or self._is_command(name):
            raise UserError("macro_name")
        of_room = bool(said["room"])
        if of_room:
            await self._require_free(saying, name)
        macro = Macro(
            macro_id=secrets.token_hex(6),
            name=name,
            command=command,
            owner=MacroOwner.ROOM if of_room else MacroOwner.PERSON,
            owner_key=room_key(saying.thread) if of_room else saying.actor.person_id,
            made_by=saying.actor.person_id,
            made_at=saying.at,
        )
        await self._record(saying, "macro kept", macro)
        if not await self._store.keep(macro):
            raise UserError("macro_full", most=MOST_MACROS)
        told = "macro.kept_room" if of_room else "macro.kept"
        return plain_report(self._texts.say(told, name=name), tone=Tone.GOOD)

    async def _require_free(self, saying: Saying, name: str) -> None:
        """A room's macro is pressed by others, who know it by its name: nobody else puts another
        command behind it.

        Raises:
            UserError: ``macro_not_yours``.
        """
        for macro in await self._seen(saying):
            same = macro.owner is MacroOwner.ROOM and name_key(macro.name) == name_key(name)
            if same and not _may_change(macro, saying.actor):
                raise UserError("macro_not_yours", name=macro.name)

    def _which_name(self, job: Job) -> Report:
        say = self._texts.say
        question = say("macro.ask_name", command=redact(job.plan.command))
        name = _suggested(job, self._texts)
        behind = f": {name} ({job.job_id})"
        return Report(
            title=say("macro.save"),
            summary=question,
            tone=Tone.ASK,
            sections=(Paragraph(text=question), Paragraph(text=say("macro.ask_own_name"))),
            buttons=(
                Button(
                    button="choose",
                    value=f"자주 쓰는 작업에 저장{behind}",
                    label=say("macro.for_me", name=name),
                ),
                Button(
                    button="choose",
                    value=f"이 방의 자주 쓰는 작업에 저장{behind}",
                    label=say("macro.for_room", name=name),
                ),
            ),
        )

    async def _job(self, saying: Saying, job_id: str | None) -> Job | None:
        """The job that is named, else the last one of this thread; none that may not be seen."""
        stores = self._services.stores
        job = await (
            stores.jobs.load(job_id) if job_id else stores.history.latest_job(saying.thread)
        )
        return job if job is not None and saying.actor.may_see(job.plan.institution) else None

    def _is_command(self, name: str) -> bool:
        """Whether the name is a command or begins one: that would be called by it already."""
        key = name_key(name)
        ours = (*self._services.commands, *RESERVED_NAMES)
        return any(command.startswith(key) for command in ours)

    # --- the others ------------------------------------------------------------------------

    async def _drop(self, saying: Saying, said: str) -> Report:
        macro = await self._called(saying, said)
        if macro is None:
            raise UserError("macro_unknown", name=said[:LONGEST_NAME])
        if not _may_change(macro, saying.actor):
            raise UserError("macro_not_yours", name=macro.name)
        await self._record(saying, "macro dropped", macro)
        await self._store.drop(macro.macro_id)
        return plain_report(self._texts.say("macro.dropped", name=macro.name), tone=Tone.GOOD)

    async def _called(self, saying: Saying, said: str) -> Macro | None:
        """The macro of that name or ``#id``; a person's own before the room's."""
        seen = await self._seen(saying)
        key = name_key(said)
        fitting = (one for one in seen if key in (name_key(one.name), f"#{one.macro_id}"))
        return next(fitting, None)

    async def _seen(self, saying: Saying) -> tuple[Macro, ...]:
        return await self._store.of(saying.actor.person_id, saying.thread)

    def _listed(self, macros: tuple[Macro, ...]) -> Report:
        say = self._texts.say
        if not macros:
            return plain_report(say("macro.list_none"))
        title = say("macro.list_title", count=len(macros))
        columns = tuple(say(f"macro.{name}") for name in ("name", "command", "whose"))
        rows = tuple(
            (
                one.name,
                f"{PREFIX} {redact(one.command)}",
                say("macro.room" if one.owner is MacroOwner.ROOM else "macro.own"),
            )
            for one in macros
        )
        return Report(title=title, summary=title, sections=(Table(columns=columns, rows=rows),))

    async def _record(self, saying: Saying, what: str, macro: Macro) -> None:
        await self._chronicle.record(
            AuditKind.DECISION,
            saying.actor.person_id,
            subject=what,
            name=macro.name,
            command=macro.command,
            owner=f"{macro.owner.value}:{macro.owner_key}",
        )


def _may_change(macro: Macro, actor: Actor) -> bool:
    """Whoever has kept it, and who leads."""
    return macro.made_by == actor.person_id or actor.role in (Role.PART_LEADER, Role.PM)


def with_keep_button(report: Report, job: Job, texts: Texts) -> Report:
    """A final report with the button by which its command is kept, where it was a command."""
    if not job.plan.command:
        return report
    value = f"자주 쓰는 작업에 저장 ({job.job_id})"
    button = Button(button="choose", value=value, label=texts.say("macro.save"))
    return replace(report, buttons=(*report.buttons, button))


def _suggested(job: Job, texts: Texts) -> str:
    """A name that says what and where."""
    key = f"action.{job.plan.action}"
    what = texts.say(key) if texts.has(key) else job.plan.action
    words = texts.say("macro.suggested", what=what, system=job.plan.system)
    kept = re.sub(r"[\s/#?=\"'`|<>{}\\@:]+", " ", words).strip()[:LONGEST_NAME].strip()
    return macro_name(kept) or job.job_id


def _squeezed(text: str) -> str:
    """With every run of blanks as one: the patterns' blanks stand side by side, and a long run
    would be divided among them in every possible way."""
    return _BLANKS.sub(lambda run: "\n" if "\n" in run[0] else " ", text)
