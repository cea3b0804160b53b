"""A model behind an OpenAI-compatible address inside the site: llama-server, vLLM, Ollama.

Owns: that no text ever leaves for a public address. The name is resolved once, every address it
has must be private, and the connection goes to those addresses and nowhere else: no redirect, no
proxy, no second look-up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
from dataclasses import dataclass, replace

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr
from yarl import URL

from bot.core.errors import ConfigurationError
from intents.fewshot import Message, Prompt
from intents.grammar import Form, intent_form
from intents.model import ModelError

_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
        *("::1/128", "fc00::/7"),
    )
)
_LONGEST_REPLY = 64 * 1024  # bytes
_START_S = 120.0  # the first request may have to load the model
_RETRY_TEMPERATURE = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """``url`` as ``http://10.0.0.5:8080/v1``; ``name`` is what the server calls the model."""

    url: str
    name: str = "local"
    api_key: SecretStr | None = None


async def open_endpoint(options: EndpointOptions) -> EndpointModel:
    """The model at that address.

    Raises:
        ConfigurationError: it is no such address, has none, or one that is public.
    """
    return EndpointModel(options, await private_address(options))


@dataclass(frozen=True, slots=True)
class PrivateAddress:
    """An address that was checked. ``private_address`` makes it."""

    url: URL
    addresses: tuple[str, ...]

    def session(self, options: EndpointOptions) -> aiohttp.ClientSession:
        """Connections to that address and to no other."""
        key = options.api_key
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=_Pinned(self.addresses), limit=2),
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=_START_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )


async def private_address(options: EndpointOptions) -> PrivateAddress:
    """Where to connect, looked up once.

    Raises:
        ConfigurationError: as ``open_endpoint``.
    """
    url = _checked(options.url)
    addresses = await _addresses(url)
    for address in addresses:
        if not is_private(address):
            raise ConfigurationError("model_address", url=options.url, address=address)
    return PrivateAddress(url, addresses)


def is_private(address: str) -> bool:
    """Whether an address is loopback or of a private network (not link-local, not shared)."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in _PRIVATE if network.version == parsed.version)


class EndpointModel:
    """``Model`` over HTTP. ``open_endpoint`` makes it."""

    def __init__(self, options: EndpointOptions, address: PrivateAddress) -> None:
        self._options = options
        self._url = address.url / "chat/completions"
        self._intent = intent_form()
        self._session = address.session(options)

    async def start(self, prompt: Prompt) -> None:
        """See ``Model``: one short question fills the server's prefix cache."""
        await self._ask(prompt.asking("."), replace(self._intent, tokens=1), temperature=0.0)

    async def complete(
        self, messages: list[Message], *, attempt: int, form: Form | None = None
    ) -> str:
        """See ``Model``. Cancelling closes the connection, at which the server stops."""
        temperature = _RETRY_TEMPERATURE if attempt else 0.0
        return await self._ask(messages, form or self._intent, temperature=temperature)

    async def close(self) -> None:
        """See ``Model``."""
        await self._session.close()

    async def _ask(self, messages: list[Message], form: Form, *, temperature: float) -> str:
        body: dict[str, object] = {
            "model": self._options.name,
            "messages": messages,
            "temperature": temperature,
            "max_tokens": form.tokens,
            "seed": 1,
            "stream": False,
        }
        if form.schema is not None:
            wanted = {"name": form.name, "strict": True, "schema": form.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as reply:
                if reply.status != 200:
                    raise ModelError(f"status {reply.status}")
                return _content(await limited(reply, _LONGEST_REPLY))
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # a timeout is an OSError
            raise ModelError(f"{type(error).__name__}: {error}") from error


class _Pinned(AbstractResolver):
    """Answers with the addresses that were checked at the start."""

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        return None


def _checked(text: str) -> URL:
    try:
        url = URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and url.port is not None
    except ValueError:
        usable = False
    if not usable or url.user or url.password or url.query_string or url.fragment:
        raise ConfigurationError("model_url", url=text)
    return url


async def _addresses(url: URL) -> tuple[str, ...]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigurationError("model_url", url=str(url)) from error
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


async def limited(reply: aiohttp.ClientResponse, longest: int) -> bytes:
    """The body, of that many bytes at most.

    Raises:
        ModelError: it is longer.
    """
    body = b""
    async for piece in reply.content.iter_chunked(8192):
        body += piece
        if len(body) > longest:
            raise ModelError("reply too long")
    return body


def _content(body: bytes) -> str:
    try:
        choice = json.loads(body)["choices"][0]
        if choice.get("finish_reason") not in ("stop", "length", None):
            raise ModelError(f"finish reason {choice['finish_reason']}")
        content = choice["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise ModelError("not a chat completion") from error
    return content if isinstance(content, str) else ""
