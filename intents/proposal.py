"""What a source of understanding proposes: an action, how sure it is, and nothing else it decides.

Owns: the value and the protocol between the chain and its sources. A proposal has no authority:
targets are read from the text by ``resolve``, rights and approval are computed elsewhere, and a
parameter counts only where its value stands in the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.domain.intent import Source, Utterance


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """``probability`` is calibrated, 0 to 1. ``params`` are proposed parameter values as text.
    ``others`` are the next likely labels (``action`` or ``action/operation``) for a question."""

    action: str
    probability: float
    source: Source
    params: Mapping[str, str] = field(default_factory=dict)
    others: tuple[tuple[str, float], ...] = ()


class Proposer(Protocol):
    """A source that proposes an action for a text: the classifier, the local model."""

    async def propose(self, utterance: Utterance) -> Proposal | None:
        """The proposal; None when the source is down, late, or talks nonsense."""
