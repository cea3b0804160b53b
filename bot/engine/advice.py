"""Offering one card for what overheard talk looks like.

Owns: when a card may be offered, what it says, and the switch of a room. It starts nothing: a
button of the card carries a sentence of the catalogue, and pressing it is a request of the person
who pressed. No word of the room gets into a button.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.advice_ports import AdviceStore, Adviser
from bot.core.cards import plain_report
from bot.core.domain.advice import Advice, AdviceRoom, CardClaim, Order, RoomOrder
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import SystemEntry, Vocabulary
from bot.core.domain.memory import RoomRef, TalkMessage
from bot.core.domain.people import Actor, Role
from bot.core.domain.plan import Risk
from bot.core.domain.report import Button, ButtonStyle, Facts, Lines, Paragraph, Report, Tone
from bot.core.errors import UserError
from bot.core.texts import Texts
from bot.engine.chronicle import Chronicle
from bot.engine.naming import SEOUL
from bot.engine.outbound import Outbound
from bot.engine.services import Services

# Actions whose highest risk is not reading, and whose sentence here asks for the reading form.
_READING_FORMS = frozenset({"check_db_status"})
_MOST_OWNERS = 3
_SHORTEST_NAME = 3  # a shorter alias stands in too many other words


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceSettings:
    """Pauses between cards."""

    topic_pause: timedelta = timedelta(minutes=30)
    room_pause: timedelta = timedelta(minutes=2)
    mute: timedelta = timedelta(hours=1)  # when nobody says how long


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """What the CMDB knows about where something was said. ``last_change`` is already worded."""

    system: SystemEntry | None = None
    owners: tuple[str, ...] = ()
    last_change: str = ""


class RoomAdvice:
    """The cards of all rooms."""

    def __init__(
        self,
        services: Services,
        chronicle: Chronicle,
        outbound: Outbound,
        *,
        adviser: Adviser,
        store: AdviceStore,
        settings: AdviceSettings | None = None,
    ) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound
        self._adviser = adviser
        self._store = store
        self._settings = settings or AdviceSettings()

    # --- the card --------------------------------------------------------------------------

    async def consider(self, recent: Sequence[TalkMessage]) -> bool:
        """Offer at most one card for the last of these messages; whether one was offered."""
        message = recent[-1]
        now = self._services.clock.now()
        if not (await self._store.room(message.room)).listens(now):
            return False
        advice = await self._adviser.advise([one.text for one in recent])
        check = self._check_of(advice) if advice else None
        if advice is None or check is None or not await self._claim(message, advice, now):
            return False
        background = await self._background(message)
        report = advice_card(advice, check, background, texts=self._services.texts)
        await self._outbound.post(report, _place_of(message), key=f"{message.key}:advice")
        return True

    def _check_of(self, advice: Advice) -> str | None:
        """The best check that exists today and only reads."""
        for action_id in advice.checks:
            action = self._services.action_of(action_id)
            if action is not None and (action.risk is Risk.READ or action_id in _READING_FORMS):
                return action_id
        return None

    async def _claim(self, message: TalkMessage, advice: Advice, now: datetime) -> bool:
        return await self._store.claim(
            CardClaim(
                room=message.room,
                topic=advice.topic,
                key=message.key,
                at=now,
                topic_pause=self._settings.topic_pause,
                room_pause=self._settings.room_pause,
            )
        )

    async def _background(self, message: TalkMessage) -> Background:
        system = await self._services.inventory.system_of(_place_of(message))
        if system is None:
            return Background()
        if names_another(message.text, system, await self._services.inventory.vocabulary(None)):
            return Background()  # the talk is about something else: whoever presses is asked
        owners = [
            person.name
            for person in await self._services.directory.people()
            if person.role is Role.OPERATOR and system.institution in person.institutions
        ]
        return Background(
            system=system,
            owners=tuple(owners[:_MOST_OWNERS]),
            last_change=await self._last_change(system),
        )

    async def _last_change(self, system: SystemEntry) -> str:
        texts, stores = self._services.texts, self._services.stores
        deployments = await stores.deployments.deployments(system.code)
        if not deployments:
            return texts.say("advice.no_change")
        latest = deployments[0]
        job = await stores.jobs.load(latest.job_id)
        key = "advice.change_undone" if latest.undone else "advice.change_row"
        return texts.say(
            key,
            at=f"{latest.ended_at.astimezone(SEOUL):%m-%d %H:%M}",
            who=job.requester_name if job else "-",
            sr=latest.sr or "-",
            job=latest.job_id,
        )

    # --- the switch ------------------------------------------------------------------------

    async def obey(self, order: RoomOrder, actor: Actor, place: ConversationRef) -> Report:
        """Switch advice on or off in this room, or be quiet for a while.

        Raises:
            UserError: this person may not see the room's system (``may_not_switch``).
        """
        system = await self._services.inventory.system_of(place)
        if system is not None and not actor.may_see(system.institution):
            raise UserError("may_not_switch")
        room = RoomRef(adapter=place.adapter, channel=place.channel)
        span = order.span or self._settings.mute
        state = await self._store.room(room)
        until = self._services.clock.now() + span
        match order.order:
            case Order.ADVISE:
                state, said = AdviceRoom(on=True), self._services.texts.say("advice.on")
            case Order.STOP:
                state, said = AdviceRoom(on=False), self._services.texts.say("advice.off")
            case _:
                state = AdviceRoom(on=state.on, muted_until=until)
                shown = f"{until.astimezone(SEOUL):%m-%d %H:%M}"
                said = self._services.texts.say("advice.muted", until=shown)
        await self._chronicle.record(
            AuditKind.ADMIN,
            actor.person_id,
            subject="room_advice",
            channel=place.channel,
            order=order.order.value,
            minutes=int(span.total_seconds() // 60) if order.order is Order.MUTE else None,
        )
        await self._store.put_room(room, state)
        return plain_report(said)


def names_another(text: str, system: SystemEntry, vocabulary: Vocabulary) -> bool:
    """Whether talk names a system of the estate, and not this one."""
    said = _squeezed(text)
    if any(name in said for name in _names_of(system, shortest=2)):
        return False
    return any(
        name in said
        for other in vocabulary.systems
        if other.code != system.code
        for name in _names_of(other, shortest=_SHORTEST_NAME)
    )


def _names_of(system: SystemEntry, *, shortest: int) -> list[str]:
    names = [_squeezed(name) for name in (system.name, *system.aliases)]
    return [name for name in names if len(name) >= shortest]


def _squeezed(text: str) -> str:
    return "".join(text.lower().split())


def advice_card(advice: Advice, check: str, background: Background, *, texts: Texts) -> Report:
    """The one card: what was said, what would be checked, where, and the button."""
    topic, named = texts.say(f"advice.topic.{advice.topic}"), texts.say(f"advice.check.{check}")
    system = background.system
    target = f"{system.institution} {system.name}" if system else ""
    would = texts.say("advice.would" if system else "advice.would_ask", check=named)
    return Report(
        title=texts.say("advice.title", topic=topic),
        summary=texts.say("advice.summary", topic=topic, check=named),
        tone=Tone.ASK,
        sections=(
            Lines(lines=advice.evidence, title=texts.say("advice.evidence")),
            Facts(rows=_facts(background, texts)),
            Paragraph(text=would),
        ),
        buttons=(
            Button(
                button="choose",
                value=texts.say(f"advice.says.{check}", target=target).strip(),
                label=texts.say("advice.do", check=named),
                style=ButtonStyle.PRIMARY,
            ),
            Button(
                button="choose",
                value=texts.say("advice.quiet_says"),
                label=texts.say("advice.quiet"),
            ),
        ),
        footer=texts.say("advice.footer"),
    )


def _facts(background: Background, texts: Texts) -> tuple[tuple[str, str], ...]:
    system = background.system
    if system is None:
        return ((texts.say("advice.system"), texts.say("advice.no_system")),)
    rows = [(texts.say("advice.system"), f"{system.institution} {system.name}")]
    if background.owners:
        rows.append((texts.say("advice.owner"), ", ".join(background.owners)))
    rows.append((texts.say("advice.change"), background.last_change))
    return tuple(rows)


def _place_of(message: TalkMessage) -> ConversationRef:
    """In the thread where it was said; else in the room, where the card opens its own."""
    return ConversationRef(
        adapter=message.room.adapter, channel=message.room.channel, thread=message.thread
    )
