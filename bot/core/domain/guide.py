"""Guides: how things are done at an institution, in its own words.

Owns: the guide, the passage that answers a question, and the answer. A guide's text is data: it is
quoted to people and never read as a request.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """``guide_id`` is the name of its file; ``institution`` None: it is for everybody."""

    guide_id: str
    title: str
    institution: str | None
    text: str

    @property
    def source(self) -> str:
        """Where it can be read whole."""
        return f"guides/{self.guide_id}.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """The part of a guide that answers best. ``score`` compares within one answer only."""

    guide: Guide
    text: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideAnswer:
    """Passages, best first; none: nothing fits. ``institution``: the one that is asked about,
    where the words say so. ``contacts``: the names of people who can be asked instead."""

    passages: tuple[Passage, ...] = ()
    institution: str | None = None
    contacts: tuple[str, ...] = ()
