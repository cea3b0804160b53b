"""GuideStore in memory."""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.domain.guide import Guide
from bot.core.domain.people import Actor


class MemoryGuides:
    def __init__(self, guides: Sequence[Guide] = ()) -> None:
        self.kept = tuple(guides)

    async def guides(self, viewer: Actor | None) -> tuple[Guide, ...]:
        return tuple(
            guide
            for guide in sorted(self.kept, key=lambda guide: guide.guide_id)
            if viewer is None or guide.institution is None or viewer.may_see(guide.institution)
        )

    async def put(self, guides: Sequence[Guide]) -> None:
        self.kept = tuple(guides)
