"""The bot's one HTTP server.

Owns: mounting what listens (agents' hub, web room, health), TLS, and serving until told to stop.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from bot.app.adapters import Mounted
from bot.app.settings import GuardiaSettings
from bot.app.wiring import Bot, open_bot
from bot.core.errors import ConfigurationError
from bot.core.ports import Adapter

log = structlog.get_logger(__name__)

_AGAIN_S = 5.0  # before a messenger's line that has ended is begun anew


async def serve(settings: GuardiaSettings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        ConfigurationError: the port is taken, or the certificate cannot be read.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_bot(settings) as bot:
        runner = web.AppRunner(_application(bot), access_log=None)
        await runner.setup()
        tasks = [asyncio.create_task(_keep_running(each, bot)) for each in bot.adapters]
        try:
            await _listen(runner, settings)
            log.info("serving", host=settings.server.host, port=settings.server.port)
            await stop.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await runner.cleanup()


async def _keep_running(adapter: Adapter, bot: Bot) -> None:
    """One messenger for as long as the bot serves: the others go on, whatever ends its line."""
    while True:
        try:
            await adapter.run(bot.workflows.receive)
            log.error("adapter_ended", adapter=adapter.name)
        except Exception:  # the adapter loop: what ends one line must not go unsaid, nor stay ended
            log.exception("adapter_ended", adapter=adapter.name)
        await asyncio.sleep(_AGAIN_S)


def _application(bot: Bot) -> web.Application:
    application = web.Application(client_max_size=1024 * 1024)
    application.router.add_get("/agent/v1/link", bot.hub.handler)
    application.router.add_get("/healthz", _health_of(bot))
    for adapter in bot.adapters:
        if isinstance(adapter, Mounted):
            adapter.attach(application)
    bot.console.attach(application, bot.workflows.receive, bot.workflows.approve)
    return application


def _health_of(bot: Bot) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def health(_: web.Request) -> web.Response:
        agents = [
            {"name": presence.name, "online": presence.online} for presence in bot.hub.agents()
        ]
        return web.json_response({"status": "up", "agents": agents})

    return health


async def _listen(runner: web.AppRunner, settings: GuardiaSettings) -> None:
    server = settings.server
    site = web.TCPSite(
        runner, server.host, server.port, ssl_context=_tls(settings), shutdown_timeout=5.0
    )
    try:
        await site.start()
    except OSError as error:
        raise ConfigurationError(
            "settings", file="server", key="port", problem=f"{server.host}:{server.port}: {error}"
        ) from error


def _tls(settings: GuardiaSettings) -> ssl.SSLContext | None:
    server = settings.server
    if server.tls_certificate is None or server.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(server.tls_certificate, server.tls_key)
    except OSError as error:
        raise ConfigurationError(
            "settings", file=server.tls_certificate, key="server.tls_certificate", problem=error
        ) from error
    return context
