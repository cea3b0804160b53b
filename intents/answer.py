"""What ``guardia intent`` prints: an intent as a plain object with all keys always present.

Owns: that shape. Knows nothing of how the intent came about.
"""

from __future__ import annotations

from bot.core.domain.intent import NONE, Clarification, Intent, Source

Answer = dict[str, object]


def describe(answer: Intent | Clarification | None, question: str | None = None) -> Answer:
    """The JSON object of one answer. ``question`` is what is asked back; a Clarification brings
    its own, and None (not for the bot) is action ``none``."""
    intent = answer
    if isinstance(answer, Clarification):
        question, intent = question or answer.question, answer.partial
    if not isinstance(intent, Intent):
        intent = Intent(action=NONE)
    if intent.action == NONE:  # nothing is asked for, so nothing is aimed at
        intent = Intent(
            action=NONE, params=dict.fromkeys(intent.params.keys() & {"cancelled"}, True)
        )
    selector = intent.selector
    return {
        "action": intent.action,
        "institution": selector.institution,
        "system": selector.system,
        "layer": selector.layer.value if selector.layer else None,
        "nodes": list(selector.nodes),
        "env": selector.env.value if selector.env else None,
        "sr": intent.sr,
        "params": dict(intent.params),
        "missing": list(intent.missing),
        "question": question,
        "source": (intent.source or Source.RULES).value,
    }
