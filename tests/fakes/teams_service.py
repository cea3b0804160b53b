"""A stand-in for what Microsoft runs: logins (``teams_login``), the bots' connector, a file store.

Owns: one https server on loopback that the real client libraries talk to. It enforces what the
service documents: tokens, message size, rates, rosters, cards, upload ranges; and it sends
activities to the bot as Teams does, signed. What people see is read back from it.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from aiohttp import web

from bot.core.ports import Clock
from tests.fakes.adaptive_cards import CARD, card_in, fault_of
from tests.fakes.loopback_tls import certificate
from tests.fakes.teams_login import APP_ID, SECRET, TENANT, TeamsLogin

BOT = f"28:{APP_ID}"
TEAM_CHANNEL = "19:ops@thread.tacv2"
MAX_MESSAGE_BYTES = 80 * 1024  # of UTF-16: what is documented as safe; 100 KB are refused
# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit: seconds and operations
# in one chat or channel, of sending and of opening a thread.
LIMITS = ((1, 7), (2, 8), (30, 60))
UPLOAD_UNIT = 320 * 1024
_KNOWN_CARDS = (
    CARD,
    "application/vnd.microsoft.teams.card.file.consent",
    "application/vnd.microsoft.teams.card.file.info",
)


@dataclass(kw_only=True)
class Stored:
    """One message in a conversation."""

    id: str
    conversation: str
    activity: dict[str, Any]
    revision: int = 1
    deleted: bool = False
    history: list[dict[str, Any]] = field(default_factory=list)  # all that it ever said


@dataclass(kw_only=True)
class Delivered:
    """How the bot answered one activity."""

    status: int
    seconds: float
    body: str
    times: int = 1


@dataclass(kw_only=True)
class _Trouble:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    code: str = "ServiceError"


class TeamsService(TeamsLogin):
    """The service. ``origin`` is its https address once it runs."""

    def __init__(self, clock: Clock, *, port: int = 0) -> None:
        super().__init__()
        self._clock = clock
        self._folder = tempfile.TemporaryDirectory()
        self.ca_file = Path(self._folder.name) / "ca.pem"
        self._tls = certificate(self.ca_file)
        self.messages: dict[str, Stored] = {}
        self.max_message_bytes = MAX_MESSAGE_BYTES
        self.roster: set[str] = {TEAM_CHANNEL}
        self.bot_url = ""
        self.seen_tokens: list[str] = []  # of every call to the connector
        self.trouble: deque[_Trouble] = deque()
        self.files: dict[str, bytes] = {}
        self.uploads: dict[str, bytearray] = {}
        self.lapsed: set[str] = set()  # upload sessions that are over
        self.agree = True
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._numbers = itertools.count(1_760_000_000_001)
        self._runner: web.AppRunner | None = None
        self._port = port

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.add_routes(
            [
                *self.login_routes,
                web.post("/v3/conversations", self._create),
                web.post("/v3/conversations/{conversation}/activities", self._send),
                web.post("/v3/conversations/{conversation}/activities/{id}", self._send),
                web.put("/v3/conversations/{conversation}/activities/{id}", self._update),
                web.delete("/v3/conversations/{conversation}/activities/{id}", self._delete),
                web.get("/files/{id}", self._download),
                web.put("/uploads/{id}", self._upload),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self._client = aiohttp.ClientSession()

    async def stop(self) -> None:
        await self._client.close()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def service_url(self) -> str:
        return f"{self.origin}/"

    @property
    def file_host(self) -> str:
        return f"127.0.0.1:{self._port}"

    def settings(self, **changes: Any) -> dict[str, Any]:
        """What the adapter has to be told to live here."""
        return {
            "enabled": True,
            "app_id": APP_ID,
            "app_password": SECRET,
            "tenant_id": TENANT,
            "service_urls": (self.service_url,),
            "login_url": self.service_url,
            "openid_url": f"{self.origin}/openid",
            "file_hosts": (self.file_host,),
            "ca_file": self.ca_file,
        } | changes

    # --- to the bot --------------------------------------------------------------------------

    def bearer(self, *, service_url: str = "", kid: str = "", **claims: Any) -> str:
        """A token as the service signs it; ``claims`` change or (None) leave out."""
        now = int(self._clock.now().timestamp())
        body = {
            "iss": "https://api.botframework.com",
            "aud": APP_ID,
            "nbf": now - 60,
            "exp": now + 3600,
            "serviceurl": service_url or self.service_url,
        } | claims
        kept = {name: value for name, value in body.items() if value is not None}
        return jwt.encode(kept, self.key, algorithm="RS256", headers={"kid": kid or self.key_id})

    def activity(self, conversation: str, person: str, /, **fields: Any) -> dict[str, Any]:
        """An activity of a person, as Teams words it. ``person`` is a directory object id."""
        channel = conversation.partition(";")[0]
        kind = "personal" if channel.startswith("a:") else "channel"
        kind = "groupChat" if channel.endswith("@thread.v2") else kind
        data: dict[str, Any] = {"tenant": {"id": TENANT}}
        if kind == "channel":
            data |= {"channel": {"id": channel}, "team": {"id": "19:team@thread.tacv2"}}
        return {
            "type": "message",
            "id": str(next(self._numbers)),
            "timestamp": self._clock.now().isoformat(),
            "channelId": "msteams",
            "serviceUrl": self.service_url,
            "from": {"id": f"29:{person}", "name": "홍길동", "aadObjectId": person},
            "recipient": {"id": BOT, "name": "GUARDiA"},
            "conversation": {
                "id": conversation,
                "conversationType": kind,
                "isGroup": kind != "personal",
                "tenantId": TENANT,
            },
            "channelData": data,
        } | fields

    async def deliver(self, activity: Mapping[str, Any], *, token: str | None = None) -> Delivered:
        """Send it to the bot. A press that gets an empty answer is sent again, as Teams does."""
        if token is None:
            token = self.bearer()
        answer = await self._posted(json.dumps(activity), token)
        pressed = activity.get("type") == "invoke"
        if pressed and answer.status < 300 and answer.body in ("", "null"):
            answer = await self._posted(json.dumps(activity), token)
            answer.times = 2
        return answer

    async def _posted(self, body: str, token: str) -> Delivered:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        begun = time.monotonic()
        async with self._client.post(self.bot_url, data=body, headers=headers) as response:
            text = await response.text()
            return Delivered(status=response.status, seconds=time.monotonic() - begun, body=text)

    def put_file(self, content: bytes) -> str:
        """Drop a file into the person's OneDrive; returns where it can be fetched."""
        name = uuid.uuid4().hex
        self.files[name] = content
        return f"{self.origin}/files/{name}"

    def fail(self, times: int, *, status: int = 502, **headers: str) -> None:
        """The next calls of the bot are answered so."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.trouble.extend(_Trouble(status=status, headers=told) for _ in range(times))

    # --- connector ---------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.Response:
        body = await self._admitted(request, "")
        if isinstance(body, web.Response):
            return body
        channel = body.get("channelData", {}).get("channel", {}).get("id", "")
        if not body.get("isGroup") or channel not in self.roster:
            return _error(403, "BotNotInConversationRoster")
        if (refused := _refused(body.get("activity", {}))) is not None:
            return refused
        stored = self._store("", body["activity"])
        stored.conversation = f"{channel};messageid={stored.id}"
        return web.json_response({"id": stored.conversation, "activityId": stored.id}, status=201)

    async def _send(self, request: web.Request) -> web.Response:
        conversation = request.match_info["conversation"]
        body = await self._admitted(request, conversation)
        if isinstance(body, web.Response):
            return body
        if (refused := _refused(body)) is not None:
            return refused
        return web.json_response({"id": self._store(conversation, body).id}, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        conversation = request.match_info["conversation"]
        body = await self._admitted(request, conversation)
        if isinstance(body, web.Response):
            return body
        stored = self.messages.get(request.match_info["id"])
        if stored is None or stored.deleted or stored.conversation != conversation:
            return _error(404, "ActivityNotFoundInConversation")
        if (refused := _refused(body)) is not None:
            return refused
        stored.activity = body
        stored.history.append(body)
        stored.revision += 1
        return web.json_response({"id": stored.id})

    async def _delete(self, request: web.Request) -> web.Response:
        body = await self._admitted(request, request.match_info["conversation"])
        if isinstance(body, web.Response):
            return body
        stored = self.messages.get(request.match_info["id"])
        if stored is None:
            return _error(404, "ActivityNotFoundInConversation")
        stored.deleted = True
        return web.json_response({})

    async def _admitted(
        self, request: web.Request, conversation: str
    ) -> dict[str, Any] | web.Response:
        self.counts["connector"] += 1
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.seen_tokens.append(token)
        if token not in self.issued:
            return _error(401, "BotNotRegistered")
        if self.trouble:
            trouble = self.trouble.popleft()
            return _error(trouble.status, trouble.code, trouble.headers)
        if self._too_fast(conversation.partition(";")[0]):
            return _error(429, "Throttled", {"Retry-After": "1"})
        text = await request.text()
        body = json.loads(text) if text else {}
        if len(json.dumps(body, ensure_ascii=False).encode("utf-16-le")) > self.max_message_bytes:
            return _error(413, "MessageSizeTooBig")
        if conversation and conversation.partition(";")[0] not in self.roster:
            return _error(403, "BotNotInConversationRoster")
        return dict(body)

    def _too_fast(self, channel: str) -> bool:
        """Whether that is more than a channel takes; what is refused does not count."""
        recent, now = self._recent[channel], time.monotonic()
        while recent and recent[0] < now - LIMITS[-1][0]:
            recent.popleft()
        if any(sum(at > now - span for at in recent) >= most for span, most in LIMITS):
            return True
        recent.append(now)
        return False

    def _store(self, conversation: str, activity: dict[str, Any]) -> Stored:
        stored = Stored(
            id=str(next(self._numbers)),
            conversation=conversation,
            activity=activity,
            history=[activity],
        )
        self.messages[stored.id] = stored
        return stored

    # --- files -------------------------------------------------------------------------------

    async def _download(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:  # these addresses carry their own leave
            self.counts["token_leaked"] += 1
        content = self.files.get(request.match_info["id"])
        if content is None:
            return web.Response(status=404)
        if content.startswith(b"<html"):
            return web.Response(text=content.decode(), content_type="text/html")
        return web.Response(body=content, content_type="application/octet-stream")

    async def _upload(self, request: web.Request) -> web.Response:
        if "Authorization" in request.headers:
            self.counts["token_leaked"] += 1
        if request.match_info["id"] in self.lapsed:
            return _error(404, "itemNotFound")
        taken = self.uploads.setdefault(request.match_info["id"], bytearray())
        unit, _, told = request.headers.get("Content-Range", "").partition(" ")
        span, _, size = told.partition("/")
        first, _, last = span.partition("-")
        piece = await request.read()
        whole = int(last) + 1 == int(size)
        if unit != "bytes" or int(first) != len(taken) or int(last) - int(first) + 1 != len(piece):
            return web.Response(status=416)
        if not whole and len(piece) % UPLOAD_UNIT:
            return web.Response(status=400)
        taken += piece
        return web.json_response({}, status=201 if whole else 202)


def _refused(activity: Mapping[str, Any]) -> web.Response | None:
    """What the service does not take."""
    if activity.get("type") != "message":
        return _error(400, "BadSyntax")
    for each in activity.get("attachments", ()):
        if each.get("contentType") not in _KNOWN_CARDS:
            return _error(400, "BadArgument")
    card = card_in(activity)
    if card and (card.get("version") not in _VERSIONS or fault_of(card)):
        return _error(400, "BadArgument")
    primary = [a for a in card.get("actions", ()) if a.get("mode", "primary") == "primary"]
    return _error(400, "TooManyActions") if len(primary) > 6 else None


_VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")


def _error(status: int, code: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"code": code, "message": f"{code} (fake)"}}
    return web.json_response(body, status=status, headers=headers)
