"""The seams of guides: where they are kept, and how the right passage is found.

Owns: their protocols. Rights come first: a search is only ever given what the person may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bot.core.domain.estate import Vocabulary
from bot.core.domain.guide import Guide, GuideAnswer
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor


class GuideStore(Protocol):
    """Guides, seen with the eyes of one person."""

    async def guides(self, viewer: Actor | None) -> tuple[Guide, ...]:
        """The guides this person may see, by id: those of their institutions and those for
        everybody. None sees everything (the command line's owner)."""


class GuideSearch(Protocol):
    """Finds the passages that answer a question."""

    def search(
        self, question: str, guides: Sequence[Guide], *, vocabulary: Vocabulary, about: Selector
    ) -> GuideAnswer:
        """The three best of these guides, or none where nothing fits.

        ``vocabulary`` and ``guides`` hold only what the asking person may see; ``about`` is the
        institution or system that the place of the question implies.
        """


class GuideEmbedding(Protocol):
    """Nearness of meaning by a local model; optional, beside the words."""

    def nearness(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """One number per text, larger is nearer; empty where the model does not answer.

        Blocks, so that a search that uses it runs in a worker thread.
        """
