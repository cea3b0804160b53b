"""A local model's opinion on one line of talk: which trouble it tells of, or none.

Owns: that question, its form, and that no more than a topic's name comes back. The opinion only
confirms or drops what the classifier is unsure of; it starts nothing and names no topic alone.
"""

from __future__ import annotations

import json
from typing import Protocol

import structlog

from bot.core.domain.intent import NONE
from bot.core.redaction import redact
from intents.fewshot import Prompt
from intents.grammar import Form
from intents.model import Model, ModelError
from intents.turns import Turns
from prompts import read_prompt

_LOG = structlog.get_logger(__name__)
_LONGEST = 300  # characters of a line that is sent
_TOKENS = 24
_LONGEST_ANSWER = 100


class Opinion(Protocol):
    """A source that says which trouble a line of talk tells of."""

    async def topic(self, line: str) -> str | None:
        """The topic, ``none``, or None when the source is down, late or talks nonsense."""


class ModelOpinion:
    """``Opinion`` by a local model, asked in the background only."""

    def __init__(
        self, model: Model, turns: Turns, topics: tuple[str, ...], *, deadline_s: float = 20.0
    ) -> None:
        self._model = model
        self._turns = turns
        self._topics = (*topics, NONE)
        self._deadline_s = deadline_s
        system = read_prompt("incident_system.txt").strip()
        self._prompt = Prompt(({"role": "system", "content": system},))
        self._form = topic_form(self._topics)

    async def topic(self, line: str) -> str | None:
        """See ``Opinion``."""
        messages = self._prompt.asking(redact(line)[:_LONGEST])
        try:
            async with self._turns.own(self._deadline_s):
                said = await self._model.complete(messages, attempt=0, form=self._form)
        except TimeoutError:
            _LOG.info("opinion_late", deadline_s=self._deadline_s)
            return None
        except ModelError as error:
            _LOG.warning("opinion_failed", reason=str(error))
            return None
        return read_topic(said, self._topics)


def topic_form(topics: tuple[str, ...]) -> Form:
    """One topic of the list and nothing else."""
    schema = {
        "type": "object",
        "properties": {"topic": {"enum": list(topics)}},
        "required": ["topic"],
        "additionalProperties": False,
    }
    return Form(name="topic", schema=schema, tokens=_TOKENS)


def read_topic(said: str, topics: tuple[str, ...]) -> str | None:
    """The topic, or None for anything that the form does not allow."""
    try:
        answer = json.loads(said) if len(said) <= _LONGEST_ANSWER else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict) or answer.keys() != {"topic"}:
        return None
    return answer["topic"] if answer["topic"] in topics else None
