"""The public keys with which the Bot Framework signs its requests.

Owns: fetching the OpenID document and its key set, keeping them, and how often that may happen:
a stranger who invents key ids must not make us ask the service again and again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import jwt
import structlog

from adapters.teams.settings import origin_of
from bot.core.errors import OperationError
from bot.core.ports import Clock

FRESH = timedelta(hours=24)  # the service asks bots to look at least once a day
AGAIN = timedelta(minutes=5)  # at the earliest, whoever asks
AFTER_FAILURE = timedelta(seconds=30)
MAX_DOCUMENT_BYTES = 1024 * 1024
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """One key and the channels it may speak for."""

    key: Any  # what PyJWT made of it: an RSA public key
    endorsements: frozenset[str]


class SigningKeys:
    """Keys by their id.

    Args:
        session: gives the HTTP client; asked only once the loop runs.
    """

    def __init__(
        self, openid_url: str, session: Callable[[], aiohttp.ClientSession], clock: Clock
    ) -> None:
        self._url = openid_url
        self._session = session
        self._clock = clock
        self._keys: dict[str, ServiceKey] = {}
        self._fetched: datetime | None = None
        self._tried: datetime | None = None
        self._turn = asyncio.Lock()

    async def find(self, key_id: str) -> ServiceKey | None:
        """The key of that id; None: the service has none.

        Raises:
            OperationError: no keys could be had at all (``teams_keys_unavailable``).
        """
        if self._wanting(key_id):
            async with self._turn:  # who comes while they are fetched waits for them
                if self._wanting(key_id) and self._may_ask():
                    await self._refresh()
        if self._fetched is None:
            raise OperationError("teams_keys_unavailable")
        return self._keys.get(key_id)

    async def endorsed(self, channel: str) -> int:
        """How many keys may speak for that channel. Raises: as ``find``."""
        await self.find("")
        return sum(channel in key.endorsements for key in self._keys.values())

    def _wanting(self, key_id: str) -> bool:
        if self._fetched is None or key_id not in self._keys:
            return True
        return self._clock.now() - self._fetched > FRESH

    def _may_ask(self) -> bool:
        pause = AGAIN if self._fetched == self._tried else AFTER_FAILURE
        return self._tried is None or self._clock.now() - self._tried >= pause

    async def _refresh(self) -> None:
        self._tried = self._clock.now()
        try:
            document = await self._document(self._url)
            keys_url = str(document.get("jwks_uri", ""))
            if origin_of(keys_url) is None:
                raise ValueError("jwks_uri is not an https address")
            rows = (await self._document(keys_url)).get("keys")
            self._keys = _keys_of(rows if isinstance(rows, list) else [])
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            # Keys that we have stay good: the service announces new ones long before it signs.
            log.warning("teams_keys_not_fetched", problem=type(error).__name__)
            return
        self._fetched = self._tried

    async def _document(self, url: str) -> dict[str, Any]:
        async with self._session().get(url, allow_redirects=False) as response:
            response.raise_for_status()
            if response.status != 200:
                raise ValueError(f"status {response.status}")
            text = b""
            async for piece in response.content.iter_any():
                text += piece
                if len(text) > MAX_DOCUMENT_BYTES:
                    raise ValueError("too large")
        document = _json_object(text)
        if document is None:
            raise ValueError("no JSON object")
        return document


def _json_object(text: bytes) -> dict[str, Any] | None:
    document = json.loads(text)
    return document if isinstance(document, dict) else None


def _keys_of(rows: list[Any]) -> dict[str, ServiceKey]:
    keys: dict[str, ServiceKey] = {}
    for row in rows:
        if not isinstance(row, dict) or row.get("kty") != "RSA" or not row.get("kid"):
            continue
        try:
            key = jwt.algorithms.RSAAlgorithm.from_jwk(row)
        except (jwt.InvalidKeyError, ValueError):
            continue
        endorsements = row.get("endorsements")
        channels = endorsements if isinstance(endorsements, list) else []
        keys[str(row["kid"])] = ServiceKey(key, frozenset(str(each) for each in channels))
    return keys
