"""In-memory MessengerMemory and IdentityLinks.

Owns: what adapters are tested on instead of a database. ``tests/contract/stores`` holds them to
the same sentences as the SQL stores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from bot.core.domain.people import ExternalId
from bot.core.errors import UserError
from bot.core.linking import MOST_WRONG, PAUSE, still_count
from tests.fakes.estate_stores import MemoryDirectory


class MemoryMessengerMemory:
    """MessengerMemory. Values go through JSON, as they do in a database."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], tuple[str, datetime]] = {}

    async def keep(
        self, adapter: str, key: str, value: Mapping[str, object], *, at: datetime
    ) -> Mapping[str, object]:
        text, _ = self._kept.setdefault((adapter, key), (json.dumps(value), at))
        return dict(json.loads(text))

    async def replace(
        self, adapter: str, key: str, value: Mapping[str, object], *, at: datetime
    ) -> None:
        self._kept[adapter, key] = (json.dumps(value), at)

    async def recall(self, adapter: str, key: str) -> Mapping[str, object] | None:
        kept = self._kept.get((adapter, key))
        return None if kept is None else dict(json.loads(kept[0]))

    async def forget(self, adapter: str, *, before: datetime) -> None:
        old = [at for at, (_, when) in self._kept.items() if at[0] == adapter and when < before]
        for at in old:
            del self._kept[at]


class MemoryIdentityLinks:
    """IdentityLinks, mapping into a directory."""

    def __init__(self, directory: MemoryDirectory) -> None:
        self._directory = directory
        self._codes: dict[str, tuple[str, datetime]] = {}
        self._wrong: dict[ExternalId, list[datetime]] = {}

    async def issue(self, person_id: str, code_digest: str, *, until: datetime) -> None:
        self._codes[person_id] = (code_digest, until)

    async def redeem(self, code_digest: str, external: ExternalId, *, now: datetime) -> str | None:
        wrong = still_count(self._wrong.get(external, ()), now=now)
        paused = len(wrong) >= MOST_WRONG
        person_id = None if paused else self._linked(code_digest, external, now=now)
        await self.void(code_digest)
        if person_id is not None or self._owners(external):
            self._wrong[external] = []
        elif not paused:
            self._wrong[external] = [*wrong, now]
        if paused:
            raise UserError("link_paused", minutes=int(PAUSE.total_seconds() // 60))
        return person_id

    async def void(self, code_digest: str) -> None:
        kept = {who: code for who, code in self._codes.items() if code[0] != code_digest}
        self._codes = kept

    def _linked(self, code_digest: str, external: ExternalId, *, now: datetime) -> str | None:
        for person_id, (digest, until) in self._codes.items():
            if digest == code_digest and now < until:
                return self._take(person_id, external)
        return None

    def _owners(self, external: ExternalId) -> set[str]:
        listed = [replace(external, tenant=tenant) for tenant in external.tenants]
        known = self._directory.externals
        return {known[one] for one in listed if one in known}

    def _take(self, person_id: str, external: ExternalId) -> str | None:
        if not external.tenants or self._owners(external) - {person_id}:
            return None
        if person_id not in self._directory.everybody:
            return None
        self._directory.externals[external] = person_id
        return person_id
