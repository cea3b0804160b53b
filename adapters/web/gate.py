"""What a request must satisfy before anything looks at it, and how a refusal is told.

Owns: own-origin and own-host checks, the pause after wrong sign-in codes, security headers, and
the bounded reading of JSON. Knows nothing of rooms or messages.
"""

from __future__ import annotations

import ipaddress
import json
import urllib.parse
from collections import OrderedDict, deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from adapters.web.settings import MAX_JSON_BYTES
from bot.core.errors import GuardiaError, OperationError
from bot.core.texts import Texts

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
Model = TypeVar("Model", bound=BaseModel)
_LOCAL_NAMES = frozenset({"localhost", "localhost."})
_TOO_LARGE = frozenset({"file_too_large", "upload_too_large"})


class RequestError(Exception):
    """A request that is answered with an HTTP error; ``code`` names its sentences."""

    def __init__(self, status: HTTPStatus, code: str, **values: object) -> None:
        super().__init__(code)
        self.status = status
        self.error = GuardiaError(code, **values)


def check_origin(request: web.Request, *, public_origin: str | None) -> None:
    """A browser that was sent here by another site's page is turned away.

    Programs send no Origin; browsers always do where something is changed or a stream is opened.

    Raises:
        RequestError: the request comes from elsewhere.
    """
    origin = request.headers.get("Origin")
    own = {f"{request.scheme}://{request.host}".lower()}
    if public_origin:
        own.add(public_origin.rstrip("/").lower())
    foreign_site = request.headers.get("Sec-Fetch-Site", "same-origin") in (
        "cross-site",
        "same-site",
    )
    if foreign_site or (origin is not None and origin.lower() not in own):
        raise RequestError(HTTPStatus.FORBIDDEN, "web_origin_refused")


def check_loopback_host(request: web.Request) -> None:
    """Where anybody may be anybody, a foreign name that resolves to this machine gets nothing.

    Raises:
        RequestError: the request was addressed to another name than this machine's own.
    """
    try:
        host = urllib.parse.urlsplit(f"//{request.host}").hostname or ""
    except ValueError:  # half an IPv6 address
        host = ""
    if not is_loopback(host):
        raise RequestError(HTTPStatus.FORBIDDEN, "web_origin_refused")


def is_loopback(host: str) -> bool:
    """Whether this name or address can only mean the machine itself."""
    if host.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class FailureLimit:
    """At most so many wrong codes a minute from one address."""

    WINDOW = timedelta(minutes=1)
    FAILURES = 5
    ADDRESSES = 10_000  # beyond it the oldest are forgotten; memory stays bounded

    def __init__(self) -> None:
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()

    def paused(self, address: str, *, now: datetime) -> bool:
        """Whether this address has to wait."""
        failures = self._failures.get(address)
        if failures is None:
            return False
        while failures and now - failures[0] >= self.WINDOW:
            failures.popleft()
        return len(failures) >= self.FAILURES

    def failed(self, address: str, *, now: datetime) -> None:
        """Count a failure."""
        self._failures.setdefault(address, deque(maxlen=self.FAILURES)).append(now)
        self._failures.move_to_end(address)
        while len(self._failures) > self.ADDRESSES:
            self._failures.popitem(last=False)


async def read_model(request: web.Request, model: type[Model]) -> Model:
    """The JSON body, bounded while it is read.

    Raises:
        RequestError: it is too large, not JSON, or not of that shape.
    """
    if request.content_type != "application/json":
        raise RequestError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "web_bad_request", field="Content-Type"
        )
    if (request.content_length or 0) > MAX_JSON_BYTES:
        raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "web_text_too_long")
    raw = bytearray()
    async for chunk in request.content.iter_chunked(64 * 1024):
        raw += chunk
        if len(raw) > MAX_JSON_BYTES:
            raise RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "web_text_too_long")
    try:
        return model.model_validate(json.loads(raw))
    except ValidationError as error:
        fields = ", ".join(sorted({_field(item["loc"]) for item in error.errors()}))
        raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field=fields) from error
    except (ValueError, RecursionError) as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="JSON") from error


def refusal_response(refusal: RequestError, texts: Texts) -> web.Response:
    """The answer to a refused request."""
    return error_response(refusal.status, refusal.error, texts)


def guardia_response(error: GuardiaError, texts: Texts) -> web.Response:
    """The answer where the core or a store said no."""
    if error.code in _TOO_LARGE:
        return error_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, error, texts)
    beyond_reach = isinstance(error, OperationError)
    status = HTTPStatus.SERVICE_UNAVAILABLE if beyond_reach else HTTPStatus.BAD_REQUEST
    return error_response(status, error, texts)


def error_response(status: HTTPStatus, error: GuardiaError, texts: Texts) -> web.Response:
    """``{"error": {code, summary, hint}}``."""
    return web.json_response({"error": error_json(error, texts)}, status=status)


def error_json(error: GuardiaError, texts: Texts) -> dict[str, str]:
    """The sentences of an error beside its code."""
    summary, hint = texts.explain(error)
    return {"code": error.code, "summary": summary, "hint": hint}


def _field(path: Sequence[str | int]) -> str:
    return str(path[0]) if path else "JSON"
