"""The seams that deployments need besides those of everybody: calendars and repositories.

Owns: the ports. Plug-ins implement them, ``bot.app.wiring`` names the implementations.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.core.domain.artifact import Artifact
from bot.core.domain.calendar import Calendar, Freeze, Window
from bot.core.domain.estate import Repository, SystemEntry


class CalendarStore(Protocol):
    """Freezes and windows."""

    async def calendar(self, system: SystemEntry, *, now: datetime) -> Calendar:
        """What bounds this system: freezes of it and of its institution that have not ended."""

    async def freezes(self, *, now: datetime) -> tuple[Freeze, ...]:
        """All that have not ended, the earliest first."""

    async def add_freeze(self, freeze: Freeze) -> None:
        """Store it; a second time is the same as once."""

    async def lift_freeze(self, freeze_id: str, *, at: datetime) -> bool:
        """End it now. False: there is none of that id that has not ended."""

    async def set_windows(self, system_code: str, windows: Sequence[Window]) -> None:
        """Replace a system's windows; none: any time."""


class RepositoryBook(Protocol):
    """Which system is deployed from which repository."""

    async def repository(self, system_code: str) -> Repository | None:
        """The system's repository; None: it has none."""


class SourceRepository(Protocol):
    """The repositories that systems are deployed from. Reads them only."""

    async def has(self, system_code: str) -> bool:
        """Whether this system has a repository at all."""

    async def fetch(self, system_code: str, ref: str) -> Artifact:
        """All files of the tag or branch below the repository's deployed folder, as an artifact
        in the file store, with ``Artifact.ref`` naming the commit.

        Raises:
            UserError: ``repository_none``, ``ref_unknown`` (with those that come near),
                ``ref_malformed``, ``repository_too_large`` or a path that no server is shown.
            OperationError: it cannot be reached (``repository_unavailable``).
        """
