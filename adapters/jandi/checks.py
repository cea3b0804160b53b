"""What ``guardia doctor jandi`` looks at.

Owns: reachability, and what can be known of webhooks without posting anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp

from adapters.jandi.adapter import PATH
from adapters.jandi.settings import JandiSettings
from bot.core.messenger_ports import Finding

_WAIT = aiohttp.ClientTimeout(total=5)


async def examine_jandi(settings: JandiSettings, origin: str | None) -> AsyncIterator[Finding]:
    """Every check. ``origin`` is where browsers and Jandi reach the bot."""
    yield Finding(
        name="jandi/mode",
        well=settings.enabled,
        found=settings.mode,
        remedy='set jandi.mode = "webhook" in guardia.toml; see docs/jandi.md',
    )
    if not settings.enabled:
        return
    yield _way_in(origin)
    for name, room in settings.topics().items():
        yield await _topic(name, room.url.get_secret_value())


def _way_in(origin: str | None) -> Finding:
    """Jandi calls from the internet, and links in its messages are opened by people's browsers."""
    parts = urlsplit(origin or "")
    return Finding(
        name="jandi/way_in",
        well=parts.scheme == "https",
        found=f"{origin}{PATH}" if origin else "nobody has said how the bot is reached",
        remedy=(
            "set web.public_origin to the https address that Jandi and browsers reach, and let "
            f"the proxy pass POST {PATH}"
        ),
    )


async def _topic(name: str, url: str) -> Finding:
    """A GET posts nothing: any answer but "no such webhook" shows that the way there is open."""
    try:
        async with (
            aiohttp.ClientSession(timeout=_WAIT, trust_env=True) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Finding(
            name=f"jandi/rooms/{name}",
            well=False,
            found=type(error).__name__,  # its text would repeat the secret address
            remedy=f"let the bot's machine reach {urlsplit(url).hostname}: proxy, firewall",
        )
    return Finding(
        name=f"jandi/rooms/{name}",
        well=status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.GONE)
        and status < HTTPStatus.INTERNAL_SERVER_ERROR,
        found=f"HTTP {status}",
        remedy="make the topic's incoming webhook again in JANDI Connect, and give its new address",
    )
