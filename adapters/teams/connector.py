"""Calling the Bot Framework's connector with the SDK's client.

Owns: one client a service address, which addresses may have one at all, and what the service's
refusals mean. The token goes with every call: an address that is not allowed never gets a client.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from botbuilder.schema import Activity, ConversationParameters
from botframework.connector.aio import ConnectorClient
from botframework.connector.models import ErrorResponseException
from msrest.exceptions import ClientException

from adapters.teams.credentials import TIMEOUT_S, BotCredentials
from adapters.teams.settings import TeamsSettings, origin_of
from bot.core.errors import OperationError
from bot.core.retry_after import retry_after_s

# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit: these are worth
# another try, at a random moment, so that many bots do not come back together.
_AT_ONCE = frozenset({412, 500, 502, 503, 504})
_THROTTLED = 429
_TOO_LARGE = 413
_TRIES = 3  # then the queue takes over, which waits longer
_JITTER_S = (0.05, 0.4)
_THROTTLED_S = (1.0, 3.0)  # where the service names no time
_GONE = "ActivityNotFoundInConversation"


class Connector:
    """What the bot does at the service."""

    def __init__(self, settings: TeamsSettings, credentials: BotCredentials) -> None:
        self._settings = settings
        self._credentials = credentials
        self._clients: dict[str, ConnectorClient] = {}

    async def send(self, service_url: str, address: str, message: Mapping[str, object]) -> str:
        """Post into that conversation; returns the message's id.

        Raises:
            OperationError: ``chat_unavailable`` (later), ``message_missing``, ``teams_refused``.
        """
        client = await self._client(service_url)
        activity = _activity(message, self._settings.bot_id)
        answer = await _called(lambda: client.conversations.send_to_conversation(address, activity))
        return str(answer.id)

    async def update(
        self, service_url: str, address: str, message_id: str, message: Mapping[str, object]
    ) -> None:
        """Replace a message. Raises: as ``send``."""
        client = await self._client(service_url)
        activity = _activity(message, self._settings.bot_id)
        activity.id = message_id
        await _called(lambda: client.conversations.update_activity(address, message_id, activity))

    async def delete(self, service_url: str, address: str, message_id: str) -> None:
        """Take a message back. Raises: as ``send``."""
        client = await self._client(service_url)
        await _called(lambda: client.conversations.delete_activity(address, message_id))

    async def open_thread(
        self, service_url: str, channel: str, message: Mapping[str, object]
    ) -> str:
        """Post a new thread into a channel; returns the id of its first message.

        Raises: as ``send``.
        """
        client = await self._client(service_url)
        opening = ConversationParameters(
            is_group=True,
            channel_data={"channel": {"id": channel}},
            tenant_id=self._settings.tenant_id,
            activity=_activity(message, self._settings.bot_id),
        )
        answer = await _called(lambda: client.conversations.create_conversation(opening))
        return str(answer.activity_id or answer.id.partition(";messageid=")[2])

    async def _client(self, service_url: str) -> ConnectorClient:
        if not self._settings.trusts_service(service_url):
            raise OperationError("teams_service_refused", host=(origin_of(service_url) or "?")[0])
        await self._credentials.prepare()
        if service_url not in self._clients:
            self._clients[service_url] = self._opened(service_url)
        return self._clients[service_url]

    def _opened(self, service_url: str) -> ConnectorClient:
        client = ConnectorClient(self._credentials, base_url=service_url.rstrip("/"))
        config = client.config
        config.connection.timeout = TIMEOUT_S
        ca_file = self._settings.ca_file
        config.connection.verify = str(ca_file) if ca_file else True
        config.redirect_policy.allow = False  # the token stays with this address
        retries = config.retry_policy.policy  # waiting is the queue's business, where it is seen
        retries.total = retries.connect = retries.read = 0
        retries.status_forcelist = []
        return client


def is_too_large(error: OperationError) -> bool:
    """Whether a message was refused for its size alone."""
    return error.code == "teams_refused" and error.values["status"] == str(_TOO_LARGE)


def _activity(message: Mapping[str, object], bot_id: str) -> Activity:
    activity = Activity().deserialize(dict(message))
    activity.from_property = {"id": bot_id}
    return activity


async def _called(call: Callable[[], Awaitable[Any]]) -> Any:
    for tries_left in reversed(range(_TRIES)):
        try:
            return await call()
        except ErrorResponseException as error:
            again = int(error.response.status_code) in _AT_ONCE and tries_left
            if not again:
                raise _translated(error) from error
        except ClientException as error:
            raise OperationError("chat_unavailable", adapter="teams") from error
        await asyncio.sleep(_random(_JITTER_S))
    raise AssertionError("the last try returns or raises")


def _translated(error: ErrorResponseException) -> OperationError:
    status = int(error.response.status_code)
    if status in _AT_ONCE:
        return OperationError("chat_unavailable", adapter="teams")
    if status == _THROTTLED:
        wait = _wait_s(error.response.headers)
        return OperationError("chat_unavailable", adapter="teams", retry_after_s=wait)
    code = getattr(getattr(error.error, "error", None), "code", None) or "?"
    if status == 404 and code == _GONE:
        return OperationError("message_missing")
    return OperationError("teams_refused", status=status, reason=code)


def _wait_s(headers: Mapping[str, str]) -> float:
    told = retry_after_s(headers)
    wait = _random(_THROTTLED_S) if told is None else told + _random(_JITTER_S)
    return round(wait, 2)


def _random(span: tuple[float, float]) -> float:
    return random.uniform(*span)  # noqa: S311  # spreads load, guards nothing
