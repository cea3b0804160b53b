"""``guardia doctor teams``: settings, keys, token, reachability, and what to mend.

Owns: the checks. They call Microsoft's services and our own door, and change nothing.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp

from adapters.teams.credentials import BotCredentials
from adapters.teams.door import PATH
from adapters.teams.identity import CHANNEL
from adapters.teams.settings import TeamsSettings
from adapters.teams.signing_keys import SigningKeys
from bot.core.errors import OperationError
from bot.core.messenger_ports import Finding

_DOCS = "docs/teams.md"
_WAIT = aiohttp.ClientTimeout(total=10, connect=5)
_GIVE_IT = "set it as GUARDIA_TEAMS__APP_PASSWORD and start again"
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
_LOGIN_REMEDIES = {
    "AADSTS7000215": f"the client secret is wrong (its value is wanted, not its id): {_GIVE_IT}",
    "AADSTS7000222": f"the client secret has expired: make a new one in Azure, and {_GIVE_IT}",
    "AADSTS700016": "teams.app_id is not known in teams.tenant_id: are both of the Azure bot, and "
    "is it single tenant?",
}
_LOGIN_REMEDY = f"is the client secret right, of this app, and not expired? {_GIVE_IT}"


async def examine_teams(settings: TeamsSettings, origin: str | None) -> AsyncIterator[Finding]:
    """One line a check. ``origin``: where the bot is reached from outside."""
    if not settings.enabled:
        yield Finding(
            name="teams",
            well=False,
            found="enabled = false",
            remedy=f"set teams.enabled, app_id and tenant_id in guardia.toml ({_DOCS})",
        )
        return
    yield Finding(name="teams/app", well=True, found=f"app {settings.app_id}")
    try:
        tls = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:  # also where there is no certificate in it
        yield Finding(
            name="teams/ca_file",
            well=False,
            found=f"{settings.ca_file}: {error.strerror or error}",
            remedy="teams.ca_file: a PEM file that the bot's account may read",
        )
        return
    connector = aiohttp.TCPConnector(ssl=tls)
    async with aiohttp.ClientSession(timeout=_WAIT, connector=connector, trust_env=True) as http:
        yield await _keys(settings, http)
        yield await _token(settings)
        for url in settings.service_urls:
            yield await _service(url, http)
        yield await _endpoint(origin, http)


class _Present:
    def now(self) -> datetime:
        return datetime.now(UTC)


async def _keys(settings: TeamsSettings, http: aiohttp.ClientSession) -> Finding:
    keys = SigningKeys(settings.openid_url, lambda: http, _Present())
    try:
        good = await keys.endorsed(CHANNEL)
    except OperationError:
        return Finding(
            name="teams/keys",
            well=False,
            found=f"{settings.openid_url}: not reached",
            remedy="open the way out to login.botframework.com:443; behind a proxy that signs "
            "itself, name its authority in teams.ca_file",
        )
    return Finding(
        name="teams/keys",
        well=good > 0,
        found=f"{good} keys that may speak for Teams",
        remedy="without one every request is refused: is teams.openid_url right?",
    )


async def _token(settings: TeamsSettings) -> Finding:
    try:
        await BotCredentials(settings).prepare()
    except OperationError as error:
        refused = error.code == "teams_login_refused"
        reason = error.values.get("reason", "?") if refused else "not reached"
        return Finding(
            name="teams/token",
            well=False,
            found=f"{settings.authority}: {reason}",
            remedy=_remedy_for(reason)
            if refused
            else "open the way out to login.microsoftonline.com:443; is tenant_id right?",
        )
    return Finding(name="teams/token", well=True, found="given for this app and tenant")


def _remedy_for(reason: str) -> str:
    known = (_LOGIN_REMEDIES[word] for word in reason.split() if word in _LOGIN_REMEDIES)
    return next(known, _LOGIN_REMEDY)


async def _service(url: str, http: aiohttp.ClientSession) -> Finding:
    reached = await _status(http, "GET", url) is not None
    return Finding(
        name="teams/service",
        well=reached,
        found=url if reached else f"{url}: not reached",
        remedy="open the way out to it on port 443",
    )


async def _endpoint(origin: str | None, http: aiohttp.ClientSession) -> Finding:
    name, address = "teams/endpoint", f"{(origin or 'https://YOUR-ADDRESS').rstrip('/')}{PATH}"
    if origin is None or not origin.startswith("https://"):
        return Finding(
            name=name,
            well=False,
            found="nobody has said how Microsoft reaches the bot",
            remedy=f"set web.public_origin to the https address in front of it ({_DOCS})",
        )
    status = await _status(http, "POST", address)
    return Finding(
        name=name,
        well=status == 401,  # our door, asking for a token
        found=f"{address}: {status or 'not reached from here'}",
        remedy="is guardia serve running, and does the proxy pass /teams/messages on? "
        "the same address stands in the Azure bot under Configuration",
    )


async def _status(http: aiohttp.ClientSession, method: str, url: str) -> int | None:
    try:
        async with http.request(method, url, allow_redirects=False) as response:
            return response.status
    except (aiohttp.ClientError, TimeoutError):
        return None
