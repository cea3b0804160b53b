"""Microsoft Teams as an adapter.

Owns: what is done with a believed activity, posting and editing, and the files of personal chats.
It acknowledges within the service's limit and reads no meaning into text.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import structlog
from aiohttp import web

from adapters.teams.cards import (
    MAX_CARD_BYTES,
    SMALL_CARD_BYTES,
    activity_of,
    card_of,
    plain_text,
)
from adapters.teams.connector import Connector, is_too_large
from adapters.teams.credentials import BotCredentials
from adapters.teams.door import CARD_ACTION, FILE_CONSENT, PATH, Answer, Door
from adapters.teams.files import TeamsFiles
from adapters.teams.identity import Identity
from adapters.teams.inbound import (
    ADAPTER,
    Activity,
    Consent,
    Said,
    address_of,
    click_of,
    consent_of,
    event_id_of,
    said_of,
    sender_of,
)
from adapters.teams.offers import Offers
from adapters.teams.references import Reference, References
from adapters.teams.settings import TeamsSettings
from adapters.teams.signing_keys import SigningKeys
from bot.core.degradation import Place, degraded
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.people import ExternalId
from bot.core.domain.report import Attachment, Report, Tone
from bot.core.errors import ConfigurationError, GuardiaError, OperationError, UserError
from bot.core.messenger_ports import ConsoleLinks, MessengerMemory
from bot.core.ports import Capabilities, Clock, FileStore, Receiver
from bot.core.texts import Texts

ACKNOWLEDGE_S = 2.0  # people are told after three that the app does not answer
_REMEMBERED_EVENTS = 2_000
_HTTP = aiohttp.ClientTimeout(total=10, connect=5)
_T = TypeVar("_T")
log = structlog.get_logger(__name__)


class TeamsAdapter:
    """Teams. The HTTP server is the composition root's; ``attach`` adds the route to it."""

    name = ADAPTER
    capabilities = Capabilities(
        threads=True,
        buttons=True,
        files=True,
        edits=True,
        private_replies=False,
        commands=False,
        pace_s=0.5,  # of a channel's 7 a second, 8 in two, 60 in thirty the last one binds
    )

    def __init__(
        self,
        *,
        settings: TeamsSettings,
        files: FileStore,
        memory: MessengerMemory,
        links: ConsoleLinks | None,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._store = files
        self._memory = memory
        self._links = links
        self._texts = texts
        self._clock = clock
        self._tls = _tls(settings)
        keys = SigningKeys(settings.openid_url, self._session, clock)
        self._door = Door(Identity(settings, keys, clock), texts, self._take)
        self._connector = Connector(settings, BotCredentials(settings))
        self._files = TeamsFiles(settings, files, self._session)
        self._references = References(settings, memory, clock)
        self._offers = Offers(self._connector, self._files, memory, texts=texts, clock=clock)
        self._card_bytes = MAX_CARD_BYTES  # what the service has been found to take
        self._http: aiohttp.ClientSession | None = None
        self._receive: Receiver | None = None
        self._group: asyncio.TaskGroup | None = None
        self._events: dict[str, asyncio.Task[bool]] = {}

    # --- the port ----------------------------------------------------------------------------

    def attach(self, app: web.Application) -> None:
        """Mount the one route."""
        app.router.add_post(PATH, self._door.handle)

    async def run(self, receive: Receiver) -> None:
        """Take events until cancelled."""
        async with (
            aiohttp.ClientSession(
                timeout=_HTTP,
                connector=aiohttp.TCPConnector(ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=True,
            ) as self._http,
            asyncio.TaskGroup() as self._group,
        ):
            self._receive = receive
            try:
                await asyncio.Event().wait()
            finally:
                self._receive = None

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """As the port."""
        kept = await self._memory.recall(ADAPTER, f"post:{key}")
        if kept is None:
            shaped, place = await self._fitting(lambda limit: self._posted(report, to, key, limit))
        else:
            limit = int(str(kept.get("limit", MAX_CARD_BYTES)))
            shaped, place = await self._shaped(report, to, limit), _place_of(to.channel, kept)
        await self._offer_files(shaped.files, place, key)
        return place

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """As the port."""
        if message.message is None:
            raise OperationError("message_missing")
        reference = await self._references.of(message)
        # Not written out when too long: a progress card would leave a file behind each second.
        shaped = self._with_files_shown(report, message, reference)
        place, message_id = address_of(message), message.message
        await self._fitting(
            lambda limit: self._connector.update(
                reference.service_url, place, message_id, activity_of(shaped, self._texts, limit)
            )
        )
        await self._offer_files(report.files, message, message_id)

    # --- going out ---------------------------------------------------------------------------

    async def _fitting(self, send: Callable[[int], Awaitable[_T]]) -> _T:
        """Send within the service's limit of today, or, where it takes less, in a smaller card."""
        try:
            return await send(self._card_bytes)
        except OperationError as error:
            if not is_too_large(error) or self._card_bytes == SMALL_CARD_BYTES:
                raise
        log.warning("teams_takes_less", bytes=SMALL_CARD_BYTES)
        self._card_bytes = SMALL_CARD_BYTES
        return await send(SMALL_CARD_BYTES)

    async def _posted(
        self, report: Report, to: ConversationRef, key: str, limit: int
    ) -> tuple[Report, ConversationRef]:
        reference = await self._references.of(to)
        shaped = await self._shaped(report, to, limit)
        message = activity_of(shaped, self._texts, limit)
        service = reference.service_url
        if to.thread is None and reference.kind == "channel":
            posted = await self._connector.open_thread(service, to.channel, message)
            place = replace(to, thread=posted, message=posted)
        else:
            posted = await self._connector.send(service, address_of(to), message)
            place = replace(to, message=posted)
        value = {"thread": place.thread, "message": place.message, "limit": limit}
        await self._memory.keep(ADAPTER, f"post:{key}", value, at=self._clock.now())
        return shaped, place

    async def _shaped(self, report: Report, to: ConversationRef, limit: int) -> Report:
        """What a card cannot hold goes along as a file."""
        reference = await self._references.of(to)
        shaped = self._with_files_shown(report, to, reference)
        if card_of(shaped, self._texts, limit)[1]:
            return shaped
        whole = replace(report, files=(*report.files, await self._written_out(report)))
        return self._with_files_shown(whole, to, reference)

    def _with_files_shown(
        self, report: Report, to: ConversationRef, reference: Reference
    ) -> Report:
        """Outside personal chats files are links."""
        if reference.takes_files:
            return report
        lacking = replace(self.capabilities, files=False, private_replies=True)
        return degraded(
            report, lacking, Place(conversation=to, texts=self._texts, links=self._links)
        )

    async def _written_out(self, report: Report) -> Attachment:
        async def chunks() -> AsyncIterator[bytes]:
            yield plain_text(report).encode()

        name = self._texts.say("teams.whole_report")
        stored = await self._store.receive(name, chunks())
        return Attachment(
            digest=stored.digest, name=stored.name, size=stored.size, media_type="text/plain"
        )

    async def _offer_files(
        self, files: Iterable[Attachment], place: ConversationRef, key: str
    ) -> None:
        reference = await self._references.of(place)
        if reference.takes_files:
            for file in files:
                await self._offers.make(file, place, reference, key=key)

    # --- coming in ---------------------------------------------------------------------------

    async def _take(self, activity: Activity) -> Answer:
        if self._group is None or self._receive is None:
            return Answer(HTTPStatus.SERVICE_UNAVAILABLE)
        sender = sender_of(activity, self._settings.tenant_id.lower())
        if sender is None:  # a bot, a connector, or a meeting's guest, whose id is not for good
            log.info("teams_sender_has_no_directory_id", type=activity.type)
            return Answer()
        event_id = event_id_of(activity)
        task = self._events.get(event_id)
        if task is None:  # else the service repeats itself
            task = self._group.create_task(self._guarded(self._work(activity, sender)))
            self._remember(event_id, task)
        await asyncio.wait({task}, timeout=ACKNOWLEDGE_S)
        if not task.done():
            return Answer(HTTPStatus.ACCEPTED)
        if not task.result():
            self._events.pop(event_id, None)
            return Answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        return Answer()

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> bool:
        try:
            await work
        except Exception:  # the adapter loop: one event's failure must not end the adapter
            log.exception("teams_event_failed")
            return False
        return True

    def _remember(self, event_id: str, task: asyncio.Task[bool]) -> None:
        if len(self._events) >= _REMEMBERED_EVENTS:
            done = [each for each, known in self._events.items() if known.done()]
            for each in done[: _REMEMBERED_EVENTS // 2]:
                del self._events[each]
        self._events[event_id] = task

    async def _work(self, activity: Activity, sender: ExternalId) -> None:
        await self._references.learn(activity)
        now, receive = self._clock.now(), self._receive
        if receive is None:
            raise OperationError("chat_unavailable", adapter=ADAPTER)
        if activity.type == "invoke" and activity.name == FILE_CONSENT:
            if (consent := consent_of(activity, sender)) is not None:
                await self._agreed(consent)
            return
        if activity.type != "message" and activity.name != CARD_ACTION:
            return
        if (click := click_of(activity, sender, at=now)) is not None:
            await receive(click)
            return
        said = said_of(activity, sender, bot_id=self._settings.bot_id, at=now)
        if said is not None and activity.type == "message":
            await self._heard(said, receive)

    async def _heard(self, said: Said, receive: Receiver) -> None:
        try:
            # Duplicates of it wait for this very task, and the acknowledgement for neither.
            files = [await self._files.fetch(file) for file in said.offered]
        except UserError as error:
            await self._tell(error, said)
            return
        missed = said.addressed and (said.beyond_reach or said.pasted)
        if said.text or files or not missed:
            await receive(said.inbound(files))
        if missed:
            await self._say_where_files_go(said)

    async def _agreed(self, consent: Consent) -> None:
        reference = await self._references.of(consent.conversation)
        try:
            await self._offers.answer(consent, reference)
        except GuardiaError as error:
            summary, hint = self._texts.explain(error)
            report = Report(title=summary, summary=hint or summary, tone=Tone.BAD)
            await self.post(report, consent.conversation, key=f"consent:{consent.event_id}")

    async def _tell(self, error: UserError, said: Said) -> None:
        summary, hint = self._texts.explain(error)
        report = Report(title=summary, summary=hint or summary, tone=Tone.WARNING)
        await self.post(report, said.conversation, key=f"file:{said.event_id}")

    async def _say_where_files_go(self, said: Said) -> None:
        missed = "channel_files" if said.beyond_reach else "pasted"
        report = Report(
            title=self._texts.say(f"teams.{missed}.title"),
            summary=self._texts.say(f"teams.{missed}.summary"),
            tone=Tone.ASK,
            wants_files=True,
        )
        await self.post(report, said.conversation, key=f"reach:{said.event_id}")

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            raise OperationError("chat_unavailable", adapter=ADAPTER)
        return self._http


def _place_of(channel: str, kept: Any) -> ConversationRef:
    return ConversationRef(
        adapter=ADAPTER, channel=channel, thread=kept["thread"], message=kept["message"]
    )


def _tls(settings: TeamsSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise ConfigurationError(
            "settings", file=settings.ca_file, key="teams.ca_file", problem=error
        ) from error
