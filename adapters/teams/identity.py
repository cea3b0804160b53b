"""Whether a request comes from the Bot Framework and is meant for this bot.

Owns: every check of the token and of what it must say about the activity. A request that fails
one is refused before anything of it is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import jwt

from adapters.teams.settings import TeamsSettings
from adapters.teams.signing_keys import ServiceKey, SigningKeys
from bot.core.ports import Clock

ISSUER = "https://api.botframework.com"
CHANNEL = "msteams"
SKEW = timedelta(minutes=5)  # what the service's documentation allows
MAX_TOKEN_CHARACTERS = 8192


class RefusedError(Exception):
    """The request is not believed. ``reason`` is for the log; the sender learns the status."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Identity:
    """The checks, in an order that costs a forger's request little."""

    def __init__(self, settings: TeamsSettings, keys: SigningKeys, clock: Clock) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock

    async def claims(self, authorization: str) -> Mapping[str, Any]:
        """What the token says, its signature, issuer, audience, time and channel checked.

        Raises:
            RefusedError: there is no token (401) or it is not good (403).
            OperationError: the keys cannot be had.
        """
        token = _bearer(authorization)
        key = await self._keys.find(_key_id(token))
        if key is None:
            raise _refused("unknown key")
        claims = self._decoded(token, key)
        self._check_time(claims)
        if CHANNEL not in key.endorsements:
            raise _refused("the key is not endorsed for this channel")
        return claims

    def check_activity(self, claims: Mapping[str, Any], activity: Mapping[str, Any]) -> None:
        """Whether the activity is the one that the token vouches for.

        Raises:
            RefusedError: another channel, service or tenant (403).
        """
        if activity.get("channelId") != CHANNEL:
            raise _refused("another channel")
        service = activity.get("serviceUrl")
        told = [claims[name] for name in ("serviceurl", "serviceUrl") if name in claims]
        if not isinstance(service, str) or not told or any(url != service for url in told):
            raise _refused("the service is not the token's")
        if not self._settings.trusts_service(service):
            raise _refused("the service is not allowed")
        recipient = activity.get("recipient")
        if not isinstance(recipient, dict) or recipient.get("id") != self._settings.bot_id:
            raise _refused("another recipient")
        if tenant_of(activity) != self._settings.tenant_id.lower():
            raise _refused("another tenant")

    def _decoded(self, token: str, key: ServiceKey) -> Mapping[str, Any]:
        try:
            claims = jwt.decode(
                token,
                key.key,
                algorithms=["RS256"],
                audience=self._settings.app_id,
                issuer=ISSUER,
                options={
                    "require": ["exp", "nbf", "iss", "aud"],
                    "strict_aud": True,  # for this bot, and for nobody else beside it
                    "verify_exp": False,  # the times are looked at below, by our own clock
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise _refused(type(error).__name__) from error
        return dict(claims)

    def _check_time(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        begins, ends = claims["nbf"], claims["exp"]
        if not (_is_number(begins) and _is_number(ends)):
            raise _refused("its time is no number")
        if now < begins - SKEW.total_seconds() or now >= ends + SKEW.total_seconds():
            raise _refused("out of its time")


def tenant_of(activity: Mapping[str, Any]) -> str | None:
    """The tenant that the activity comes from, in lower case; None where it names none or two."""
    named = set()
    data, conversation = activity.get("channelData"), activity.get("conversation")
    if isinstance(data, dict) and isinstance(data.get("tenant"), dict):
        named.add(str(data["tenant"].get("id", "")).lower())
    if isinstance(conversation, dict) and conversation.get("tenantId"):
        named.add(str(conversation["tenantId"]).lower())
    return named.pop() if len(named) == 1 else None


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "no token")
    if len(token) > MAX_TOKEN_CHARACTERS or not token.isascii():
        raise _refused("no such token")
    return token


def _key_id(token: str) -> str:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise _refused(type(error).__name__) from error
    if header.get("alg") != "RS256":
        raise _refused("another algorithm")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise _refused("no key id")
    return key_id


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refused(reason: str) -> RefusedError:
    return RefusedError(HTTPStatus.FORBIDDEN, reason)
