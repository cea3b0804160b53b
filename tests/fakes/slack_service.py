"""Slack on loopback, for unmodified client libraries: Web API, Socket Mode, files, HTTP events.

Owns: how a workspace (``tests.fakes.slack_workspace``) is reached, and how its events reach the
app. The only thing a client is told is another base address.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import WSMsgType, web

from tests.fakes.slack_workspace import (
    APP,
    APP_TOKEN,
    BOT_TOKEN,
    SECRET,
    Json,
    TooFastError,
    Workspace,
)

_Answer = tuple[int, dict[str, str], Json | str]  # status, headers, body

ACKNOWLEDGE_S = 15.0  # three seconds at Slack; a test's machine may be five times slower
SIGN_IN_PAGE = "<!DOCTYPE html><html><title>Sign in | Slack</title></html>"


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """How an event was taken: after how many seconds, with which payload and HTTP status."""

    seconds: float
    payload: Any = None
    status: int = 200


class NotAcknowledgedError(Exception):
    """The app let Slack's time pass, or answered with a failure."""


class SlackService(Workspace):
    """``async with SlackService() as slack``; a stopped one keeps its messages.

    Args:
        burst: messages a second and channel before 429; None: as many as come.
        now: the service's clock, in seconds.
    """

    def __init__(
        self, *, port: int = 0, burst: int | None = None, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(burst=burst, now=now)
        self.calls: list[tuple[str, Json]] = []
        self.responses: list[Json] = []
        self.refusals: deque[_Answer] = deque()
        self.answers: dict[str, _Answer] = {}  # to a method, for good
        self.http_url: str | None = None  # where events are sent instead of the socket
        self._sockets: list[web.WebSocketResponse] = []
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._runner: web.AppRunner | None = None
        self._port = port

    # --- life --------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    async def start(self) -> None:
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(
            [
                web.post("/api/{method}", self._api),
                web.get("/api/{method}", self._api),
                web.get("/link", self._link),
                web.post("/upload/{file}", self._take_upload),
                web.get("/files-pri/{file}/{name}", self._download),
                web.post("/response/{number}", self._take_response),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        await self.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> SlackService:
        await self.start()
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.stop()

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        """The next calls are refused. Slack names whole seconds."""
        self.refuse_until(str(max(1, math.ceil(retry_after_s))), times)

    def refuse_until(self, retry_after: str, times: int = 1, **headers: str) -> None:
        """The next calls are refused with that ``Retry-After``, as it stands."""
        body = {"ok": False, "error": "ratelimited"}
        self.refusals += [(429, {"Retry-After": retry_after} | headers, body)] * times

    def fail(self, times: int) -> None:
        """The next calls are answered with 503, and not in JSON."""
        self.refusals += [(503, {}, "upstream connect error")] * times

    async def hang_up(self) -> None:
        """Every socket is closed."""
        for socket in list(self._sockets):
            await socket.close()

    async def ask_to_reconnect(self) -> None:
        """As Slack does every few hours."""
        for socket in list(self._sockets):
            await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})

    def calls_of(self, method: str) -> int:
        return sum(called == method for called, _ in self.calls)

    @property
    def connected(self) -> int:
        return len(self._sockets)

    # --- telling the app ---------------------------------------------------------------------

    async def deliver(self, payload: Json, *, retry: int = 0) -> Acknowledged:
        """Hand it over as the app has asked for it.

        Raises:
            NotAcknowledgedError: not within ``ACKNOWLEDGE_S``.
        """
        if self.http_url is not None:
            return await self._call_app(payload, retry)
        return await self._send(payload, retry)

    async def _send(self, payload: Json, retry: int) -> Acknowledged:
        envelope = str(uuid.uuid4())
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[envelope] = answered
        kind = _kind_of(payload)
        frame: Json = {"envelope_id": envelope, "type": kind, "payload": payload}
        frame["accepts_response_payload"] = kind != "events_api"
        if kind == "events_api":
            frame |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        began = time.monotonic()
        await self._sockets[-1].send_json(frame)
        try:
            async with asyncio.timeout(ACKNOWLEDGE_S):
                answer = await answered
        except TimeoutError as error:
            raise NotAcknowledgedError(kind) from error
        return Acknowledged(seconds=time.monotonic() - began, payload=answer)

    async def _call_app(self, payload: Json, retry: int) -> Acknowledged:
        body, headers = self.request_of(payload)
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        began = time.monotonic()
        timeout = aiohttp.ClientTimeout(total=ACKNOWLEDGE_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(str(self.http_url), data=body, headers=headers) as answer,
            ):
                seconds, text = time.monotonic() - began, await answer.text()
        except TimeoutError as error:
            raise NotAcknowledgedError("http") from error
        if answer.status >= 500:
            raise NotAcknowledgedError(str(answer.status))
        return Acknowledged(seconds=seconds, payload=text, status=answer.status)

    async def verify_url(self) -> bool:
        """Whether the app answers Slack's question for its address."""
        body = json.dumps({"type": "url_verification", "challenge": "c-123"}).encode()
        headers = {"Content-Type": "application/json", **self.sign(body)}
        async with (
            aiohttp.ClientSession() as session,
            session.post(str(self.http_url), data=body, headers=headers) as answer,
        ):
            return answer.status == 200 and (await answer.json())["challenge"] == "c-123"

    def request_of(self, payload: Json) -> tuple[bytes, dict[str, str]]:
        """Body and signed headers of HTTP mode."""
        kind = _kind_of(payload)
        if kind == "events_api":
            body, media = json.dumps(payload, ensure_ascii=False), "application/json"
        else:
            fields = {"payload": json.dumps(payload)} if kind == "interactive" else payload
            form = aiohttp.FormData(fields)
            body = bytes(form()._value).decode()  # aiohttp has no other way to ask for the bytes
            media = "application/x-www-form-urlencoded"
        return body.encode(), {"Content-Type": media, **self.sign(body.encode())}

    def sign(self, body: bytes, at: float | None = None) -> dict[str, str]:
        stamp = str(int(self.now() if at is None else at))
        base = b"v0:" + stamp.encode() + b":" + body
        digest = hmac.new(SECRET.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}

    # --- Socket Mode -------------------------------------------------------------------------

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            raise web.HTTPForbidden(text="the ticket is spent")
        self.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets.append(socket)
        hello = {"type": "hello", "num_connections": len(self._sockets)}
        await socket.send_json(hello | {"connection_info": {"app_id": APP}})
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledge(json.loads(frame.data))
        finally:
            self._sockets.remove(socket)
        return socket

    def _acknowledge(self, frame: Json) -> None:
        waiting = self._waiting.pop(frame.get("envelope_id", ""), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(frame.get("payload"))

    # --- Web API -----------------------------------------------------------------------------

    async def _api(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        given = await _arguments(request)
        self.calls.append((method, given))
        told = self.answers.get(method)
        if self.refusals and method not in ("apps.connections.open", "auth.test"):
            told = self.refusals.popleft()
        if told is not None:
            status, headers, body = told
            if isinstance(body, str):
                return web.Response(status=status, headers=headers, text=body)
            return web.json_response(body, status=status, headers=headers)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(given.get("token", ""))
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if token != wanted:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        try:
            answer = self.call(method, given)
        except TooFastError:
            body = {"ok": False, "error": "ratelimited"}
            return web.json_response(body, status=429, headers={"Retry-After": "1"})
        headers = {"x-oauth-scopes": self.scopes}
        return web.json_response({"ok": "error" not in answer, **answer}, headers=headers)

    async def _take_upload(self, request: web.Request) -> web.Response:
        file = self.files[request.match_info["file"]]
        file.data = await request.read()
        return web.Response(text=f"OK - {len(file.data)}")

    async def _download(self, request: web.Request) -> web.Response:
        """Without the token, or without files:read: a sign-in page, and status 200."""
        known = request.headers.get("Authorization") == f"Bearer {BOT_TOKEN}"
        if not known or "files:read" not in self.scopes.split(","):
            return web.Response(text=SIGN_IN_PAGE, content_type="text/html")
        file = self.files[request.match_info["file"]]
        return web.Response(body=file.data, content_type=file.media_type)

    async def _take_response(self, request: web.Request) -> web.Response:
        self.responses.append(await request.json())
        return web.Response(text="ok")


def _kind_of(payload: Json) -> str:
    if payload.get("type") == "event_callback":
        return "events_api"
    return "slash_commands" if "command" in payload else "interactive"


async def _arguments(request: web.Request) -> Json:
    given: Json = dict(request.query)
    if request.content_type == "application/json":
        given |= await request.json()
    elif request.can_read_body:
        given |= {key: values[-1] for key, values in parse_qs(await request.text()).items()}
    for key in ("blocks", "files"):
        if isinstance(given.get(key), str):
            given[key] = json.loads(given[key])
    return given
