"""Slack on loopback, for unmodified client libraries: Web API, Socket Mode, files, HTTP events.

Owns: a workspace with its channels, messages and files, the limits and errors that Slack
documents, and what its users do. The only thing a client is told is another base address.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import math
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs

import aiohttp
from aiohttp import WSMsgType, web

from tests.fakes.block_kit import buttons_of, fault_of

Json = dict[str, Any]

TEAM, APP, BOT, BOT_ID = "T0TEAM", "A0APP", "U0BOT", "B0BOT"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-test", "xapp-test", "signing-secret-of-tests"
CHANNEL = "C0OPS"
ACKNOWLEDGE_S = 3.0
SIGN_IN_PAGE = "<!DOCTYPE html><html><title>Sign in | Slack</title></html>"
ALL_SCOPES = (
    "app_mentions:read,channels:history,chat:write,commands,files:read,files:write,"
    "groups:history,im:history,im:write,mpim:history"
)


@dataclass(kw_only=True)
class Message:
    """A message as it stands. ``only_for``: nobody else sees it, and it cannot be edited."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str = ""
    only_for: str = ""
    past: list[list[Json]] = field(default_factory=list)  # blocks of earlier revisions

    @property
    def revision(self) -> int:
        return len(self.past) + 1


@dataclass(kw_only=True)
class Stored:
    """A file. ``row`` is laid over what a message says of it."""

    file_id: str
    name: str
    length: int
    data: bytes = b""
    media_type: str = "application/octet-stream"
    channel: str = ""
    thread_ts: str = ""
    row: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """How an event was taken: after how many seconds, with which payload and HTTP status."""

    seconds: float
    payload: Any = None
    status: int = 200


class NotAcknowledgedError(Exception):
    """The app let Slack's three seconds pass, or answered with a failure."""


class SlackService:
    """``async with SlackService() as slack``; a stopped one keeps its messages.

    Args:
        burst: messages a second and channel before 429; None: as many as come.
        now: the service's clock, in seconds.
    """

    def __init__(
        self, *, port: int = 0, burst: int | None = None, now: Callable[[], float] = time.time
    ) -> None:
        self.now = now
        self.scopes = ALL_SCOPES
        self.calls: list[tuple[str, Json]] = []
        self.messages: dict[tuple[str, str], Message] = {}
        self.files: dict[str, Stored] = {}
        self.members: dict[str, set[str]] = {CHANNEL: {BOT}}
        self.responses: list[Json] = []
        self.refusals: deque[tuple[int, dict[str, str], Json | str]] = deque()
        self.http_url: str | None = None  # where events are sent instead of the socket
        self.mute = False  # sockets are taken and nothing is said on them
        self._burst = burst
        self._posted: defaultdict[str, deque[float]] = defaultdict(deque)
        self._sockets: list[web.WebSocketResponse] = []
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Any]] = {}
        self._number = itertools.count(1)
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
        wait = str(max(1, math.ceil(retry_after_s)))
        body = {"ok": False, "error": "ratelimited"}
        self.refusals += [(429, {"Retry-After": wait}, body)] * times

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

    # --- what users do -----------------------------------------------------------------------

    def join(self, channel: str, *users: str) -> None:
        self.members.setdefault(channel, set()).update(users)

    def say(self, user: str, text: str, *, channel: str = CHANNEL, thread: str = "") -> Message:
        """A person's message, before anybody is told of it."""
        message = Message(
            channel=channel, ts=self.ts(), user=user, text=text, blocks=[], thread_ts=thread
        )
        self.messages[channel, message.ts] = message
        return message

    def share(self, name: str, data: bytes, **row: Any) -> Json:
        """A person's file, as a message names it."""
        file = Stored(
            file_id=f"F{next(self._number):05d}", name=name, length=len(data), data=data, row=row
        )
        self.files[file.file_id] = file
        return self._file_row(file)

    def mention_of(self, message: Message, *files: Json) -> Json:
        return self.event("app_mention", message, *files)

    def event(self, kind: str, message: Message, *files: Json, **more: Any) -> Json:
        """The payload for a message: ``app_mention`` or ``message``."""
        event: Json = {
            "type": kind,
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "event_ts": message.ts,
            "channel": message.channel,
            "team": TEAM,
        }
        if kind == "message":
            event["channel_type"] = "im" if message.channel.startswith("D") else "channel"
        if files:
            event["files"] = list(files)
            event |= {"subtype": "file_share"} if kind == "message" else {}
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        return self.event_callback(event | more)

    def event_callback(self, event: Json) -> Json:
        return {
            "token": "verification",
            "team_id": TEAM,
            "api_app_id": APP,
            "type": "event_callback",
            "event_id": f"Ev{next(self._number):08d}",
            "event_time": int(self.now()),
            "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
            "event": event,
        }

    def command(self, user: str, name: str, text: str, *, channel: str = CHANNEL) -> Json:
        return {
            "command": f"/{name}",
            "text": text,
            "user_id": user,
            "user_name": user.lower(),
            "channel_id": channel,
            "team_id": TEAM,
            "api_app_id": APP,
            "trigger_id": f"{next(self._number)}.{TEAM}.trigger",
            "response_url": f"{self.url}/response/{next(self._number)}",
        }

    def press(self, user: str, message: Message, label: str) -> Json:
        """A press of the button that is labelled so, or was: a screen may be behind."""
        shown_once = [message.blocks, *reversed(message.past)]
        button = next(
            b for blocks in shown_once for b in buttons_of(blocks) if b["text"]["text"] == label
        )
        action = {k: v for k, v in button.items() if k in ("action_id", "value", "text", "type")}
        shown: Json = {"ts": message.ts, "text": message.text, "blocks": message.blocks}
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": bool(message.only_for),
        }
        if message.thread_ts:
            shown["thread_ts"] = container["thread_ts"] = message.thread_ts
        return {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "username": user.lower(), "team_id": TEAM},
            "api_app_id": APP,
            "container": container,
            "channel": {"id": message.channel, "name": "ops"},
            "trigger_id": f"{next(self._number)}.{TEAM}.trigger",
            "response_url": f"{self.url}/response/{next(self._number)}",
            "actions": [{**action, "block_id": "b1", "action_ts": self.ts()}],
        } | ({} if message.only_for else {"message": shown})

    # --- telling the app ---------------------------------------------------------------------

    async def deliver(self, payload: Json, *, retry: int = 0) -> Acknowledged:
        """Hand it over as the app has asked for it.

        Raises:
            NotAcknowledgedError: not within three seconds.
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

    def ts(self) -> str:
        return f"{int(self.now())}.{next(self._number):06d}"

    # --- Socket Mode -------------------------------------------------------------------------

    async def _link(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden(text="the ticket is spent")
        self._tickets.discard(ticket)
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
        if self.refusals and method not in ("apps.connections.open", "auth.test"):
            status, headers, body = self.refusals.popleft()
            if isinstance(body, str):
                return web.Response(status=status, headers=headers, text=body)
            return web.json_response(body, status=status, headers=headers)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        token = token or str(given.get("token", ""))
        wanted = APP_TOKEN if method == "apps.connections.open" else BOT_TOKEN
        if token != wanted:
            return web.json_response({"ok": False, "error": "invalid_auth"})
        handler = getattr(self, "_" + method.replace(".", "_"), None)
        if handler is None:
            return web.json_response({"ok": False, "error": "unknown_method"})
        answer: Json | web.Response = handler(given)
        if isinstance(answer, web.Response):
            return answer
        headers = {"x-oauth-scopes": self.scopes}
        return web.json_response({"ok": "error" not in answer, **answer}, headers=headers)

    def _auth_test(self, _: Json) -> Json:
        return {
            "url": self.url,
            "team": "행정 SM",
            "user": "guardia",
            "team_id": TEAM,
            "user_id": BOT,
            "bot_id": BOT_ID,
        }

    def _apps_connections_open(self, _: Json) -> Json:
        ticket = str(uuid.uuid4())
        self._tickets.add(ticket)
        return {"url": f"ws://127.0.0.1:{self._port}/link?ticket={ticket}&app_id={APP}"}

    def _chat_postMessage(self, given: Json) -> Json | web.Response:  # noqa: N802  Slack's name
        fault = self._message_fault(given)
        if fault is not None:
            return fault
        ts = self.ts()
        message = Message(
            channel=given["channel"],
            ts=ts,
            user=BOT,
            text=given.get("text", ""),
            blocks=given.get("blocks") or [],
            thread_ts=given.get("thread_ts") or "",
        )
        self.messages[message.channel, ts] = message
        return {"channel": message.channel, "ts": ts}

    def _chat_postEphemeral(self, given: Json) -> Json | web.Response:  # noqa: N802  Slack's name
        fault = self._message_fault(given)
        if fault is not None:
            return fault
        if given.get("user") not in self.members[given["channel"]]:
            return {"error": "user_not_in_channel"}
        ts = self.ts()
        self.messages[given["channel"], ts] = Message(
            channel=given["channel"],
            ts=ts,
            user=BOT,
            text=given.get("text", ""),
            blocks=given.get("blocks") or [],
            thread_ts=given.get("thread_ts") or "",
            only_for=given["user"],
        )
        return {"message_ts": ts}

    def _chat_update(self, given: Json) -> Json:
        message = self.messages.get((given["channel"], given["ts"]))
        if message is None or message.only_for:
            return {"error": "message_not_found"}
        if message.user != BOT:
            return {"error": "cant_update_message"}
        fault = fault_of(given.get("blocks") or [])
        if fault:
            return {"error": fault.partition(":")[0], "detail": fault}
        message.past.append(message.blocks)
        message.text = given.get("text", "")
        message.blocks = given.get("blocks") or []
        return {"channel": message.channel, "ts": message.ts}

    def _conversations_open(self, given: Json) -> Json:
        return {"channel": {"id": f"D{given['users']}"}}

    def _message_fault(self, given: Json) -> Json | web.Response | None:
        channel = given.get("channel", "")
        if channel.startswith("D"):
            self.members.setdefault(channel, {BOT, channel[1:]})
        if channel not in self.members:
            return {"error": "channel_not_found"}
        if BOT not in self.members[channel]:
            return {"error": "not_in_channel"}
        if not given.get("text") and not given.get("blocks"):
            return {"error": "no_text"}
        if len(given.get("text", "")) > 40_000:
            return {"error": "msg_too_long"}
        fault = fault_of(given.get("blocks") or [])
        if fault:
            return {"error": fault.partition(":")[0], "detail": fault}
        return self._too_fast(channel)

    def _too_fast(self, channel: str) -> web.Response | None:
        if self._burst is None:
            return None
        recent, now = self._posted[channel], time.monotonic()
        while recent and recent[0] < now - 1.0:
            recent.popleft()
        if len(recent) < self._burst:
            recent.append(now)
            return None
        body = {"ok": False, "error": "ratelimited"}
        return web.json_response(body, status=429, headers={"Retry-After": "1"})

    # --- files -------------------------------------------------------------------------------

    def _files_getUploadURLExternal(self, given: Json) -> Json:  # noqa: N802  Slack's name
        if int(given["length"]) <= 0:
            return {"error": "invalid_arguments"}
        file = Stored(
            file_id=f"F{next(self._number):05d}",
            name=given["filename"],
            length=int(given["length"]),
        )
        self.files[file.file_id] = file
        return {"upload_url": f"{self.url}/upload/{file.file_id}", "file_id": file.file_id}

    def _files_completeUploadExternal(self, given: Json) -> Json:  # noqa: N802  Slack's name
        done = []
        for row in given["files"]:
            file = self.files[row["id"]]
            if len(file.data) != file.length:
                return {"error": "file_upload_size_mismatch"}
            file.channel = given.get("channel_id") or ""
            file.thread_ts = given.get("thread_ts") or ""
            done.append(self._file_row(file))
        return {"files": done}

    def _files_info(self, given: Json) -> Json:
        file = self.files.get(given["file"])
        if file is None:
            return {"error": "file_not_found"}
        file.row.pop("file_access", None)
        return {"file": self._file_row(file)}

    def _file_row(self, file: Stored) -> Json:
        address = f"{self.url}/files-pri/{file.file_id}/{file.name}"
        row: Json = {
            "id": file.file_id,
            "name": file.name,
            "title": file.name,
            "mimetype": file.media_type,
            "size": file.length,
            "mode": "hosted",
            "url_private": address,
            "url_private_download": address,
        }
        return row | file.row

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
