"""A model at an address: only inside the site, and only at the address that was checked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from bot.core.errors import ConfigurationError
from intents.endpoint import (
    EndpointModel,
    EndpointOptions,
    PrivateAddress,
    is_private,
    open_endpoint,
)
from intents.fewshot import load_prompt
from intents.grammar import answer_schema
from intents.model import ModelError, ModelLimits, ModelProposer
from tests.fakes.model import HEALTH, uttered

Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]
PROMPT = load_prompt(1)
MESSAGES = PROMPT.asking("살아 있나")


def completion(content: object) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content}, "finish_reason": "stop"}]}


@asynccontextmanager
async def serving(answer: Answering, **options: Any) -> AsyncIterator[EndpointModel]:
    async with listening(answer) as runner:
        model = await open_endpoint(EndpointOptions(url=url_of(runner), **options))
        try:
            yield model
        finally:
            await model.close()


@asynccontextmanager
async def listening(answer: Answering) -> AsyncIterator[web.AppRunner]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner
    finally:
        await runner.cleanup()


def url_of(runner: web.AppRunner) -> str:
    return f"http://127.0.0.1:{runner.addresses[0][1]}/v1"


def saying(content: object, seen: list[Any] | None = None) -> Answering:
    async def answer(request: web.Request) -> web.Response:
        if seen is not None:
            seen.append((await request.json(), request.headers.get("Authorization")))
        return web.json_response(completion(content))

    return answer


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.5",
        "172.16.0.1",
        "172.31.255.1",
        "192.168.9.9",
        "::1",
        "fc00::1",
        "fdff::1",
        "::ffff:10.0.0.5",
    ],
)
def test_knows_a_private_address(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "172.15.0.1",
        "172.32.0.1",
        "192.169.0.1",
        "11.0.0.1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "100.64.0.1",
        "fe80::1%eth0",
        "2001:db8::5",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:5",
        "224.0.0.1",
        "255.255.255.255",
    ],
)
def test_takes_no_other_address_for_private(address: str) -> None:
    assert not is_private(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/v1",
        "https://[2001:db8::5]/v1",
        "http://169.254.169.254/v1",
        "http://134744072/v1",
        "http://0x8.0x8.0x8.0x8/v1",
        "http://0.0.0.0:11434/v1",
    ],
)
async def test_refuses_a_public_address_at_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await open_endpoint(EndpointOptions(url=url))
    assert refused.value.code == "model_address"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "10.0.0.5:8080/v1",
        "file:///etc/passwd",
        "ftp://10.0.0.5/",
        "http://",
        "http:///v1",
        "http://user:pw@10.0.0.5/v1",
        "http://10.0.0.5/v1?x=1",
        "http://10.0.0.5:99999/v1",
        "http://10.0.0.5/v1#x",
        "http://name.invalid/v1",
    ],
)
async def test_refuses_what_is_no_address_of_a_model(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await open_endpoint(EndpointOptions(url=url))
    assert refused.value.code == "model_url"


async def test_asks_with_the_schema_and_the_whole_prompt() -> None:
    seen: list[Any] = []
    async with serving(saying(HEALTH, seen), api_key=SecretStr("k"), name="solar") as model:
        await model.start(PROMPT)
        assert await model.complete(MESSAGES, attempt=0) == HEALTH
        await model.complete(MESSAGES, attempt=1)
    (warming, key), (body, _), (again, _) = seen
    assert key == "Bearer k"
    assert warming["messages"][:-1] == body["messages"][:-1]
    assert body["messages"] == MESSAGES
    assert body["model"] == "solar"
    assert body["response_format"]["json_schema"]["schema"] == answer_schema()
    assert body["temperature"] == 0 < again["temperature"]


async def test_goes_to_the_address_that_was_checked_whatever_the_name_says_later() -> None:
    async with listening(saying(HEALTH)) as runner:
        url = URL(url_of(runner)).with_host("model.example.invalid")
        model = EndpointModel(EndpointOptions(url=str(url)), PrivateAddress(url, ("127.0.0.1",)))
        try:
            assert await model.complete(MESSAGES, attempt=0) == HEALTH
        finally:
            await model.close()


async def test_follows_no_redirect() -> None:
    visited: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        visited.append(request.path)
        raise web.HTTPTemporaryRedirect("/v1/chat/completions?again")

    async with serving(elsewhere) as model:
        with pytest.raises(ModelError, match="status 307"):
            await model.complete(MESSAGES, attempt=0)
    assert len(visited) == 1


async def test_uses_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with serving(saying(HEALTH)) as model:
        assert await model.complete(MESSAGES, attempt=0) == HEALTH


def body_of(body: bytes, status: int = 200) -> Answering:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, content_type="application/json")

    return answer


@pytest.mark.parametrize(
    "answer",
    [
        body_of(b"garbage"),
        body_of(b"[]"),
        body_of(b"{}"),
        body_of(b'{"choices": []}'),
        body_of(b'{"choices": [1]}'),
        body_of(b"\xff\xfe"),
        body_of(b'{"error": "no such model"}', status=404),
        body_of(b"x" * 1_000_000),
        body_of(json.dumps(completion(None)).encode()),
        body_of(json.dumps(completion([1])).encode()),
        body_of(json.dumps(completion("네, 재기동했습니다")).encode()),
    ],
)
async def test_nonsense_proposes_nothing(answer: Answering) -> None:
    answers = [saying(HEALTH)]

    async def first_good(request: web.Request) -> web.StreamResponse:
        return await (answers.pop() if answers else answer)(request)

    async with serving(first_good) as model:
        proposer = ModelProposer(model, PROMPT, ModelLimits())
        await proposer.start()
        assert await proposer.propose(uttered("살아 있나")) is None


async def test_a_server_that_goes_away_proposes_nothing() -> None:
    async with listening(saying(HEALTH)) as runner:
        model = await open_endpoint(EndpointOptions(url=url_of(runner)))
        proposer = ModelProposer(model, PROMPT, ModelLimits())
        await proposer.start()
        assert await proposer.propose(uttered("살아 있나")) is not None
    assert await proposer.propose(uttered("살아 있나")) is None
    await model.close()


async def test_the_deadline_closes_the_connection() -> None:
    gone = asyncio.Event()
    first = True

    async def hanging(request: web.Request) -> web.Response:
        nonlocal first
        if first:
            first = False
            return web.json_response(completion(HEALTH))
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    async with serving(hanging) as model:
        proposer = ModelProposer(model, PROMPT, ModelLimits(deadline_s=0.2))
        await proposer.start()
        assert await proposer.propose(uttered("살아 있나")) is None
        await asyncio.wait_for(gone.wait(), 10)
