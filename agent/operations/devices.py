"""Taking a server out of the pool of an L4 device and putting it back, over HTTP.

Owns: drain_device. The agent's only home of httpx. What is called, with which words and which
token, is in the agent's own settings (``agent/devices.py``); no address, path or token of a
device is ever in a result, a value or a line.
"""

from __future__ import annotations

import json
import ssl
from asyncio import sleep
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httpx

from agent.devices import (
    Device,
    Json,
    Look,
    PointerMissing,
    Pool,
    TokenMissing,
    as_word,
    at_pointer,
    in_body,
    in_path,
    in_text,
    values_of,
)
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.output import clean
from agent.wire.operations import DrainDevice
from agent.wire.results import Done

_ANSWER_LIMIT = 4 << 20  # bytes
_LINES = 20
_READ_BACKS = 5  # devices take a moment until they say what they were told
_READ_BACK_PAUSE_S = 1.0


async def drain(context: StepContext, operation: DrainDevice) -> Done:
    """Tell the device; where the settings have a ``look``, believe it only when it says so.

    Where they have a ``pool``, the last member that serves is never taken out; without one that
    cannot be checked. Steps at one device never overlap (see the executor), so that two of them
    cannot both be the last but one.

    Raises:
        OperationFailed: ``device_unknown``, ``device_token_missing``, ``device_unreachable``,
            ``device_refused``, ``device_answer_invalid``, ``device_unchanged``,
            ``member_missing``, ``last_member``.
    """
    async with _line(context, operation) as line:
        if line.device.look is not None and await line.state(line.device.look) == line.wished:
            return Done(note=f"already_{operation.state}")
        if line.device.pool is not None and operation.state == "down":
            await line.require_others(line.device.pool)
        await line.change()
        await line.settle()
    return Done(note="" if line.device.look is not None else "not_read_back")


async def is_drained(context: StepContext, operation: DrainDevice) -> Verified:
    """What the device says, where it can be asked; telling it again is harmless."""
    async with _line(context, operation) as line:
        look = line.device.look
        if look is not None and await line.state(look) == line.wished:
            return Verified.DONE
    return Verified.NOT_DONE


@asynccontextmanager
async def _line(context: StepContext, operation: DrainDevice) -> AsyncIterator[_Line]:
    device = context.devices.get(operation.device)
    if device is None:
        raise OperationFailed("device_unknown", device=operation.device)
    try:
        token = device.token()
    except TokenMissing as error:
        raise OperationFailed("device_token_missing", device=operation.device) from error
    async with httpx.AsyncClient(
        base_url=device.url,
        headers={} if token is None else {device.token_header: token},
        verify=ssl.create_default_context(cafile=device.ca_file),
        timeout=device.timeout_s,
        follow_redirects=False,  # a redirect would carry the token elsewhere
        trust_env=False,  # neither proxies nor ~/.netrc
    ) as client:
        yield _Line(client, device, operation, token=token)


class _Line:
    """One device on the phone."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        device: Device,
        operation: DrainDevice,
        *,
        token: str | None,
    ) -> None:
        self.device = device
        self._client = client
        self._operation = operation
        self._token = token
        self._values = values_of(operation.member, device.words.of(operation.state))

    @property
    def wished(self) -> str:
        """The word that the device shall answer with."""
        look = self.device.look
        return (look.words if look else self.device.words).of(self._operation.state)

    async def change(self) -> None:
        change = self.device.change
        headers, body = {}, None
        if change.body is not None:
            body = in_body(change.body, self._values).encode()
            headers["Content-Type"] = "application/json"
        await self._call(
            change.method, change.path, body=body, headers=headers, expected=change.expect
        )

    async def settle(self) -> None:
        """Wait until the device says what it was told; without a ``look`` there is no knowing."""
        look = self.device.look
        if look is None:
            return
        found = ""
        for attempt in range(_READ_BACKS):
            if attempt:
                await sleep(_READ_BACK_PAUSE_S)
            found = await self.state(look)
            if found == self.wished:
                return
        raise self._failed("device_unchanged", expected=self.wished, found=found)

    async def state(self, look: Look) -> str:
        return as_word(self._part(await self._get(look.path), look.pointer))

    async def require_others(self, pool: Pool) -> None:
        """Somebody else in the pool must serve."""
        found = self._part(await self._get(pool.path), pool.members)
        members = list(found.values()) if isinstance(found, dict) else found
        if not isinstance(members, list):
            raise self._failed("device_answer_invalid")
        own = in_text(pool.member, self._values)
        states = [
            (as_word(self._part(member, pool.name)), as_word(self._part(member, pool.state)))
            for member in members
        ]
        if own not in [name for name, _ in states]:
            raise self._failed("member_missing", member=self._operation.member)
        if not any(name != own and state in pool.up for name, state in states):
            raise self._failed("last_member", member=self._operation.member)

    def _part(self, value: Json, pointer: str) -> Json:
        try:
            return at_pointer(value, pointer)
        except PointerMissing as error:
            raise self._failed("device_answer_invalid", detail=pointer) from error

    async def _get(self, path: str) -> Json:
        body = await self._call("GET", path, expected=(200,))
        try:
            return cast(Json, json.loads(body))
        except ValueError as error:
            raise self._failed("device_answer_invalid") from error

    async def _call(
        self,
        method: str,
        path: str,
        *,
        expected: tuple[int, ...],
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> bytes:
        try:
            async with self._client.stream(
                method, in_path(path, self._values), content=body, headers=headers
            ) as answer:
                said = bytearray()
                async for piece in answer.aiter_bytes():
                    said += piece
                    if len(said) > _ANSWER_LIMIT:
                        raise self._failed("device_answer_invalid")
        except (httpx.HTTPError, ssl.SSLError) as error:
            # The class only: a message of httpx quotes the address.
            raise self._failed("device_unreachable", detail=type(error).__name__) from error
        if answer.status_code not in expected:
            status = str(answer.status_code)
            raise self._failed("device_refused", status=status, lines=self._lines(bytes(said)))
        return bytes(said)

    def _lines(self, said: bytes) -> tuple[str, ...]:
        """What the device answered, without the token, should it repeat what it was sent."""
        text = clean(said[:_ANSWER_LIMIT], "utf-8")
        for secret in filter(None, (self._token, (self._token or "").split(" ")[-1])):
            text = text.replace(secret, "***")
        return tuple(line for line in text.splitlines() if line.strip())[:_LINES]

    def _failed(self, code: str, *, lines: tuple[str, ...] = (), **values: str) -> OperationFailed:
        return OperationFailed(
            code, lines=lines, result=None, device=self._operation.device, **values
        )
