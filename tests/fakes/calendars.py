"""A CalendarStore and a SourceRepository in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.core.domain.artifact import Artifact
from bot.core.domain.calendar import Calendar, Freeze, Window
from bot.core.domain.estate import SystemEntry
from bot.core.errors import OperationError, UserError


class MemoryCalendar:
    """CalendarStore."""

    def __init__(self) -> None:
        self._freezes: dict[str, Freeze] = {}
        self._windows: dict[str, tuple[Window, ...]] = {}

    async def calendar(self, system: SystemEntry, *, now: datetime) -> Calendar:
        return Calendar(
            freezes=tuple(
                freeze
                for freeze in await self.freezes(now=now)
                if system.code == freeze.system_code or system.institution == freeze.institution
            ),
            windows=self._windows.get(system.code, ()),
        )

    async def freezes(self, *, now: datetime) -> tuple[Freeze, ...]:
        standing = [freeze for freeze in self._freezes.values() if freeze.until > now]
        return tuple(sorted(standing, key=lambda freeze: (freeze.start, freeze.freeze_id)))

    async def add_freeze(self, freeze: Freeze) -> None:
        self._freezes.setdefault(freeze.freeze_id, freeze)

    async def lift_freeze(self, freeze_id: str, *, at: datetime) -> bool:
        freeze = self._freezes.get(freeze_id)
        if freeze is None or freeze.until <= at:
            return False
        self._freezes[freeze_id] = replace(freeze, until=at)
        return True

    async def set_windows(self, system_code: str, windows: Sequence[Window]) -> None:
        self._windows[system_code] = tuple(windows)


class MemorySources:
    """SourceRepository over artifacts: system code → ref → artifact. ``down``: none answers."""

    def __init__(self, artifacts: Mapping[str, Mapping[str, Artifact]] | None = None) -> None:
        self.artifacts = {code: dict(refs) for code, refs in (artifacts or {}).items()}
        self.asked: list[tuple[str, str]] = []
        self.down = False

    async def has(self, system_code: str) -> bool:
        return system_code in self.artifacts

    async def fetch(self, system_code: str, ref: str) -> Artifact:
        self.asked.append((system_code, ref))
        if system_code not in self.artifacts:
            raise UserError("repository_none", system=system_code)
        if self.down:
            raise OperationError("repository_unavailable", repository=system_code)
        refs = self.artifacts[system_code]
        if ref not in refs:
            raise UserError(
                "ref_unknown", repository=system_code, ref=ref, known=", ".join(sorted(refs))
            )
        return refs[ref]
