"""``guardia doctor slack``: tokens, scopes, reachability, and what to mend.

Owns: the checks. They call Slack and change nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.calls import in_our_words, open_client
from adapters.slack.door import PATH
from adapters.slack.settings import SlackSettings
from bot.core.errors import OperationError
from bot.core.messenger_ports import Finding

# What deploy/slack/manifest.yml asks for; a test holds the two together.
SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "im:history",
        "im:write",
        "mpim:history",
    }
)
_DOCS = "docs/slack.md"
_REINSTALL = f"add them under OAuth & Permissions and install the app again ({_DOCS})"
_WAY_OUT = (
    "let this machine out to slack.com, files.slack.com, hooks.slack.com, wss-primary.slack.com "
    "and wss-backup.slack.com on 443, or set HTTPS_PROXY"
)
_BOT_TOKEN = f"GUARDIA_SLACK__BOT_TOKEN: copy it again from OAuth & Permissions ({_DOCS})"
# https://docs.slack.dev/reference/methods/auth.test#errors, and what mends each of them
_INSTALLED_NO_MORE = (
    "the app is not installed in the workspace any more: install it again, and copy its new token "
    f"into GUARDIA_SLACK__BOT_TOKEN ({_DOCS})"
)
_TOKEN_REMEDIES = {
    "account_inactive": _INSTALLED_NO_MORE,
    "token_revoked": _INSTALLED_NO_MORE,
    "invalid_auth": f"{_BOT_TOKEN}; or the workspace admits only certain addresses, and not this "
    "machine's",
}
_APP_TOKEN = (
    "GUARDIA_SLACK__APP_TOKEN: an app-level token with connections:write, and Socket Mode switched "
    f"on ({_DOCS})"
)
_WAIT = aiohttp.ClientTimeout(total=10, connect=5)


async def examine_slack(
    settings: SlackSettings, origin: str | None = None
) -> AsyncIterator[Finding]:
    """One line a check; the first that makes the others useless is the last. ``origin``: where the
    bot is reached from outside."""
    if not settings.enabled:
        yield Finding(
            name="slack",
            well=False,
            found="mode = off",
            remedy=f'set slack.mode to "socket" in guardia.toml ({_DOCS})',
        )
        return
    client = open_client(settings)
    try:
        with in_our_words():
            answer = await client.auth_test()
    except OperationError as error:
        yield _unreached(settings, error)
        return
    yield Finding(
        name="slack/bot_token",
        well=True,
        found=f"{answer.get('team')} as {answer.get('user')} ({answer.get('user_id')})",
    )
    yield _scopes(str(answer.headers.get("x-oauth-scopes", "")))
    if settings.mode == "socket":
        async for finding in _socket(settings, client):
            yield finding
    else:
        yield await _endpoint(origin)


def _unreached(settings: SlackSettings, error: OperationError) -> Finding:
    if error.code == "slack_refused":
        reason = error.values["reason"]
        return Finding(
            name="slack/bot_token",
            well=False,
            found=reason,
            remedy=_TOKEN_REMEDIES.get(reason, _BOT_TOKEN),
        )
    if "retry_after_s" in error.values:
        wait = error.values["retry_after_s"]
        return Finding(
            name="slack/reach",
            well=False,
            found="Slack is asked too often just now",
            remedy=f"ask again in {wait} s",
        )
    return Finding(
        name="slack/reach", well=False, found=f"{settings.api_url}: no answer", remedy=_WAY_OUT
    )


def _scopes(granted: str) -> Finding:
    missing = SCOPES - {scope.strip() for scope in granted.split(",")}
    return Finding(
        name="slack/scopes",
        well=not missing,
        found=f"missing: {', '.join(sorted(missing))}" if missing else f"all {len(SCOPES)} granted",
        remedy=_REINSTALL,
    )


# --- Socket Mode -----------------------------------------------------------------------------


async def _socket(settings: SlackSettings, client: AsyncWebClient) -> AsyncIterator[Finding]:
    token = settings.app_token.get_secret_value() if settings.app_token else ""
    try:
        with in_our_words():
            answer = await client.apps_connections_open(app_token=token)
    except OperationError as error:
        refused = error.code == "slack_refused"
        yield Finding(
            name="slack/app_token",
            well=False,
            found=error.values.get("reason", "no answer"),
            remedy=_APP_TOKEN if refused else _WAY_OUT,
        )
        return
    yield Finding(name="slack/app_token", well=True, found="Socket Mode may connect")
    yield await _line(str(answer.get("url", "")), client.proxy)


async def _line(url: str, proxy: str | None) -> Finding:
    """Whether the way to the line's host is open. The line itself is not opened: Slack would hand
    it events that nobody takes."""
    parts = urlsplit(url)
    address = f"{parts.scheme.replace('ws', 'http', 1)}://{parts.netloc}/"
    reached = await _status("GET", address, proxy=proxy) is not None
    return Finding(
        name="slack/line",
        well=reached,
        found=parts.netloc if reached else f"{parts.netloc}: not reached",
        remedy=_WAY_OUT,
    )


# --- HTTP ------------------------------------------------------------------------------------


async def _endpoint(origin: str | None) -> Finding:
    if origin is None or not origin.startswith("https://"):
        return Finding(
            name="slack/endpoint",
            well=False,
            found="nobody has said how Slack reaches the bot",
            remedy=f"set web.public_origin to the https address in front of it ({_DOCS})",
        )
    address = f"{origin.rstrip('/')}{PATH}"
    status = await _status("POST", address)
    return Finding(
        name="slack/endpoint",
        well=status == HTTPStatus.UNAUTHORIZED,  # our door, asking for a signature
        found=f"{address}: {status or 'not reached from here'}",
        remedy=f"is guardia serve running, and does the proxy pass {PATH} on? the same address "
        "stands under Event Subscriptions, Interactivity and Slash Commands",
    )


async def _status(method: str, url: str, *, proxy: str | None = None) -> int | None:
    try:
        async with (
            aiohttp.ClientSession(timeout=_WAIT, trust_env=True) as session,
            session.request(method, url, allow_redirects=False, proxy=proxy) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
