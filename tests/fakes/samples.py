"""SampleStore in memory.

Owns: what the engine is tested on instead of a database; ``tests/contract/stores`` holds both to
the same sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from agent.wire.readings import Point, Series


class MemorySamples:
    """Values by node, name and instant."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], dict[datetime, float]] = {}

    async def add(self, node_id: str, at: datetime, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.kept.setdefault((node_id, name), {}).setdefault(at, float(value))

    async def series(self, node_id: str, names: Sequence[str], since: datetime) -> list[Series]:
        found = []
        for name in names:
            known = self.kept.get((node_id, name), {})
            points = tuple(Point(at=at, value=known[at]) for at in sorted(known) if at >= since)
            found += [Series(name=name, points=points)] if points else []
        return found

    async def forget(self, before: datetime) -> None:
        for known in self.kept.values():
            for at in [at for at in known if at < before]:
                del known[at]
