"""In-memory stores for the web room: rooms, files, people, sign-in codes, and a clock.

Owns: nothing that lasts. They keep the promises of bot/core/ports.py and no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.domain.artifact import Artifact
from bot.core.domain.conversation import ReceivedFile
from bot.core.domain.decision import Rule
from bot.core.domain.people import Actor, ExternalId, Role
from bot.core.domain.room import Room, RoomMessage
from bot.core.errors import OperationError, UserError


class MemoryRooms:
    """RoomStore: one growing position over all rooms."""

    def __init__(self, rooms: Sequence[Room]) -> None:
        self.all = list(rooms)
        self.messages: dict[str, RoomMessage] = {}
        self._keys: dict[str, str] = {}
        self._bodies: dict[str, list[Mapping[str, object]]] = {}
        self._position = 0

    async def rooms(self, person_id: str) -> tuple[Room, ...]:
        return tuple(room for room in self.all if person_id in room.members)

    async def put(self, message: RoomMessage, *, key: str) -> RoomMessage:
        if key in self._keys:
            return self.messages[self._keys[key]]
        self._keys[key] = message.message_id
        return self._store(replace(message, revision=1))

    async def edit(self, message_id: str, body: Mapping[str, object]) -> RoomMessage:
        if message_id not in self.messages:
            raise OperationError("message_missing")
        old = self.messages[message_id]
        return self._store(replace(old, body=dict(body), revision=old.revision + 1))

    async def since(self, room: str, position: int, limit: int) -> tuple[RoomMessage, ...]:
        newer = [m for m in self.messages.values() if m.room == room and m.position > position]
        return tuple(sorted(newer, key=lambda m: m.position)[:limit])

    async def find(self, message_id: str) -> RoomMessage | None:
        return self.messages.get(message_id)

    def _store(self, message: RoomMessage) -> RoomMessage:
        self._position += 1
        stored = replace(message, position=self._position)
        self.messages[message.message_id] = stored
        self._bodies.setdefault(message.message_id, []).append(stored.body)
        return stored

    def history(self, message_id: str) -> list[Mapping[str, object]]:
        """Every body that message has ever had."""
        return self._bodies.get(message_id, [])


class MemoryFiles:
    """FileStore that keeps only what is received."""

    def __init__(self, *, max_bytes: int = 1 << 30) -> None:
        self.contents: dict[str, bytes] = {}
        self._max_bytes = max_bytes

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> ReceivedFile:
        content = bytearray()
        async for chunk in chunks:
            content += chunk
            if len(content) > self._max_bytes:
                raise UserError("file_too_large", name=name)
        if not content:
            raise UserError("file_empty", name=name)
        digest = hashlib.sha256(content).hexdigest()
        self.contents[digest] = bytes(content)
        return ReceivedFile(digest=digest, name=name, size=len(content))

    async def open_artifact(self, files: Sequence[ReceivedFile]) -> Artifact:
        raise NotImplementedError

    async def read(self, digest: str, offset: int, length: int) -> bytes:
        if digest not in self.contents:
            raise OperationError("file_missing")
        return self.contents[digest][offset : offset + length]

    async def remember_entry(self, path: Path) -> str:
        raise NotImplementedError


class MemoryDirectory:
    """Directory over a list of people."""

    def __init__(self, people: Sequence[Actor]) -> None:
        self.by_id = {person.person_id: person for person in people}

    async def find(self, external: ExternalId) -> Actor | None:
        return self.by_id.get(external.user_id)

    async def person(self, person_id: str) -> Actor | None:
        return self.by_id.get(person_id)

    async def people(self) -> tuple[Actor, ...]:
        return tuple(self.by_id.values())

    async def rules(self) -> tuple[Rule, ...]:
        return ()


class MemorySignIn:
    """SignInStore: a code works once and until its time."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[str, datetime]] = {}

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        self._codes = {d: row for d, row in self._codes.items() if row[0] != person_id}
        self._codes[code_digest] = (person_id, until)

    async def redeem(self, code_digest: str, *, now: datetime) -> str | None:
        person_id, until = self._codes.pop(code_digest, ("", now))
        return person_id if now < until else None


class TickingClock:
    """The real present unless a test sets it; ``advance`` moves it."""

    def __init__(self, start: datetime | None = None) -> None:
        self._fixed = start
        self._ahead = timedelta()

    def now(self) -> datetime:
        return (self._fixed or datetime.now(UTC)) + self._ahead

    def advance(self, step: timedelta) -> None:
        self._ahead += step


def sample_people() -> tuple[Actor, ...]:
    """One person of each role, and an outsider to the room."""
    moef = frozenset({"기획재정부"})
    return (
        Actor(person_id="u015", name="김개발", role=Role.DEVELOPER, institutions=moef),
        Actor(
            person_id="u010",
            name="이운영",
            role=Role.OPERATOR,
            institutions=frozenset(
                {"과학기술정보통신부", "국토교통부", "기획재정부", "행정안전부"}
            ),
        ),
        Actor(person_id="u016", name="박파트장", role=Role.PART_LEADER, institutions=moef),
        Actor(person_id="u013", name="최피엠", role=Role.PM, all_institutions=True),
        Actor(
            person_id="u099",
            name="정외부",
            role=Role.DEVELOPER,
            institutions=frozenset({"외교부"}),
        ),
    )


def sample_rooms() -> tuple[Room, ...]:
    """The room of issue 2 and a second one."""
    everybody = ("u015", "u010", "u016", "u013")
    return (
        Room(room_id="moef-budget", name="기재부 예산시스템 운영", members=everybody),
        Room(room_id="moef-treasury", name="기재부 국고시스템 운영", members=("u010", "u013")),
    )
