"""The management API of a RabbitMQ, made up: ``GET /api/queues`` behind basic authentication.

Owns: the documented shape of its answer and how it misbehaves. A real broker takes ten seconds
and an Erlang to start; the check reads nothing of it but this page.
"""

from __future__ import annotations

import base64
import json
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from agent.wire.plan import ServiceLogin
from agent.wire.profile import QueueSpec
from tests.lab.part import Ground, Part
from tests.lab.ports import free_port

USER = "guardia_monitor"


def queue(name: str, *, messages: int = 0, consumers: int = 1) -> dict[str, object]:
    """One queue as RabbitMQ tells it, with more than anybody asks for."""
    return {
        "name": name,
        "vhost": "/",
        "durable": True,
        "auto_delete": False,
        "exclusive": False,
        "arguments": {},
        "node": "rabbit@mq01",
        "state": "running",
        "consumers": consumers,
        "messages": messages,
        "messages_ready": messages,
        "messages_unacknowledged": 0,
    }


class Broker(Part):
    """``queues``: what it answers. ``body``: answered in its place. ``status``: other than 200.
    ``asked``: the paths that were asked for."""

    def __init__(self, ground: Ground, name: str = "broker", *, host: str = "127.0.1.1") -> None:
        self.folder = ground.claim(name)
        self.host = host
        self.port = free_port(host)
        self.login = ServiceLogin(user=USER, password=secrets.token_urlsafe(18))
        self.queues: list[dict[str, object]] = []
        self.body: bytes | None = None
        self.status = 200
        self.asked: list[str] = []
        self._server: ThreadingHTTPServer | None = None

    def spec(self) -> QueueSpec:
        return QueueSpec(port=self.port)

    def start(self) -> None:
        broker = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server calls
                status, body = broker._answer(self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, code: object = "-", size: object = "-") -> None:
                pass

        self._server = ThreadingHTTPServer((self.host, self.port), Handler)
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        self.asked.append(path)
        word = base64.b64encode(f"{self.login.user}:{self.login.password}".encode()).decode()
        if authorization != f"Basic {word}":
            return 401, b'{"error":"not_authorized","reason":"Login failed"}'
        if urlsplit(path).path != "/api/queues":
            return 404, b'{"error":"Object Not Found","reason":"Not Found"}'
        if self.body is not None:
            return self.status, self.body
        return self.status, json.dumps(self.queues).encode()
