"""Calling Slack, and its refusals in our words.

Owns: the Web API's client, and which answer means "later" and which "not like this". Knows no
method.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.settings import SlackSettings
from bot.core.errors import OperationError
from bot.core.retry_after import retry_after_s

CALL_S = 20
SHORT_WAIT_S = 5.0  # in a call that has the conversation's turn; longer is the queue's business
_UNSAID_S = 30.0
# https://docs.slack.dev/reference/methods/chat.postMessage#errors
_LATER = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"}
    | {"request_timeout", "message_limit_exceeded"}
)
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


def open_client(settings: SlackSettings, *, token: bool = True) -> AsyncWebClient:
    """The Web API's client. A refusal for speed is tried again once, if the wait is short; else the
    bot's own queue waits. Broken connections are the queue's business, too: it knows what was said
    already."""
    secret = settings.bot_token if token else None
    return AsyncWebClient(
        token=secret.get_secret_value() if secret is not None else None,
        base_url=settings.api_url,
        timeout=CALL_S,
        retry_handlers=[_ShortWaits(max_retry_count=1)],
    )


class _ShortWaits(AsyncRateLimitErrorRetryHandler):
    """The library waits however long Slack says, and stumbles on a date, which a proxy may say."""

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        told = _first_of(response.headers) if response is not None else {}
        seconds = told.get("retry-after", "1")
        short = seconds.isdecimal() and int(seconds) <= SHORT_WAIT_S
        return short and await super()._can_retry_async(
            state=state, request=request, response=response, error=error
        )


@contextmanager
def in_our_words() -> Iterator[None]:
    """Translate what the client library raises.

    Raises:
        OperationError: ``chat_unavailable`` (worth another try, after ``retry_after_s`` where
            Slack said it), ``message_missing``, or ``slack_refused`` with Slack's reason.
    """
    try:
        yield
    except SlackApiError as error:
        raise _translated(error) from error
    except (aiohttp.ClientError, ConnectionError, TimeoutError, SlackClientError) as error:
        raise OperationError("chat_unavailable", adapter="slack") from error


def reason_of(error: SlackApiError) -> str:
    """Slack's own word for what was wrong."""
    data = getattr(error.response, "data", error.response)
    return str(data.get("error", "")) if isinstance(data, Mapping) else ""


def _translated(error: SlackApiError) -> OperationError:
    status = int(getattr(error.response, "status_code", 0) or 0)
    reason = reason_of(error)
    if status == HTTPStatus.TOO_MANY_REQUESTS or reason in ("ratelimited", "rate_limited"):
        told = retry_after_s(_first_of(getattr(error.response, "headers", {})))
        wait = _UNSAID_S if told is None else told
        return OperationError("chat_unavailable", adapter="slack", retry_after_s=wait)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or reason in _LATER or not reason:
        return OperationError("chat_unavailable", adapter="slack")
    if reason in _GONE:
        return OperationError("message_missing")
    return OperationError("slack_refused", reason=reason)


def _first_of(headers: Any) -> dict[str, str]:
    """Headers by their names in small letters; the library has lists in some places."""
    first = (
        (name, value[0] if isinstance(value, list) else value) for name, value in headers.items()
    )
    return {name.lower(): str(value) for name, value in first}
