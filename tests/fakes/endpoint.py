"""An OpenAI-compatible server on loopback that says what a test tells it to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Says = Callable[[dict[str, Any]], str]


@asynccontextmanager
async def model_server(says: Says) -> AsyncIterator[str]:
    """Its address, as ``[model] url``. ``says`` gets the body of a request."""

    async def answer(request: web.Request) -> web.Response:
        content = says(await request.json())
        choice = {"message": {"content": content}, "finish_reason": "stop"}
        return web.json_response({"choices": [choice]})

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()
