"""Slack as an adapter.

Owns: the Bolt application with its one door for every payload, what is known of threads, and
posting reports. It reads no meaning into text; rights are the engine's.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http import HTTPStatus

import aiohttp
import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.calls import in_our_words
from adapters.slack.doorman import GRACE_S, Doorman
from adapters.slack.files import SlackFiles
from adapters.slack.inbound import (
    ADAPTER,
    Bot,
    Commanded,
    Heard,
    Said,
    in_direct_conversation,
    read,
)
from adapters.slack.outbound import MAX_VALUE, Shaped, escape, said_command, shape
from adapters.slack.settings import SlackSettings
from adapters.slack.signature import is_from_slack
from adapters.slack.socket_mode import keep_connected
from bot.core.domain.conversation import Click, ConversationRef
from bot.core.domain.report import Button, Report, Tone
from bot.core.errors import OperationError, UserError
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Capabilities, Clock, FileStore, Receiver
from bot.core.texts import Texts

PATH = "/slack/events"
CALL_S = 20
IDENTIFY_S = (1.0, 5.0, 15.0, 60.0)
LONG_VALUE = "kept:"
NOT_A_MEMBER = frozenset({"not_in_channel", "channel_not_found", "is_archived"})
log = structlog.get_logger(__name__)


class SlackAdapter:
    """One workspace, over Socket Mode or HTTP."""

    name = ADAPTER
    capabilities = Capabilities(
        threads=True, buttons=True, files=True, edits=True, private_replies=True
    )

    def __init__(
        self,
        settings: SlackSettings,
        *,
        files: FileStore,
        memory: MessengerMemory,
        texts: Texts,
        clock: Clock,
        grace_s: float = GRACE_S,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._texts = texts
        self._clock = clock
        self._client = open_client(settings)
        self._files = SlackFiles(settings, self._client, files)
        self._app = self._bolt()
        self._doorman = Doorman(self._hand_on, self._tell_why, grace_s=grace_s)
        self._bot: Bot | None = None
        self._receive: Receiver | None = None

    # --- the port ----------------------------------------------------------------------------

    def attach(self, app: web.Application) -> None:
        """Mount the address that Slack calls; in Socket Mode there is none."""
        if self._settings.mode == "http":
            app.router.add_post(PATH, self._called)

    async def run(self, receive: Receiver) -> None:
        """As the port."""
        self._receive = receive
        try:
            async with aiohttp.ClientSession() as session:
                self._client.session = session
                await self._identify()
                if self._settings.mode == "socket" and self._settings.app_token is not None:
                    await keep_connected(self._app, self._settings.app_token.get_secret_value())
                await asyncio.Event().wait()
        finally:
            self._client.session = None
            await self._doorman.drain()
            self._receive = None

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """As the port. A report into a thread makes the thread the bot's."""
        kept = await self._memory.recall(ADAPTER, f"post:{key}")
        if kept is None:
            shaped = shape(await self._with_short_values(report), self._texts)
            place = await self._say(shaped, to, only_for=report.only_for)
            now = self._clock.now()
            if report.only_for is None:
                thread = f"thread:{to.channel}:{to.thread or place.message}"
                await self._memory.keep(ADAPTER, thread, {}, at=now)
            await self._memory.keep(ADAPTER, f"post:{key}", {"ts": place.message}, at=now)
        else:
            shaped = shape(report, self._texts)
            place = replace(to, message=str(kept["ts"]))
        await self._share(report, shaped, place)
        return place

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """As the port. What only one person saw cannot be edited: they are told anew."""
        shaped = shape(await self._with_short_values(report), self._texts)
        if message.message is None:
            raise OperationError("message_missing")
        if report.only_for is not None:
            await self._say(shaped, replace(message, message=None), only_for=report.only_for)
            return
        with in_our_words():
            await self._client.chat_update(
                channel=message.channel,
                ts=message.message,
                text=shaped.text,
                blocks=shaped.blocks,
            )
        await self._share(report, shaped, message)

    # --- saying ------------------------------------------------------------------------------

    async def _say(
        self, shaped: Shaped, to: ConversationRef, *, only_for: str | None
    ) -> ConversationRef:
        with in_our_words():
            if only_for is not None and not in_direct_conversation(to.channel):
                answer = await self._client.chat_postEphemeral(
                    channel=to.channel,
                    user=only_for,
                    thread_ts=await self._live_thread(to),
                    text=shaped.text,
                    blocks=shaped.blocks,
                )
                return replace(to, message=str(answer["message_ts"]))
            answer = await self._client.chat_postMessage(
                channel=to.channel,
                thread_ts=to.thread,
                text=shaped.text,
                blocks=shaped.blocks,
                unfurl_links=False,
                unfurl_media=False,
            )
        return replace(to, message=str(answer["ts"]))

    async def _live_thread(self, to: ConversationRef) -> str | None:
        """Slack shows what is for one person's eyes in a thread only once somebody has answered
        there; the bot's own answers are those it knows of."""
        known = await self._memory.recall(ADAPTER, f"thread:{to.channel}:{to.thread}")
        return to.thread if known is not None else None

    async def _share(self, report: Report, shaped: Shaped, message: ConversationRef) -> None:
        """Upload the report's files, and what did not fit, once each, into its thread."""
        to = await self._file_place(report, message)
        for file in report.files:
            if await self._unshared(message, file.digest):
                content = await self._files.stored(file.digest, file.size)
                await self._files.upload(file.name, content, to=to)
                await self._shared(message, file.digest)
        if report.tone is Tone.RUNNING:
            return  # soon said anew; what it has become is worth a file
        for spill in shaped.spills:
            if await self._unshared(message, spill.digest):
                await self._files.upload(spill.name, spill.content, to=to)
                await self._shared(message, spill.digest)

    async def _file_place(self, report: Report, message: ConversationRef) -> ConversationRef:
        if report.only_for is not None and not in_direct_conversation(message.channel):
            with in_our_words():
                answer = await self._client.conversations_open(users=report.only_for)
            return ConversationRef(adapter=ADAPTER, channel=str(answer["channel"]["id"]))
        if in_direct_conversation(message.channel):
            return message
        return replace(message, thread=message.thread or message.message)

    async def _unshared(self, message: ConversationRef, digest: str) -> bool:
        return await self._memory.recall(ADAPTER, _file_key(message, digest)) is None

    async def _shared(self, message: ConversationRef, digest: str) -> None:
        await self._memory.keep(ADAPTER, _file_key(message, digest), {}, at=self._clock.now())

    async def _with_short_values(self, report: Report) -> Report:
        """Slack takes 2,000 characters of a button's value, and not many more of a whole message:
        a long value stays with us."""
        if all(len(button.value) <= MAX_VALUE for button in report.buttons):
            return report
        return replace(report, buttons=tuple([await self._short(b) for b in report.buttons]))

    async def _short(self, button: Button) -> Button:
        if len(button.value) <= MAX_VALUE:
            return button
        reference = LONG_VALUE + hashlib.sha256(button.value.encode()).hexdigest()
        kept = {"value": button.value}
        await self._memory.keep(ADAPTER, reference, kept, at=self._clock.now())
        return replace(button, value=reference)

    # --- hearing -----------------------------------------------------------------------------

    def _bolt(self) -> AsyncApp:
        async def authorize(**_: object) -> AuthorizeResult:
            return self._authorization()

        app = AsyncApp(
            client=open_client(self._settings, token=False),
            authorize=authorize,
            request_verification_enabled=False,  # ours comes first and survives any header
            ssl_check_enabled=False,  # it would be answered unsigned
            attaching_function_token_enabled=False,
        )
        app.middleware(self._everything())
        return app

    def _everything(self) -> Callable[..., Awaitable[BoltResponse]]:
        """The one door: every payload, also of kinds that nobody expects, is answered here."""

        async def everything(body: Mapping[str, object]) -> BoltResponse:
            return await self._answer(body)

        return everything

    async def _answer(self, body: Mapping[str, object]) -> BoltResponse:
        if self._bot is None or self._receive is None:
            return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, body="")
        heard = read(body, self._bot)
        if heard is None or await self._doorman.take(heard):
            return BoltResponse(status=HTTPStatus.OK, body="")
        return BoltResponse(status=HTTPStatus.SERVICE_UNAVAILABLE, body="")

    async def _called(self, request: web.Request) -> web.Response:
        """HTTP mode: nothing is parsed before the signature holds."""
        body = await request.read()
        secret = self._settings.signing_secret
        known = secret is not None and is_from_slack(
            request.headers, body, secret=secret.get_secret_value(), now=self._clock.now()
        )
        if not known:
            log.warning("slack_request_refused", sha256=hashlib.sha256(body).hexdigest())
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        try:
            asked = AsyncBoltRequest(body=body.decode("utf-8"), headers=dict(request.headers))
        except ValueError:
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        if not isinstance(asked.body, dict):
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        if self._bot is None:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        return await to_aiohttp_response(await self._app.async_dispatch(asked))

    async def _hand_on(self, heard: Heard) -> None:
        receive = self._receive
        if receive is None:
            raise OperationError("chat_unavailable", adapter=ADAPTER)
        match heard:
            case Said():
                if not heard.addressed and not await self._in_our_thread(heard.conversation):
                    await receive(heard.as_chat())
                    return
                files = [await self._files.download(file) for file in heard.files]
                await receive(heard.as_mention(tuple(files)))
            case Commanded():
                place = await self._place_for(heard)
                at = datetime.fromtimestamp(float(str(place.message)), UTC)
                await receive(heard.as_command(place, at))
            case Click():
                await receive(await self._with_long_value(heard))

    async def _in_our_thread(self, place: ConversationRef) -> bool:
        if place.thread is None:
            return False
        key = f"thread:{place.channel}:{place.thread}"
        return await self._memory.recall(ADAPTER, key) is not None

    async def _place_for(self, heard: Commanded) -> ConversationRef:
        """A slash command leaves no message: the bot says who typed what, and answers in that
        thread; in a direct conversation simply there."""
        kept = await self._memory.recall(ADAPTER, heard.event_id)
        if kept is None:
            words = f"/{heard.name} {heard.text}".strip()
            to = ConversationRef(adapter=ADAPTER, channel=heard.channel)
            anchor = said_command(heard.sender.user_id, words)
            try:
                said = await self._say(anchor, to, only_for=None)
            except OperationError as error:
                if error.values.get("reason") in NOT_A_MEMBER:
                    raise UserError("slack_not_here") from error
                raise
            now = self._clock.now()
            ts: object = said.message
            kept = await self._memory.keep(ADAPTER, heard.event_id, {"ts": ts}, at=now)
            await self._memory.keep(ADAPTER, f"thread:{heard.channel}:{ts}", {}, at=now)
        ts = str(kept["ts"])
        thread = None if in_direct_conversation(heard.channel) else ts
        return ConversationRef(adapter=ADAPTER, channel=heard.channel, thread=thread, message=ts)

    async def _with_long_value(self, click: Click) -> Click:
        if not click.value.startswith(LONG_VALUE):
            return click
        kept = await self._memory.recall(ADAPTER, click.value)
        return click if kept is None else replace(click, value=str(kept["value"]))

    async def _tell_why(self, heard: Heard, error: UserError | None) -> None:
        """Only the person who asked sees it."""
        words = (
            " ".join(self._texts.explain(error)) if error else self._texts.say("slack.not_taken")
        )
        if error and isinstance(heard, Said):
            words = self._texts.say("slack.file_refused", why=words)
        if isinstance(heard, Commanded):
            await self._respond(heard, words)
            return
        shaped = Shaped(text=escape(words), blocks=[], spills=())
        to = heard.conversation
        await self._say(shaped, to, only_for=heard.sender.user_id)

    async def _respond(self, heard: Commanded, words: str) -> None:
        """Where the bot is no member, only the command's own return address can be used."""
        with in_our_words():
            client = AsyncWebhookClient(heard.response_url, proxy=self._client.proxy)
            await client.send(text=escape(words), response_type="ephemeral")

    # --- who we are --------------------------------------------------------------------------

    async def _identify(self) -> None:
        """Ask Slack who the token is, until it says so: an event cannot be read before."""
        pauses = iter(IDENTIFY_S)
        while self._bot is None:
            try:
                with in_our_words():
                    answer = await self._client.auth_test()
            except OperationError as error:
                pause_s = next(pauses, IDENTIFY_S[-1])
                log.error("slack_unidentified", code=error.code, **error.values)
                await asyncio.sleep(pause_s)
            else:
                self._bot = Bot(
                    user_id=str(answer["user_id"]),
                    bot_id=str(answer.get("bot_id", "")),
                    team_id=str(answer["team_id"]),
                )

    def _authorization(self) -> AuthorizeResult:
        """For Bolt, from what is known: no call to Slack stands before an acknowledgement."""
        if self._bot is None:
            raise OperationError("chat_unavailable", adapter=ADAPTER)
        return AuthorizeResult(
            enterprise_id=None,
            team_id=self._bot.team_id,
            bot_user_id=self._bot.user_id,
            bot_id=self._bot.bot_id,
            bot_token=self._client.token,
        )


def open_client(settings: SlackSettings, *, token: bool = True) -> AsyncWebClient:
    """The Web API's client. A refusal for speed is tried again once; then the bot's own queue
    waits. Broken connections are the queue's business, too: it knows what was said already."""
    secret = settings.bot_token if token else None
    return AsyncWebClient(
        token=secret.get_secret_value() if secret is not None else None,
        base_url=settings.api_url,
        timeout=CALL_S,
        retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=1)],
    )


def _file_key(message: ConversationRef, digest: str) -> str:
    return f"file:{message.channel}:{message.message}:{digest}"
