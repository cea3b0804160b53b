"""The line that we dial to Slack.

Owns: keeping a Socket Mode connection up. The client library reconnects by itself, but keeps
trying one address whose ticket has lapsed; a line that stays down is therefore begun anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp

PING_S = 10.0
CHECK_S = 1.0
PATIENCE_S = 45.0  # the library's own reconnection takes up to four pings
log = structlog.get_logger(__name__)


async def keep_connected(app: AsyncApp, app_token: str, *, patience_s: float = PATIENCE_S) -> None:
    """Hold the line until cancelled."""
    while True:
        try:
            await _one_line(app, app_token, patience_s)
        except Exception:  # the adapter loop: whatever ends one line must not end the next
            log.exception("slack_line_broken")
            await asyncio.sleep(CHECK_S)
        log.warning("slack_line_begun_anew")


async def _one_line(app: AsyncApp, app_token: str, patience_s: float) -> None:
    handler = AsyncSocketModeHandler(app, app_token, ping_interval=PING_S)
    try:
        await _until_lost(handler, patience_s)
    finally:
        await _called(handler.close_async)


async def _until_lost(handler: AsyncSocketModeHandler, patience_s: float) -> None:
    loop = asyncio.get_running_loop()
    connecting = asyncio.create_task(_called(handler.connect_async))
    seen_up = loop.time()
    try:
        while loop.time() - seen_up < patience_s:
            await asyncio.sleep(min(CHECK_S, patience_s / 4))
            if await handler.client.is_connected():
                seen_up = loop.time()
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)


async def _called(method: Callable[[], Awaitable[None]]) -> None:
    """The library leaves its methods untyped."""
    await method()
