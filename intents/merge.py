"""Completing a request from what was said before it in the same thread.

Owns: which slot of an earlier intent may be taken over. Institution and system go together: what
is said now is never overruled, and a pair that does not exist is never made.
"""

from __future__ import annotations

from dataclasses import replace

from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Intent, Selector
from intents.resolve import Slots


def completed(
    intent: Intent,
    earlier: Intent,
    slots: Slots,
    vocabulary: Vocabulary,
    doubtful: frozenset[str],
) -> tuple[Intent, frozenset[str]]:
    """``intent`` with gaps filled from ``earlier``, and the slots that are still doubtful."""
    now, before = intent.selector, earlier.selector
    institution, system, taken = _target(now, before, slots, vocabulary)
    moved = before.system is not None and (institution, system) != (
        before.institution or institution,
        before.system,
    )
    if moved:
        filled = replace(now, institution=institution, system=system)
    else:
        filled = Selector(
            institution=institution,
            system=system,
            layer=now.layer or (None if "layer" in doubtful else before.layer),
            env=now.env or (None if "env" in doubtful else before.env),
            nodes=_nodes(now, before, slots),
        )
    sr = intent.sr or (None if "sr" in doubtful or moved else earlier.sr)
    if taken:
        doubtful -= {"institution", "system"}
    return replace(intent, selector=filled, sr=sr, files=earlier.files), doubtful


def _nodes(now: Selector, before: Selector, slots: Slots) -> tuple[int, ...]:
    numbers = slots.numbers
    if now.nodes or numbers.excluded or numbers.vague or numbers.count is not None:
        return now.nodes
    return before.nodes if now.layer in (None, before.layer) else ()


def _target(
    now: Selector, before: Selector, slots: Slots, vocabulary: Vocabulary
) -> tuple[str | None, str | None, bool]:
    """Institution, system, and whether the earlier ones settled what this text left open."""
    if slots.stranger:
        return None, None, False
    named = [name for name in slots.names if name.kind in ("institution", "system")]
    if not named and now.institution is None and now.system is None:
        return before.institution, before.system, True
    pairs = {(entry.institution, entry.name) for entry in vocabulary.systems}
    if now.institution and not now.system and not any(name.systems for name in named):
        exists = (now.institution, before.system) in pairs
        return now.institution, before.system if exists else None, exists
    if now.system and not now.institution and (before.institution, now.system) in pairs:
        return before.institution, now.system, True
    return now.institution, now.system, False
