"""Jandi as an adapter: an outgoing webhook in, an incoming webhook out.

Owns: the route that Jandi calls, its acknowledgement, and posting. Jandi has no buttons, edits,
threads or files: reports have been degraded before they get here. It reads no meaning into text.
"""

from __future__ import annotations

import asyncio
import hashlib
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web
from pydantic import ValidationError

from adapters.jandi.inbound import (
    ADAPTER,
    MAX_BYTES,
    Posted,
    is_stale,
    to_mention,
    token_in,
    topic_of,
    writer_of,
)
from adapters.jandi.outbound import HEADERS, PACE_S, Json, messages_of, reply_of
from adapters.jandi.settings import JandiSettings
from bot.core.domain.conversation import ConversationRef, Mention
from bot.core.domain.report import Report, Tone
from bot.core.errors import GuardiaError, OperationError
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Capabilities, Clock, Receiver
from bot.core.retry_after import retry_after_s
from bot.core.texts import Texts

PATH = "/jandi/events"
ACKNOWLEDGE_S = 2.0  # of the 3 s after which a webhook counts as failed
_CALL = aiohttp.ClientTimeout(total=10, connect=3)
_WAIT_S = 60  # after a 429 without a word of when to come again: the limit counts by the minute
log = structlog.get_logger(__name__)


class JandiAdapter:
    """One Jandi team. The HTTP server itself is run by the composition root."""

    name = ADAPTER
    capabilities = Capabilities(
        threads=False,
        buttons=False,
        files=False,
        edits=False,
        private_replies=False,
        mentions=False,
        commands=False,
        verified_senders=False,
        pace_s=PACE_S,
    )

    def __init__(
        self, settings: JandiSettings, *, memory: MessengerMemory, texts: Texts, clock: Clock
    ) -> None:
        topics = settings.topics()
        self._settings = settings
        self._tokens = {name: room.token.get_secret_value() for name, room in topics.items()}
        self._urls = {name: room.url.get_secret_value() for name, room in topics.items()}
        self._memory = memory
        self._texts = texts
        self._clock = clock
        self._receive: Receiver | None = None
        self._session: aiohttp.ClientSession | None = None
        self._deliveries: set[asyncio.Task[bool]] = set()

    # --- the port ----------------------------------------------------------------------------

    def attach(self, app: web.Application) -> None:
        """Add the route that Jandi calls."""
        app.router.add_post(PATH, self._take)

    async def run(self, receive: Receiver) -> None:
        """Hand every message to ``receive`` until cancelled."""
        self._receive = receive
        try:
            await asyncio.Event().wait()
        finally:
            self._receive = None
            for delivery in self._deliveries:
                delivery.cancel()
            await asyncio.gather(*self._deliveries, return_exceptions=True)
            if self._session is not None:
                await self._session.close()
                self._session = None

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """As the port. What was posted of a long report before a limit is not posted again."""
        mark = hashlib.sha256(key.encode()).hexdigest()[:32]
        place = ConversationRef(adapter=ADAPTER, channel=to.channel, message=mark)
        if await self._memory.recall(ADAPTER, f"post:{mark}") is not None:
            return place
        messages = messages_of(report, self._texts)
        for number, message in enumerate(messages[:-1]):
            part = f"post:{mark}:{number}"
            if await self._memory.recall(ADAPTER, part) is None:
                await self._send(to.channel, message)
                await self._memory.keep(ADAPTER, part, {}, at=self._clock.now())
        await self._send(to.channel, messages[-1])
        await self._memory.keep(ADAPTER, f"post:{mark}", {"key": key}, at=self._clock.now())
        return place

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """Jandi edits nothing: whoever wants to is told to post."""
        raise OperationError("message_missing")

    # --- in ----------------------------------------------------------------------------------

    async def _take(self, request: web.Request) -> web.Response:
        try:
            body = await _bounded(request)
            topic = topic_of(token_in(body), self._tokens)
            if topic is None:
                log.warning("jandi_token_refused", remote=request.remote)
                return _refused(HTTPStatus.UNAUTHORIZED)
            posted = Posted.model_validate_json(body)
        except (ValidationError, web.RequestPayloadError) as error:
            log.warning("jandi_message_malformed", fields=_fields_of(error))
            return _refused(HTTPStatus.BAD_REQUEST)
        except _TooLargeError:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if is_stale(posted, now=self._clock.now(), life=self._settings.life):
            log.warning("jandi_message_stale", topic=topic, at=posted.createdAt.isoformat())
            return _refused(HTTPStatus.UNAUTHORIZED)
        if not writer_of(posted):
            log.warning("jandi_writer_unnamed", topic=topic)
            return _said(reply_of(self._texts.say("jandi.who"), Tone.WARNING))
        return await self._acknowledged(to_mention(posted, topic=topic, team=self._settings.team))

    async def _acknowledged(self, mention: Mention) -> web.Response:
        """Within Jandi's time, however slow the bot is: what is slow goes on behind it."""
        delivery = asyncio.create_task(self._deliver(mention))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)
        done, _ = await asyncio.wait({delivery}, timeout=ACKNOWLEDGE_S)
        if done and not delivery.result():
            return _said(self._trouble())
        if not done:
            delivery.add_done_callback(lambda late: self._own_up(late, mention))
        # Nothing is said here: the answer comes as a message of its own.
        return web.Response()

    async def _deliver(self, mention: Mention) -> bool:
        """Whether the bot has taken it."""
        if self._receive is None:
            return False
        try:
            await self._receive(mention)
        except Exception:  # the adapter loop: one message's failure must not end the topic
            log.exception("event_not_delivered", event_id=mention.event_id)
            return False
        return True

    def _own_up(self, late: asyncio.Task[bool], mention: Mention) -> None:
        """A message that failed after its acknowledgement: its writer must not wait in vain."""
        if late.cancelled() or late.result():
            return
        told = asyncio.create_task(self._tell_trouble(mention))
        self._deliveries.add(told)
        told.add_done_callback(self._deliveries.discard)

    async def _tell_trouble(self, mention: Mention) -> bool:
        try:
            await self._send(mention.conversation.channel, self._trouble())
        except GuardiaError as error:
            log.warning("trouble_not_told", code=error.code)
        return True

    def _trouble(self) -> Json:
        return reply_of(self._texts.say("jandi.not_taken"), Tone.BAD)

    # --- out ---------------------------------------------------------------------------------

    async def _send(self, topic: str, message: Json) -> None:
        url = self._urls.get(topic)
        if url is None:
            raise OperationError("jandi_topic_unknown", topic=topic)
        try:
            async with self._client().post(
                url, json=message, headers=HEADERS, allow_redirects=False
            ) as response:
                _check(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OperationError("chat_unavailable", adapter=ADAPTER) from error

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_CALL, trust_env=True)
        return self._session


class _TooLargeError(Exception):
    """More than a message of Jandi can be."""


async def _bounded(request: web.Request) -> bytes:
    body = b""
    async for chunk in request.content.iter_chunked(16 * 1024):
        body += chunk
        if len(body) > MAX_BYTES:
            raise _TooLargeError
    return body


def _said(reply: Json) -> web.Response:
    """Jandi posts it into the topic."""
    return web.json_response(reply, headers={"Accept": HEADERS["Accept"]})


def _fields_of(error: ValidationError | web.RequestPayloadError) -> list[str]:
    """Which fields are not as they should be; never what is in them."""
    if not isinstance(error, ValidationError):
        return []
    return [".".join(str(part) for part in each["loc"]) for each in error.errors()]


def _refused(status: HTTPStatus) -> web.Response:
    return web.json_response({"error": status.phrase}, status=status)


def _check(response: aiohttp.ClientResponse) -> None:
    """Translate what Jandi answers.

    Raises:
        OperationError: ``chat_unavailable``, or ``jandi_refused`` with Jandi's status.
    """
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        told = retry_after_s(response.headers)
        wait = _WAIT_S if told is None else told
        raise OperationError("chat_unavailable", adapter=ADAPTER, retry_after_s=wait)
    if response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise OperationError("chat_unavailable", adapter=ADAPTER)
    if response.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise OperationError("jandi_refused", status=response.status)
