"""Slack as an adapter.

Owns: what is known of threads, handing events on, and posting reports. It reads no meaning into
text; rights are the engine's.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat

import aiohttp
import structlog
from aiohttp import web
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.calls import in_our_words, open_client
from adapters.slack.door import PATH, Door
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
from adapters.slack.outbound import MAX_VALUE, Shaped, Spill, escape, said_command, shape
from adapters.slack.settings import SlackSettings
from adapters.slack.socket_mode import keep_connected
from bot.core.domain.conversation import Click, ConversationRef
from bot.core.domain.report import Attachment, Button, Report, Tone
from bot.core.errors import OperationError, UserError
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Capabilities, Clock, FileStore, Receiver
from bot.core.texts import Texts

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
        self._door = Door(settings, clock, take=self._take)
        self._doorman = Doorman(self._hand_on, self._tell_why, grace_s=grace_s)
        self._receive: Receiver | None = None

    # --- the port ----------------------------------------------------------------------------

    def attach(self, app: web.Application) -> None:
        """Mount the address that Slack calls; in Socket Mode there is none."""
        if self._settings.mode == "http":
            app.router.add_post(PATH, self._door.called)

    async def run(self, receive: Receiver) -> None:
        """As the port."""
        self._receive = receive
        try:
            async with aiohttp.ClientSession() as session:
                self._client.session = session
                self._door.open(await self._identified())
                if self._settings.mode == "socket" and self._settings.app_token is not None:
                    token = self._settings.app_token.get_secret_value()
                    await keep_connected(self._door.app, token)
                await asyncio.Event().wait()
        finally:
            self._door.close()
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
            await self._share_once(file.name, file, message=message, to=to)
        if report.tone is Tone.RUNNING:
            return  # soon said anew; what it has become is worth a file
        for spill in shaped.spills:
            await self._share_once(spill.name, spill, message=message, to=to)

    async def _share_once(
        self, name: str, file: Attachment | Spill, *, message: ConversationRef, to: ConversationRef
    ) -> None:
        key = f"file:{message.channel}:{message.message}:{file.digest}"
        if await self._memory.recall(ADAPTER, key) is not None:
            return
        try:
            content = file.content if isinstance(file, Spill) else await self._stored(file)
            await self._files.upload(name, content, to=to)
        except OperationError as error:
            if error.code == "chat_unavailable":
                raise
            # The message itself stands: no waiting mends this, and the job goes on.
            log.warning("slack_file_not_shared", file=name, code=error.code, **error.values)
            words = self._texts.say("slack.not_shared", file=name)
            await self._say(Shaped(text=escape(words), blocks=[], spills=()), to, only_for=None)
        await self._memory.keep(ADAPTER, key, {}, at=self._clock.now())

    async def _stored(self, file: Attachment) -> bytes:
        return await self._files.stored(file.digest, file.size)

    async def _file_place(self, report: Report, message: ConversationRef) -> ConversationRef:
        if report.only_for is not None and not in_direct_conversation(message.channel):
            with in_our_words():
                answer = await self._client.conversations_open(users=report.only_for)
            return ConversationRef(adapter=ADAPTER, channel=str(answer["channel"]["id"]))
        if in_direct_conversation(message.channel):
            return message
        return replace(message, thread=message.thread or message.message)

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

    async def _take(self, body: Mapping[str, object], bot: Bot) -> bool:
        if body.get("type") == "app_rate_limited":  # instead of events that are lost
            log.warning("slack_withholds_events", minute=body.get("minute_rate_limited"))
        heard = read(body, bot)
        return heard is None or await self._doorman.take(heard)

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

    async def _identified(self) -> Bot:
        """Ask Slack who the token is, until it says so: an event cannot be read before."""
        for pause_s in chain(IDENTIFY_S, repeat(IDENTIFY_S[-1])):
            try:
                with in_our_words():
                    answer = await self._client.auth_test()
            except OperationError as error:
                log.error("slack_unidentified", code=error.code, **error.values)
                await asyncio.sleep(pause_s)
            else:
                return Bot(
                    user_id=str(answer["user_id"]),
                    bot_id=str(answer.get("bot_id", "")),
                    team_id=str(answer["team_id"]),
                    enterprise_id=str(answer.get("enterprise_id") or ""),
                )
        raise AssertionError("there is no end to waiting")
