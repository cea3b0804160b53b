"""L4 devices: templates that expand nothing but their four words, and calls that are believed
only as far as the settings allow."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from agent.devices import Device, PointerMissing, as_word, at_pointer, in_body, in_path, values_of
from agent.operations import devices
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.wire.operations import DrainDevice
from tests.fakes.agent import FakeNode, a_context, a_target

TOKEN = "s3cret-token-of-the-device"
MEMBERS = ("10.0.0.1:8080", "10.0.0.2:8080")
CHANGE = {"path": "/pool/{host}:{port}", "body": '{"state": "{state}", "port": {port}}'}
LOOK = {
    "path": "/pool/{member}",
    "pointer": "/member/0/state",
    "words": {"down": "disabled", "up": "enabled"},
}
POOL = {
    "path": "/pool",
    "members": "/members",
    "name": "/name",
    "state": "/on",
    "up": ["true"],
}


class FakeDevice:
    """An L4 device with a pool of two. ``deaf``: it says yes and does nothing."""

    def __init__(self) -> None:
        self.states = dict.fromkeys(MEMBERS, "enable")
        self.heard: list[tuple[str, str, str | None, Any]] = []
        self.status = 200
        self.deaf = False
        self.says: str | None = None
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.text()
        token = request.headers.get("X-Token")
        self.heard.append(
            (request.method, request.raw_path, token, json.loads(body) if body else None)
        )
        if self.says is not None:
            return web.Response(status=self.status, text=self.says)
        if request.method == "PUT" and not self.deaf:
            self.states[request.path.removeprefix("/pool/")] = json.loads(body)["state"]
        if request.path == "/pool":
            members = [{"name": name, "on": state == "enable"} for name, state in self._all()]
            return web.json_response({"members": members})
        state = self.states.get(request.path.removeprefix("/pool/"), "")
        return web.json_response({"member": [{"state": f"{state}d"}]}, status=self.status)

    def _all(self) -> list[tuple[str, str]]:
        return sorted(self.states.items())


@pytest.fixture
async def device() -> AsyncIterator[FakeDevice]:
    fake = FakeDevice()
    app = web.Application()
    app.router.add_route("*", "/{anything:.*}", fake.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


def settings_of(url: str, tmp_path: Path, /, **more: object) -> Device:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    values: dict[str, object] = {
        "url": url,
        "plain_http": True,
        "token_file": tmp_path / "token",
        "token_header": "X-Token",
        "timeout_s": 5,
        "words": {"down": "disable", "up": "enable"},
        "change": CHANGE,
    }
    return Device.model_validate({**values, **more})


def context_of(tmp_path: Path, device: Device) -> StepContext:
    return replace(a_context(a_target(tmp_path), FakeNode()), devices={"l4": device})


def down(member: str = MEMBERS[0]) -> DrainDevice:
    return DrainDevice(device="l4", member=member, state="down")


async def failure(awaitable: Awaitable[object]) -> OperationFailed:
    with pytest.raises(OperationFailed) as failed:
        await awaitable
    said = f"{failed.value.values} {failed.value.lines}"
    assert TOKEN not in said
    assert "127.0.0.1" not in said
    return failed.value


async def test_a_member_goes_down_and_comes_back(device: FakeDevice, tmp_path: Path) -> None:
    context = context_of(tmp_path, settings_of(device.url, tmp_path, look=LOOK, pool=POOL))
    assert await devices.is_drained(context, down()) is Verified.NOT_DONE
    assert (await devices.drain(context, down())).note == ""
    call = ("PUT", "/pool/10.0.0.1:8080", TOKEN, {"state": "disable", "port": 8080})
    assert [heard for heard in device.heard if heard[0] == "PUT"] == [call]
    assert await devices.is_drained(context, down()) is Verified.DONE
    assert (await devices.drain(context, down())).note == "already_down"
    up = DrainDevice(device="l4", member=MEMBERS[0], state="up")
    assert (await devices.drain(context, up)).note == ""
    assert device.states == dict.fromkeys(MEMBERS, "enable")


async def test_without_a_read_back_the_answer_is_all_there_is(
    device: FakeDevice, tmp_path: Path
) -> None:
    context = context_of(tmp_path, settings_of(device.url, tmp_path))
    assert (await devices.drain(context, down())).note == "not_read_back"
    assert await devices.is_drained(context, down()) is Verified.NOT_DONE


async def test_the_last_member_that_serves_stays(device: FakeDevice, tmp_path: Path) -> None:
    context = context_of(tmp_path, settings_of(device.url, tmp_path, look=LOOK, pool=POOL))
    await devices.drain(context, down())
    assert (await failure(devices.drain(context, down(MEMBERS[1])))).code == "last_member"
    assert device.states[MEMBERS[1]] == "enable"


async def test_a_member_of_another_pool_is_named(device: FakeDevice, tmp_path: Path) -> None:
    context = context_of(tmp_path, settings_of(device.url, tmp_path, pool=POOL))
    assert (await failure(devices.drain(context, down("10.9.9.9:1")))).code == "member_missing"
    assert {heard[0] for heard in device.heard} == {"GET"}


async def test_a_device_that_says_yes_and_does_nothing_is_found_out(
    device: FakeDevice, tmp_path: Path
) -> None:
    device.deaf = True
    context = context_of(tmp_path, settings_of(device.url, tmp_path, look=LOOK))
    failed = await failure(devices.drain(context, down()))
    assert (failed.code, failed.values["found"]) == ("device_unchanged", "enabled")


async def test_a_refusal_is_shown_without_the_token(device: FakeDevice, tmp_path: Path) -> None:
    device.status, device.says = 401, f"bad token {TOKEN}\n\x1b[31mgo away"
    context = context_of(tmp_path, settings_of(device.url, tmp_path))
    failed = await failure(devices.drain(context, down()))
    assert (failed.code, failed.values["status"]) == ("device_refused", "401")
    assert failed.lines == ("bad token ***", "go away")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(device: FakeDevice, tmp_path: Path, status: int) -> None:
    device.status, device.says = status, "elsewhere"
    context = context_of(tmp_path, settings_of(device.url, tmp_path))
    assert (await failure(devices.drain(context, down()))).code == "device_refused"
    assert len(device.heard) == 1


@pytest.mark.parametrize("says", ["no json", "[]", '{"member": []}', '{"member": {"1": 1}}', ""])
async def test_an_answer_of_another_shape_is_told(
    device: FakeDevice, tmp_path: Path, says: str
) -> None:
    device.says = says
    context = context_of(tmp_path, settings_of(device.url, tmp_path, look=LOOK))
    assert (await failure(devices.drain(context, down()))).code == "device_answer_invalid"


async def test_a_device_that_is_not_there_is_told(tmp_path: Path) -> None:
    context = context_of(tmp_path, settings_of("http://127.0.0.1:9", tmp_path))
    assert (await failure(devices.drain(context, down()))).code == "device_unreachable"


async def test_a_device_that_nobody_knows_is_told(tmp_path: Path) -> None:
    context = context_of(tmp_path, settings_of("http://127.0.0.1:9", tmp_path))
    other = DrainDevice(device="l5", member=MEMBERS[0], state="down")
    assert (await failure(devices.drain(context, other))).code == "device_unknown"


async def test_a_token_that_has_gone_is_told_before_any_call(
    device: FakeDevice, tmp_path: Path
) -> None:
    context = context_of(tmp_path, settings_of(device.url, tmp_path))
    (tmp_path / "token").write_text("two\nlines\n")
    assert (await failure(devices.drain(context, down()))).code == "device_token_missing"
    (tmp_path / "token").unlink()
    assert (await failure(devices.drain(context, down()))).code == "device_token_missing"
    assert device.heard == []


# --- templates -------------------------------------------------------------------------------

NASTY = '{host}"/../?&#%\\\n한'


def test_paths_are_percent_encoded_and_expanded_once() -> None:
    path = in_path("/x/{state}/{member}", values_of("h:1", NASTY))
    assert path == "/x/%7Bhost%7D%22%2F..%2F%3F%26%23%25%5C%0A%ED%95%9C/h%3A1"


def test_bodies_are_escaped_and_expanded_once() -> None:
    body = in_body('{"a": "{state}", "b": {port}}', values_of("h:1", NASTY))
    assert json.loads(body) == {"a": NASTY, "b": 1}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": "/x/{node}"}, "{node}"),
        ({"path": "/x/{host.__class__}"}, "no placeholder"),
        ({"path": "x"}, "begins with /"),
        ({"path": "/x y"}, "begins with /"),
        ({"path": "/x#y"}, "begins with /"),
        ({"path": "/x", "body": '{"state": {state}}'}, "no JSON"),
        ({"path": "/x", "body": '{"state": "{token}"}'}, "{token}"),
        ({"path": "/x", "method": "CONNECT"}, "method"),
        ({"path": "/x", "expect": [404]}, "expect"),
        ({"path": "/x", "expect": []}, "expect"),
        ({"path": "/x", "headers": {}}, "headers"),
    ],
)
def test_a_template_that_does_not_hold_stops_the_start(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    with pytest.raises(ValidationError, match=said.replace("{", r"\{").replace("}", r"\}")):
        settings_of("https://l4.example", tmp_path, change=change)


@pytest.mark.parametrize(
    "bad",
    [
        {"url": "http://l4.example", "plain_http": False},
        {"url": "https://user:pw@l4.example"},
        {"url": "https://l4.example/api"},
        {"url": "ftp://l4.example"},
        {"token_env": "L4_TOKEN"},  # beside token_file
        {"token_file": None, "token_env": "GUARDIA_AGENT__TOKEN"},
        {"token_file": None, "token_env": "SURELY_NOT_SET_ANYWHERE"},
        {"token_file": "/nonexistent/token"},
        {"ca_file": "/nonexistent/ca.pem"},
        {"token": "in clear"},
        {"token_header": "X Token"},
    ],
)
def test_settings_that_do_not_hold_stop_the_start(tmp_path: Path, bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        settings_of("https://l4.example", tmp_path, **bad)


def test_json_values_may_be_words_of_their_own(tmp_path: Path) -> None:
    made = settings_of(
        "https://l4.example",
        tmp_path,
        words={"down": "false", "up": "true"},
        change={"path": "/x", "body": '{"enabled": {state}}'},
    )
    assert in_body(made.change.body or "", values_of("h:1", "false")) == '{"enabled": false}'


def test_pointers_reach_into_lists_and_odd_names() -> None:
    value = {"a/b": [{"~": None}, {"x": False}]}
    assert at_pointer(value, "/a~1b/0/~0") is None
    assert as_word(at_pointer(value, "/a~1b/1/x")) == "false"
    for missing in ("/a", "/a~1b/2", "/a~1b/-1", "/a~1b/01", "/a~1b/0/~0/x"):
        with pytest.raises(PointerMissing):
            at_pointer(value, missing)
