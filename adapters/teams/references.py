"""How conversations are reached that somebody has spoken in before.

Owns: conversation references, kept over restarts, so that the bot can speak without being asked,
also where nobody has spoken yet.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.teams.inbound import ADAPTER, Activity, place_of
from adapters.teams.settings import TeamsSettings
from bot.core.domain.conversation import ConversationRef
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Clock

_KEPT = 10_000  # in this process; all of them are in the memory
_LATEST = "service"  # where the tenant's people have last been heard from


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """``kind``: personal, groupChat or channel."""

    service_url: str
    kind: str

    @property
    def takes_files(self) -> bool:
        """Teams gives bots files in personal chats only."""
        return self.kind == "personal"


class References:
    """By channel or chat."""

    def __init__(self, settings: TeamsSettings, memory: MessengerMemory, clock: Clock) -> None:
        self._settings = settings
        self._memory = memory
        self._clock = clock
        self._known: dict[str, Reference] = {}
        self._latest = ""

    async def learn(self, activity: Activity) -> None:
        """Keep where this conversation is reached; an old address is replaced."""
        channel = place_of(activity).channel
        reference = Reference(service_url=activity.service_url, kind=activity.kind)
        if self._known.get(channel) == reference:
            return
        self._put(channel, reference)
        value = {"service_url": reference.service_url, "kind": reference.kind}
        now = self._clock.now()
        await self._memory.replace(ADAPTER, f"reference:{channel}", value, at=now)
        if reference.service_url != self._latest:
            latest: dict[str, object] = {"service_url": reference.service_url}
            await self._memory.replace(ADAPTER, _LATEST, latest, at=now)
            self._latest = reference.service_url

    async def of(self, place: ConversationRef) -> Reference:
        """How that conversation is reached; a guess where nobody has spoken there yet."""
        if place.channel not in self._known:
            kept = await self._memory.recall(ADAPTER, f"reference:{place.channel}")
            if kept is None:
                return await self._guessed(place.channel)
            self._put(
                place.channel,
                Reference(service_url=str(kept["service_url"]), kind=str(kept["kind"])),
            )
        return self._known[place.channel]

    def _put(self, channel: str, reference: Reference) -> None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[channel] = reference

    async def _guessed(self, channel: str) -> Reference:
        """A tenant's conversations are all at one address; until it is known, the global one."""
        kind = "channel" if channel.endswith(("@thread.tacv2", "@thread.skype")) else "groupChat"
        if channel.startswith("a:"):
            kind = "personal"
        kept = await self._memory.recall(ADAPTER, _LATEST)
        told = str(kept["service_url"]) if kept is not None else ""
        # What was trusted once need not be any more.
        url = told if self._settings.trusts_service(told) else self._settings.service_urls[0]
        return Reference(service_url=url, kind=kind)
