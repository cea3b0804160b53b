"""The balancer in front of the demo's two WAS nodes: a small reverse proxy.

Owns: passing a request to a live member and to the next one when that fails, re-reading its
configuration, its access log. Must not know what nginx's command line looks like.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

from bot.app.demo.upstreams import Configuration, Member, NginxSyntaxError, read_configuration

_log = logging.getLogger("nginx")
_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=2, sock_read=30)
_TRY_NEXT = frozenset({502, 503, 504})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_HOP_BY_HOP = (
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "host",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a member said."""

    status: int
    headers: CIMultiDict[str]
    body: bytes


class Balancer:
    """Round robin over the members that are not down, by the configuration as last read."""

    def __init__(self, prefix: Path, session: aiohttp.ClientSession) -> None:
        self._file = prefix / "conf" / "nginx.conf"
        self._access = (prefix / "logs" / "access.log").open("a", encoding="utf-8", buffering=1)
        self._session = session
        self._turn = 0
        self.configuration: Configuration = read_configuration(self._file)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load_certificate()

    def reload(self) -> None:
        """Read the configuration again; a broken one changes nothing. Requests in flight keep
        the members they began with."""
        try:
            self.configuration = read_configuration(self._file)
            self._load_certificate()
        except (NginxSyntaxError, OSError) as error:  # an SSLError is an OSError
            _log.error("[emerg] %s", error)
        else:
            live = ", ".join(member.address for member in self.configuration.live)
            _log.info("[notice] reconfigured; live members: %s", live)

    def _load_certificate(self) -> None:
        tls = self.configuration.tls
        if tls is not None:
            self.tls.load_cert_chain(tls.certificate, tls.key)

    def close(self) -> None:
        self._access.close()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        live = self.configuration.live
        self._turn += 1
        first = self._turn % len(live) if live else 0
        order = live[first:] + live[:first]
        answer, tried = await self._pass_on(request, body, order)
        self._record(request, answer.status, tried)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _pass_on(
        self, request: web.Request, body: bytes, order: tuple[Member, ...]
    ) -> tuple[Answer, list[str]]:
        answer = Answer(
            status=502,
            headers=CIMultiDict({"Content-Type": "text/plain"}),
            body=b"502 Bad Gateway: no live upstreams\n",
        )
        tried: list[str] = []
        for member in order:
            tried.append(member.address)
            try:
                answer = await self._ask(request, body, member)
            except aiohttp.ClientConnectorError as error:
                _log.warning("[error] connect() to %s failed: %s", member.address, error)
                continue
            except (aiohttp.ClientError, TimeoutError) as error:
                _log.warning("[error] reading from %s failed: %s", member.address, error)
                if request.method in _SAFE:
                    continue
                break
            if answer.status not in _TRY_NEXT or request.method not in _SAFE:
                break
        return answer, tried

    async def _ask(self, request: web.Request, body: bytes, member: Member) -> Answer:
        headers = _forwarded(request.headers)
        headers["Host"] = request.host
        headers["X-Forwarded-For"] = request.remote or ""
        async with self._session.request(
            request.method,
            f"http://{member.address}{request.raw_path}",
            headers=headers,
            data=body or None,
            allow_redirects=False,
        ) as response:
            received = await response.read()
            back = _forwarded(response.headers)
            back["X-Upstream"] = member.address
            return Answer(status=response.status, headers=back, body=received)

    def _record(self, request: web.Request, status: int, tried: list[str]) -> None:
        stamp = datetime.now().astimezone().strftime("%d/%b/%Y:%H:%M:%S %z")
        via = ", ".join(tried) or "-"
        self._access.write(
            f'{request.remote} - - [{stamp}] "{request.method} {request.raw_path}" {status} {via}\n'
        )


def _forwarded(headers: Mapping[str, str]) -> CIMultiDict[str]:
    kept: CIMultiDict[str] = CIMultiDict(headers)
    for name in _HOP_BY_HOP:
        kept.popall(name, None)
    return kept


async def serve(prefix: Path) -> None:
    """Listen until SIGTERM or SIGQUIT; SIGHUP reads the configuration again."""
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=_TIMEOUT, auto_decompress=False
    ) as session:
        balancer = Balancer(prefix, session)
        application = web.Application(client_max_size=16 * 1024 * 1024)
        application.router.add_route("*", "/{path:.*}", balancer.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=10)
        await runner.setup()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, balancer.reload)
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        pid_file = prefix / "run" / "nginx.pid"
        try:
            where = balancer.configuration
            await web.TCPSite(runner, where.host, where.port).start()
            if where.tls is not None:
                tls = where.tls
                await web.TCPSite(runner, tls.host, tls.port, ssl_context=balancer.tls).start()
            # Written last: whoever started us takes the file as the sign that the port is open.
            pid_file.write_text(f"{os.getpid()}\n", "ascii")
            _log.info("[notice] listening on %s:%s", where.host, where.port)
            await stop.wait()
        finally:
            await runner.cleanup()
            pid_file.unlink(missing_ok=True)
            balancer.close()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    asyncio.run(serve(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
