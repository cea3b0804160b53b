"""``guardia doctor slack``: tokens, scopes, reachability, and what to mend.

Owns: the checks. They call Slack and change nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.calls import in_our_words, open_client
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


async def examine_slack(settings: SlackSettings) -> AsyncIterator[Finding]:
    """One line a check; the first that makes the others useless is the last."""
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
        yield await _socket(settings, client)
    else:
        yield Finding(
            name="slack/http",
            well=True,
            found="Slack has to reach https://YOUR-ADDRESS/slack/events; whether it does is shown "
            "when the address is saved under Event Subscriptions",
        )


def _unreached(settings: SlackSettings, error: OperationError) -> Finding:
    if error.code == "slack_refused":
        return Finding(
            name="slack/bot_token",
            well=False,
            found=error.values["reason"],
            remedy=f"GUARDIA_SLACK__BOT_TOKEN: copy it again from OAuth & Permissions ({_DOCS})",
        )
    return Finding(
        name="slack/reach",
        well=False,
        found=f"{settings.api_url}: no answer",
        remedy="let this machine out to slack.com, *.slack.com and wss-primary.slack.com on 443, "
        "or set HTTPS_PROXY",
    )


def _scopes(granted: str) -> Finding:
    missing = SCOPES - {scope.strip() for scope in granted.split(",")}
    return Finding(
        name="slack/scopes",
        well=not missing,
        found=f"missing: {', '.join(sorted(missing))}" if missing else f"all {len(SCOPES)} granted",
        remedy=_REINSTALL,
    )


async def _socket(settings: SlackSettings, client: AsyncWebClient) -> Finding:
    token = settings.app_token.get_secret_value() if settings.app_token else ""
    try:
        with in_our_words():
            await client.apps_connections_open(app_token=token)
    except OperationError as error:
        return Finding(
            name="slack/app_token",
            well=False,
            found=error.values.get("reason", "no answer"),
            remedy="GUARDIA_SLACK__APP_TOKEN: an app-level token with connections:write, and "
            f"Socket Mode switched on ({_DOCS})",
        )
    return Finding(name="slack/app_token", well=True, found="Socket Mode may connect")
