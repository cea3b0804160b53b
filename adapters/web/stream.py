"""The WebSocket on which a room's new and edited messages arrive.

Owns: the stream's protocol: hello with positions, ready, messages, beats. It reads the store from
the client's position whenever it is woken, and looks at session, person and membership each time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from adapters.web.gate import SECURITY_HEADERS
from adapters.web.hub import Hub, Listener
from adapters.web.outbound import message_json, visible_to
from bot.core.domain.people import Actor
from bot.core.room_ports import RoomStore

BEAT_S = 15.0  # the page calls a stream dead after 40 s of silence
HELLO_S = 10.0
SEND_S = (
    20.0  # a reader that takes nothing for this long is let go; it comes back with its position
)
PAGE = 200
SIGNED_OUT = 4401
BAD_HELLO = 4400

Identify = Callable[[], Awaitable[Actor | None]]


@dataclass(slots=True)
class _Reader:
    """One client: how to reach it and how far it has read, by room."""

    socket: web.WebSocketResponse
    positions: dict[str, int]

    async def send(self, frame: dict[str, object]) -> None:
        async with asyncio.timeout(SEND_S):
            await self.socket.send_str(json.dumps(frame, ensure_ascii=False))


class Stream:
    """GET /api/stream"""

    def __init__(self, rooms: RoomStore, hub: Hub) -> None:
        self._rooms = rooms
        self._hub = hub

    async def serve(self, request: web.Request, identify: Identify) -> web.WebSocketResponse:
        """Serve one client until it leaves, signs out, or stops reading."""
        socket = web.WebSocketResponse(heartbeat=20.0, max_msg_size=64 * 1024, compress=False)
        socket.headers.update(SECURITY_HEADERS)
        await socket.prepare(request)
        positions = await _hello(socket)
        if positions is None:
            await socket.close(code=BAD_HELLO)
            return socket
        reader = _Reader(socket, positions)
        with self._hub.listen() as listener, suppress(TimeoutError, ConnectionError):
            leaving = asyncio.create_task(_until_left(socket, listener))
            try:
                await self._pump(reader, listener, identify)
            finally:
                leaving.cancel()
        await socket.close()
        return socket

    async def _pump(self, reader: _Reader, listener: Listener, identify: Identify) -> None:
        due: Collection[str] | None = None  # None: every room
        greeted = False
        while not listener.closing:
            person = await identify()
            if person is None:
                await reader.socket.close(code=SIGNED_OUT)
                return
            for room in await self._rooms.rooms(person.person_id):
                if due is None or room.room_id in due:
                    await self._catch_up(reader, room.room_id, person.person_id)
            if not greeted:
                greeted = True
                await reader.send({"type": "ready", "positions": dict(reader.positions)})
            # Silence reads every room once: another process may have written to the same store.
            due = await listener.wait(BEAT_S) or None
            if due is None and not listener.closing:
                await reader.send({"type": "beat"})

    async def _catch_up(self, reader: _Reader, room: str, person_id: str) -> None:
        while True:
            position = reader.positions.get(room, 0)
            page = await self._rooms.since(room, position, PAGE)
            for message in page:
                if visible_to(message, person_id):
                    await reader.send(message_json(message))
                reader.positions[room] = message.position
            if len(page) < PAGE:
                return


async def _hello(socket: web.WebSocketResponse) -> dict[str, int] | None:
    try:
        async with asyncio.timeout(HELLO_S):
            first = await socket.receive()
    except TimeoutError:
        return None
    if first.type is not WSMsgType.TEXT:
        return None
    try:
        frame = json.loads(first.data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, dict) or frame.get("type") != "hello":
        return None
    positions = frame.get("positions", {})
    if not isinstance(positions, dict):
        return None
    return {str(room): at for room, at in positions.items() if isinstance(at, int) and at >= 0}


async def _until_left(socket: web.WebSocketResponse, listener: Listener) -> None:
    # What a client says after its hello means nothing; reading it answers pings and sees it leave.
    async for _ in socket:
        pass
    listener.close()
