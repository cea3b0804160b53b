"""The parser that the bot is given: every way of understanding that exists, in order.

Owns: the order. A later parser (classifier, model) is asked only where the earlier ones ask back;
what it proposes passes the same catalogue and the same slots. Today there are only rules.
"""

from __future__ import annotations

from bot.core.domain.intent import Clarification, Intent, Utterance
from bot.core.ports import IntentParser
from bot.core.texts import Texts, load_texts
from intents.rules import RuleParser


class Chain:
    """``IntentParser`` that asks the next parser only when the one before was not sure."""

    def __init__(self, *parsers: IntentParser) -> None:
        if not parsers:
            raise ValueError("a chain has at least one parser")
        self._parsers = parsers

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        """The first sure answer, or the first question where nobody is sure."""
        first: Clarification | None = None
        for parser in self._parsers:
            answer = await parser.parse(utterance)
            if not isinstance(answer, Clarification):
                return answer
            first = first or answer
        return first


def build_parser(texts: Texts | None = None) -> IntentParser:
    """The parser with everything that is installed; Korean questions unless told otherwise."""
    return Chain(RuleParser(texts or load_texts("ko")))
