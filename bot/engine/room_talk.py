"""Talk that is not for the bot, and the few words that tell it how to behave in a room.

Owns: the way of a chat message through memory and advice, and of an order about either. Nothing
here leads to the pipeline: talk never becomes an intent.
"""

from __future__ import annotations

from datetime import date

from bot.core.advice_ports import Adviser
from bot.core.cards import refusal_report
from bot.core.domain.advice import Order, RoomOrder
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import Chat, Command, Mention
from bot.core.domain.memory import RoomRef
from bot.core.domain.people import Actor
from bot.core.errors import UserError
from bot.engine.advice import RoomAdvice
from bot.engine.chronicle import Chronicle
from bot.engine.memory import RoomMemory
from bot.engine.naming import event_key_of, thread_of
from bot.engine.outbound import Outbound
from bot.engine.reply import Reply
from bot.engine.services import Services

Place = dict[str, str | int]  # what a workflow keeps of a message: where it is, not what it says


class RoomTalk:
    """What happens to talk. ``hear`` first; ``heed`` and ``summarise`` may come much later."""

    def __init__(
        self,
        services: Services,
        chronicle: Chronicle,
        outbound: Outbound,
        *,
        adviser: Adviser,
        advice: RoomAdvice,
        memory: RoomMemory,
    ) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound
        self._adviser = adviser
        self._advice = advice
        self._memory = memory
        self._tidied: date | None = None

    async def hear(self, chat: Chat) -> Place:
        """Keep a message, and say where; a second time is the same as once.

        Raises:
            OperationError: it could not be stored.
        """
        message = await self._memory.hear(chat)
        return {
            "adapter": message.room.adapter,
            "channel": message.room.channel,
            "position": message.position,
        }

    async def heed(self, place: Place) -> bool:
        """Perhaps offer a card; whether a summary is due."""
        room, position = _room_of(place), int(place["position"])
        await self._tidy()
        recent = await self._memory.recent(room, position)
        if recent and recent[-1].position == position:
            await self._advice.consider(recent)
        return await self._memory.due(room, position)

    async def summarise(self, place: Place) -> None:
        """Bring the room's summary up to the present."""
        await self._memory.summarise(_room_of(place))

    async def answer(self, message: Mention | Command) -> bool:
        """Take an order about the room. False: it is something else, for the pipeline."""
        if isinstance(message, Command) and message.name != "guardia":
            return False
        order = None if isinstance(message, Mention) and message.files else self._order_of(message)
        actor = await self._services.directory.find(message.sender)
        if actor is None:
            return False  # the pipeline refuses strangers
        if order is None:
            await self._memory.hear(message)
            return False
        key = event_key_of(message.conversation.adapter, message.event_id)
        reply = Reply(self._outbound, thread_of(message.conversation), key)
        try:
            await self._carry_out(order, actor, message, reply)
        except UserError as error:
            await self._chronicle.record(
                AuditKind.REFUSAL, actor.person_id, subject=key, code=error.code
            )
            await reply.refuse(refusal_report(error, texts=self._services.texts))
        return True

    def _order_of(self, message: Mention | Command) -> RoomOrder | None:
        return self._adviser.order(message.text)

    async def _carry_out(
        self, order: RoomOrder, actor: Actor, message: Mention | Command, reply: Reply
    ) -> None:
        place = message.conversation
        if order.order is Order.SUMMARISE:
            room = RoomRef(adapter=place.adapter, channel=place.channel)
            async for report in self._memory.tell(room, actor):
                await reply.say(report)
        else:
            await reply.say(await self._advice.obey(order, actor, place))

    async def _tidy(self) -> None:
        """Once a day old talk goes, even where no summary is ever due."""
        today = self._services.clock.now().date()
        if self._tidied != today:
            await self._memory.forget()
            self._tidied = today


def _room_of(place: Place) -> RoomRef:
    return RoomRef(adapter=str(place["adapter"]), channel=str(place["channel"]))
