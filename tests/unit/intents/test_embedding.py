"""Guides in order of meaning: the model orders what fits, and its absence changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from bot.core.domain.estate import Vocabulary
from bot.core.domain.guide import Guide
from bot.core.domain.intent import Selector
from bot.core.errors import ConfigurationError
from intents.embedding import EndpointEmbedding, open_embedding
from intents.endpoint import EndpointOptions
from intents.guides import GuideFinder

FIRST = Guide(guide_id="first", title="VPN 접속", institution=None, text="VPN VPN 신청")
SECOND = Guide(guide_id="second", title="VPN 인증", institution=None, text="번호를 입력한다.")
THIRD = Guide(guide_id="third", title="VPN 회수 절차", institution=None, text="담당자가 회수한다.")
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(answer: Answering, deadline_s: float = 20) -> AsyncIterator[EndpointEmbedding]:
    app = web.Application()
    app.router.add_post("/v1/embeddings", answer)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    embedding = await open_embedding(EndpointOptions(url=url), deadline_s=deadline_s)
    try:
        yield embedding
    finally:
        await embedding.close()
        await runner.cleanup()


async def order(embedding: EndpointEmbedding | None) -> list[str]:
    found = await asyncio.to_thread(
        GuideFinder(embedding).search,
        "VPN",
        [FIRST, SECOND, THIRD],
        vocabulary=Vocabulary(),
        about=Selector(),
    )
    return [passage.guide.guide_id for passage in found.passages]


def rows(vectors: list[Any]) -> web.Response:
    data = [{"index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return web.json_response({"data": data[::-1]})


async def test_orders_by_meaning_and_asks_for_a_guide_once() -> None:
    plain, seen = await order(None), list[int]()
    texts = {guide.guide_id: guide.text for guide in (FIRST, SECOND, THIRD)}
    nearest = texts[plain[1]]

    async def answer(request: web.Request) -> web.Response:
        asked = (await request.json())["input"]
        seen.append(len(asked))
        return rows([[1, 0] if text in ("VPN", nearest) else [0, 1] for text in asked])

    async with serving(answer) as embedding:
        first, again = await order(embedding), await order(embedding)
        near = await embedding.near("VPN", [texts[name] for name in plain])
    assert near == [0.0, 1.0, 0.0]
    assert first == again
    assert sorted(first) == sorted(plain)
    assert seen == [4, 1, 1]


@pytest.mark.parametrize(
    "body",
    [
        *("{", "[]", '{"data": []}', '{"data": [{"index": 0, "embedding": ["x"]}]}', "null"),
        '{"data": [{"index": 0, "embedding": [0, 0]}]}',
        '{"data": [' + ",".join(f'{{"index": {n}, "embedding": [NaN]}}' for n in range(4)) + "]}",
    ],
)
async def test_nonsense_leaves_the_order_of_the_words(body: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with serving(answer) as embedding:
        assert await order(embedding) == await order(None)


async def test_vectors_of_two_lengths_leave_the_order_of_the_words() -> None:
    async def answer(request: web.Request) -> web.Response:
        return rows([[1.0], [1.0, 0.0], [1.0], [1.0]])

    async with serving(answer) as embedding:
        assert await order(embedding) == await order(None)


async def test_a_slow_server_leaves_the_order_of_the_words() -> None:
    async def answer(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(answer, deadline_s=0.2) as embedding:
        assert await order(embedding) == await order(None)


async def test_a_server_that_is_away_leaves_the_order_of_the_words() -> None:
    options = EndpointOptions(url="http://127.0.0.1:9/v1")
    embedding = await open_embedding(options, deadline_s=20)
    assert await order(embedding) == await order(None)
    await embedding.close()


async def test_a_public_address_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        await open_embedding(EndpointOptions(url="http://8.8.8.8/v1"), deadline_s=3)
    assert refused.value.code == "model_address"
