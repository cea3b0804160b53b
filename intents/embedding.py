"""Nearness of meaning by an embedding model inside the site, for the order of guides.

Owns: the vectors of guides that were asked for before, and the deadline. Whatever goes wrong is no
number at all and a line in the log: the order of the words stays. Must not know whose guides are.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence

import aiohttp
import structlog

from intents.endpoint import EndpointOptions, PrivateAddress, limited, private_address
from intents.model import ModelError

_LOG = structlog.get_logger(__name__)
_LONGEST_REPLY = 1024 * 1024  # bytes: four vectors of some thousand numbers
_LONGEST_TEXT = 2000  # characters: small embedding models read 512 tokens or little more
_KEPT = 4096  # vectors

Vector = tuple[float, ...]


async def open_embedding(options: EndpointOptions, *, deadline_s: float) -> EndpointEmbedding:
    """The embedding model at that address.

    Raises:
        ConfigurationError: it is no such address, has none, or one that is public.
    """
    address = await private_address(options)
    return EndpointEmbedding(options, address, deadline_s=deadline_s)


class EndpointEmbedding:
    """``GuideEmbedding`` over HTTP, for worker threads of the loop that it was opened in."""

    def __init__(
        self, options: EndpointOptions, address: PrivateAddress, *, deadline_s: float
    ) -> None:
        self._name = options.name
        self._url = address.url / "embeddings"
        self._session = address.session(options)
        self._deadline_s = deadline_s
        self._loop = asyncio.get_running_loop()
        self._kept: dict[tuple[str, str], Vector] = {}

    def nearness(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """See ``GuideEmbedding``."""
        return asyncio.run_coroutine_threadsafe(self.near(question, texts), self._loop).result()

    async def near(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """Cosines; empty where there is no answer in time."""
        try:
            async with asyncio.timeout(self._deadline_s):
                return await self._cosines(question, [text[:_LONGEST_TEXT] for text in texts])
        except TimeoutError:
            _LOG.warning("embedding_late", deadline_s=self._deadline_s)
        except ModelError as error:
            _LOG.warning("embedding_failed", reason=str(error))
        return ()

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _cosines(self, question: str, texts: list[str]) -> list[float]:
        keys = [(self._name, hashlib.sha256(text.encode()).hexdigest()) for text in texts]
        known = {key: self._kept[key] for key in keys if key in self._kept}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        asked, *found = await self._vectors([question, *new.values()])
        known |= dict(zip(new, found, strict=True))
        if any(len(vector) != len(asked) for vector in known.values()):
            self._kept.clear()  # another model answers under this name now
            raise ModelError("vectors of different lengths")
        if len(self._kept) + len(new) > _KEPT:
            self._kept.clear()
        self._kept |= known
        return [_product(asked, known[key]) for key in keys]

    async def _vectors(self, texts: list[str]) -> list[Vector]:
        body = {"model": self._name, "input": texts, "encoding_format": "float"}
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as reply:
                if reply.status != 200:
                    raise ModelError(f"status {reply.status}")
                return _read(await limited(reply, _LONGEST_REPLY), len(texts))
        except TimeoutError:
            raise
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            raise ModelError(f"{type(error).__name__}: {error}") from error


def _read(body: bytes, count: int) -> list[Vector]:
    """Unit vectors in the order of the texts."""
    try:
        rows = {row["index"]: row["embedding"] for row in json.loads(body)["data"]}
        vectors = [_unit([float(number) for number in rows[place]]) for place in range(count)]
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise ModelError("not embeddings") from error
    return vectors


def _unit(numbers: list[float]) -> Vector:
    length = math.hypot(*numbers)
    if not length or not math.isfinite(length):
        raise ValueError("no direction")
    return tuple(number / length for number in numbers)


def _product(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
