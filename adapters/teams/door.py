"""The one address that the Bot Framework calls.

Owns: reading a request, refusing what is not believed, and answering in the form that Teams wants
and in the time it gives. What is done with an activity is the adapter's.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from pydantic import ValidationError

from adapters.teams.identity import Identity, RefusedError
from adapters.teams.inbound import Activity
from bot.core.errors import OperationError
from bot.core.texts import Texts

PATH = "/teams/messages"
MAX_BODY_BYTES = 512 * 1024
CARD_ACTION = "adaptiveCard/action"
FILE_CONSENT = "fileConsent/invoke"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """How an activity was taken. ``said``: a sentence for the person who pressed."""

    status: HTTPStatus = HTTPStatus.OK
    said: str = ""


Taken = Callable[[Activity], Awaitable[Answer]]


class Door:
    """POST /teams/messages"""

    def __init__(self, identity: Identity, texts: Texts, take: Taken) -> None:
        self._identity = identity
        self._texts = texts
        self._take = take

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request. Nothing of it is read before its token is found good."""
        try:
            claims = await self._identity.claims(request.headers.get("Authorization", ""))
            body = _json_object(await _body(request))
            self._identity.check_activity(claims, body)
            activity = Activity.model_validate(body)
        except RefusedError as error:
            log.warning("teams_request_refused", reason=error.reason)
            return web.Response(status=error.status)
        except OperationError as error:
            log.warning("teams_request_unchecked", code=error.code)
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        except (ValidationError, ValueError, RecursionError, web.RequestPayloadError) as error:
            log.warning("teams_request_malformed", error=type(error).__name__)
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        answer = await self._take(activity)
        if activity.type == "invoke":
            return self._invoke_response(activity, answer)
        return web.Response(status=answer.status)

    def _invoke_response(self, activity: Activity, answer: Answer) -> web.Response:
        # By hand: the SDK answers with an empty body, and Teams then sends the press once more.
        if activity.name == FILE_CONSENT:
            failed = answer.status >= HTTPStatus.BAD_REQUEST
            return web.json_response({}, status=answer.status if failed else HTTPStatus.OK)
        if activity.name != CARD_ACTION:
            return web.json_response({}, status=HTTPStatus.NOT_IMPLEMENTED)
        return web.json_response(self._card_answer(answer))

    def _card_answer(self, answer: Answer) -> dict[str, Any]:
        if answer.status >= HTTPStatus.BAD_REQUEST:
            told = {"code": str(int(answer.status)), "message": self._texts.say("teams.not_taken")}
            return {
                "statusCode": int(answer.status),
                "type": "application/vnd.microsoft.error",
                "value": told,
            }
        return {
            "statusCode": int(HTTPStatus.OK),
            "type": "application/vnd.microsoft.activity.message",
            "value": answer.said or self._texts.say("teams.taken"),
        }


async def _body(request: web.Request) -> bytes:
    text = b""
    async for piece in request.content.iter_any():
        text += piece
        if len(text) > MAX_BODY_BYTES:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large")
    return text


def _json_object(text: bytes) -> dict[str, Any]:
    body = json.loads(text)
    if not isinstance(body, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "no JSON object")
    return body
