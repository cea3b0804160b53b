"""Jandi as a small server: its incoming webhook with its limits, and its outgoing webhook.

Owns: what Jandi documents of both (JANDI Connect: Webhook 수신, Webhook 발신), enforced. Where its
documents are silent it is strict. It is told to limit or to fail by its test.
"""

from __future__ import annotations

import itertools
import json
import re
import socket
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

ACCEPT = "application/vnd.tosslab.jandi-v2+json"
MAX_CHARACTERS = 5000
MOST_A_MINUTE = 60
ACKNOWLEDGE_S = 15.0  # three seconds at Jandi; a test's machine may be five times slower
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")
_FIELDS = {"title", "description", "imageUrl"}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A message of the bot in a topic."""

    message_id: str
    body: str
    color: str
    info: tuple[Mapping[str, str], ...]

    @property
    def text(self) -> str:
        told = [self.body]
        for block in self.info:
            told += [block.get("title", ""), block.get("description", "")]
        return "\n".join(part for part in told if part)


@dataclass(kw_only=True)
class Topic:
    """One topic with both webhooks."""

    name: str
    token: str
    hook: str
    keyword: str = "가디아"
    shown: list[Shown] = field(default_factory=list)
    taken: deque[float] = field(default_factory=deque)


class JandiService:
    """``most_a_minute``: the limit of each incoming webhook."""

    def __init__(self, *, most_a_minute: int = MOST_A_MINUTE) -> None:
        self.topics: dict[str, Topic] = {}
        self.refusals: list[tuple[int, str]] = []
        self.most_a_minute = most_a_minute
        self._numbers = itertools.count(1)
        self._limited: list[dict[str, str]] = []
        self._failing = 0
        # Bound before it listens: settings want an address before there is a running loop.
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._port = int(self._socket.getsockname()[1])
        self._client: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def topic(self, name: str) -> Topic:
        """The topic of that name; a new one gets its webhooks."""
        if name not in self.topics:
            self.topics[name] = Topic(name=name, token=f"token-of-{name}", hook=f"hook-of-{name}")
        return self.topics[name]

    def hook_url(self, name: str) -> str:
        """Where the bot posts into the topic."""
        return f"{self.url}/connect-api/webhook/11/{self.topic(name).hook}"

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/connect-api/webhook/{team}/{hook}", self._post)
        self._runner = web.AppRunner(app, shutdown_timeout=1)
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()
        self._client = aiohttp.ClientSession()

    async def stop(self) -> None:
        if self._client is not None:
            await self._client.close()
        await self._runner.cleanup()

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        """Refuse the next calls with 429."""
        self.refuse_until(str(round(retry_after_s)), times)

    def refuse_until(self, retry_after: str, times: int = 1, **headers: str) -> None:
        """Refuse the next calls with that ``Retry-After``, as it stands."""
        self._limited += [{"Retry-After": retry_after} | headers] * times

    def fail(self, times: int) -> None:
        """Answer the next calls with 503."""
        self._failing += times

    # --- incoming webhook: the bot speaks ----------------------------------------------------

    async def _post(self, request: web.Request) -> web.Response:
        hook = request.match_info["hook"]
        topic = next((one for one in self.topics.values() if one.hook == hook), None)
        refused = self._in_trouble() or self._unfit(request, topic)
        if refused is not None or topic is None:
            return refused or self._refuse(404, "no such webhook")
        try:
            message = json.loads(await request.read())
        except ValueError:
            return self._refuse(400, "JSON")
        problem = problem_of(message)
        if problem:
            return self._refuse(400, problem)
        self._show(topic, message)
        return web.Response()

    def _in_trouble(self) -> web.Response | None:
        if self._failing:
            self._failing -= 1
            return self._refuse(503, "unavailable")
        if self._limited:
            return self._refuse(429, "too many", headers=self._limited.pop(0))
        return None

    def _unfit(self, request: web.Request, topic: Topic | None) -> web.Response | None:
        if topic is None:
            return self._refuse(404, "no such webhook")
        if request.headers.get("Accept") != ACCEPT:
            return self._refuse(406, "Accept")
        if request.content_type != "application/json":
            return self._refuse(415, "Content-Type")
        wait = self._over_limit(topic)
        if wait:
            return self._refuse(429, "60 a minute", headers={"Retry-After": str(wait)})
        return None

    def _over_limit(self, topic: Topic) -> int:
        """Seconds to wait, where this webhook has had its share of the minute."""
        now = time.monotonic()
        while topic.taken and now - topic.taken[0] >= 60:
            topic.taken.popleft()
        if len(topic.taken) >= self.most_a_minute:
            return int(60 - (now - topic.taken[0])) + 1
        topic.taken.append(now)
        return 0

    def _refuse(
        self, status: int, why: str, *, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        self.refusals.append((status, why))
        return web.json_response({"code": status, "msg": why}, status=status, headers=headers)

    def _show(self, topic: Topic, message: Mapping[str, Any]) -> None:
        shown = Shown(
            message_id=f"{next(self._numbers):06d}",
            body=message["body"],
            color=message.get("connectColor", ""),
            info=tuple(message.get("connectInfo", ())),
        )
        topic.shown.append(shown)

    # --- outgoing webhook: people speak ------------------------------------------------------

    def payload(
        self, topic: Topic, writer: Mapping[str, Any], text: str, *, at: datetime
    ) -> dict[str, Any]:
        """What Jandi posts for ``/keyword text``."""
        return {
            "token": topic.token,
            "teamName": "기재부 운영",
            "roomName": topic.name,
            "writer": dict(writer),
            "writerName": writer.get("name", ""),
            "text": f"/{topic.keyword} {text}",
            "data": text,
            "keyword": topic.keyword,
            "createdAt": at.isoformat(timespec="milliseconds"),
            "platform": "web",
        }

    async def call(self, url: str, payload: object, *, topic: Topic | None = None) -> int:
        """Post it to the bot; what it answers in Jandi's format appears in the topic."""
        assert self._client is not None
        timeout = aiohttp.ClientTimeout(total=ACKNOWLEDGE_S)
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {"Content-Type": "application/json"}
        async with self._client.post(url, data=raw, headers=headers, timeout=timeout) as response:
            said = await response.read()
            if topic is not None and response.status == 200 and said:
                answer = json.loads(said)
                assert problem_of(answer) == "", problem_of(answer)
                self._show(topic, answer)
            return response.status


def problem_of(message: object) -> str:
    """What is wrong with a message; "" where nothing is."""
    if not isinstance(message, dict):
        return "not an object"
    if not isinstance(message.get("body"), str) or not message["body"].strip():
        return "body"
    unknown = set(message) - {"body", "connectColor", "connectInfo"}
    if unknown:
        return f"unknown: {sorted(unknown)}"
    if not _COLOUR.fullmatch(message.get("connectColor", "#000000")):
        return "connectColor"
    info = message.get("connectInfo", [])
    if not isinstance(info, list) or not all(_is_block(block) for block in info):
        return "connectInfo"
    told = [message["body"], *(text for block in info for text in block.values())]
    return "more than 5,000 characters" if sum(map(len, told)) > MAX_CHARACTERS else ""


def _is_block(block: object) -> bool:
    return (
        isinstance(block, dict)
        and set(block) <= _FIELDS
        and all(isinstance(value, str) for value in block.values())
    )
