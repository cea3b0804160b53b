"""Where Slack comes in: one door for every payload, over Socket Mode and over HTTP.

Owns: the Bolt application, the check of who calls, and answering everything, also kinds that
nobody expects. What a payload means is decided by ``take``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.async_middleware import AsyncMiddleware
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse

from adapters.slack.calls import open_client
from adapters.slack.inbound import Bot
from adapters.slack.settings import SlackSettings
from adapters.slack.signature import is_from_slack
from bot.core.ports import Clock

PATH = "/slack/events"
# What Bolt raises: it reads fields as it goes, as deep as they are.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
log = structlog.get_logger(__name__)

Take = Callable[[Mapping[str, object], Bot], Awaitable[bool]]


class Door:
    """Closed until it is known who the bot is.

    Args:
        take: takes one payload; whether to acknowledge it.
    """

    def __init__(self, settings: SlackSettings, clock: Clock, *, take: Take) -> None:
        self._settings = settings
        self._clock = clock
        self._take = take
        self._bot: Bot | None = None

        async def authorize() -> AuthorizeResult:  # Bolt looks at names, and stumbles on self
            return self._authorization()

        self.app = AsyncApp(
            client=open_client(settings, token=False),
            authorize=authorize,
            request_verification_enabled=False,  # ours comes first and survives any header
            ssl_check_enabled=False,  # it would be answered unsigned
            attaching_function_token_enabled=False,
        )
        self.app.middleware(_Everything(self._answer))

    def open(self, bot: Bot) -> None:
        """From now on payloads are taken."""
        self._bot = bot

    def close(self) -> None:
        """From now on Slack is told to come again."""
        self._bot = None

    async def called(self, request: web.Request) -> web.Response:
        """HTTP mode: nothing is parsed before the signature holds."""
        try:
            body = await request.read()
        except web.RequestPayloadError:  # said to be compressed, and is not
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        secret = self._settings.signing_secret
        known = secret is not None and is_from_slack(
            request.headers, body, secret=secret.get_secret_value(), now=self._clock.now()
        )
        if not known:
            log.warning("slack_request_refused", sha256=hashlib.sha256(body).hexdigest())
            return web.Response(status=HTTPStatus.UNAUTHORIZED)
        if self._bot is None:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            asked = AsyncBoltRequest(body=body.decode("utf-8"), headers=dict(request.headers))
        except _UNREADABLE:
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        if asked.body.get("type") == "event_callback" and not isinstance(
            asked.body.get("event"), dict
        ):
            return web.Response(status=HTTPStatus.BAD_REQUEST)  # Bolt looks into it unasked
        return await to_aiohttp_response(await self.app.async_dispatch(asked))

    async def _answer(self, body: Mapping[str, object]) -> BoltResponse:
        taken = self._bot is not None and await self._take(body, self._bot)
        return BoltResponse(
            status=HTTPStatus.OK if taken else HTTPStatus.SERVICE_UNAVAILABLE, body=""
        )

    def _authorization(self) -> AuthorizeResult:
        """From what is known: no call to Slack stands before an acknowledgement."""
        bot, token = self._bot, self._settings.bot_token
        return AuthorizeResult(
            enterprise_id=None,
            team_id=bot.team_id if bot else None,
            bot_user_id=bot.user_id if bot else None,
            bot_id=bot.bot_id if bot else None,
            bot_token=token.get_secret_value() if token else None,
        )


class _Everything(AsyncMiddleware):
    """Instead of a listener for every kind. Bolt's own way to call functions looks into the
    payload first, and leaves unacknowledged what is not as it expects."""

    def __init__(self, answer: Callable[[Mapping[str, object]], Awaitable[BoltResponse]]) -> None:
        self._answer = answer

    async def async_process(
        self,
        *,
        req: AsyncBoltRequest,
        resp: BoltResponse,
        next: Callable[[], Awaitable[BoltResponse]],  # noqa: A002  Bolt passes it by this name
    ) -> BoltResponse:
        return await self._answer(req.body)
