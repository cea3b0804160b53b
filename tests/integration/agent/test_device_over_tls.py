"""An L4 device behind https://: the site's own authority counts, and nobody else's."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from agent.devices import Device
from agent.operations import devices
from agent.operations.context import OperationFailed, StepContext
from agent.wire.operations import DrainDevice
from tests.fakes.agent import FakeNode, a_context, a_target
from tests.integration.link import test_tls

authority = test_tls.authority  # the fixture: the authority's file, and the server's side
DOWN = DrainDevice(device="l4", member="10.0.0.1:8080", state="down")


class Heard:
    def __init__(self) -> None:
        self.port = 0
        self.tokens: list[str | None] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers.get("Authorization"))
        return web.Response(status=204)


@pytest.fixture
async def device(authority: tuple[Path, ssl.SSLContext]) -> AsyncIterator[Heard]:
    heard = Heard()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", heard.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority[1]).start()
    heard.port = runner.addresses[0][1]
    yield heard
    await runner.cleanup()


def context_of(tmp_path: Path, port: int, **more: object) -> StepContext:
    (tmp_path / "token").write_text("t0ken")
    values = {
        "url": f"https://127.0.0.1:{port}",
        "token_file": tmp_path / "token",
        "token_prefix": "Bearer ",
        "change": {"path": "/{member}"},
    }
    made = Device.model_validate({**values, **more})
    return replace(a_context(a_target(tmp_path), FakeNode()), devices={"l4": made})


async def test_a_device_of_the_sites_own_authority_is_told(
    device: Heard, authority: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    context = context_of(tmp_path, device.port, ca_file=authority[0])
    assert (await devices.drain(context, DOWN)).note == "not_read_back"
    assert device.tokens == ["Bearer t0ken"]


async def test_a_device_of_another_authority_never_sees_the_token(
    device: Heard, tmp_path: Path
) -> None:
    other, _, _ = test_tls.write_authority(tmp_path, "other")
    for more in ({}, {"ca_file": other}):
        context = context_of(tmp_path, device.port, **more)
        with pytest.raises(OperationFailed) as failed:
            await devices.drain(context, DOWN)
        assert failed.value.code == "device_unreachable"
        assert "127.0.0.1" not in str(failed.value.values)
    assert device.tokens == []
