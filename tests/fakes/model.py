"""Local models that do what a test says: answer, hang, fail, obey an attacker."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Source, Utterance
from intents.fewshot import Message, Prompt
from intents.grammar import Form
from intents.model import ModelError
from intents.proposal import Proposal

HEALTH = '{"action": "check_infra_health", "params": {}}'


def uttered(text: str, *, addressed: bool = True) -> Utterance:
    now = dt.datetime(2026, 5, 23, 10, tzinfo=dt.UTC)
    return Utterance(text=text, now=now, vocabulary=Vocabulary(), addressed=addressed)


class ScriptedModel:
    """``Model``: gives its answers one after the other, the last one for ever."""

    def __init__(self, *answers: str | ModelError) -> None:
        self.answers = list(answers) or [HEALTH]
        self.asked: list[tuple[list[Message], int]] = []
        self.forms: list[str] = []
        self.unavailable: ModelError | None = None
        self.gate: asyncio.Event | None = None  # held until it is set
        self.asking = asyncio.Event()
        self.at_once = self.most_at_once = self.stopped = 0
        self.closed = False

    async def start(self, prompt: Prompt) -> None:
        if self.unavailable is not None:
            raise self.unavailable

    async def complete(
        self, messages: list[Message], *, attempt: int, form: Form | None = None
    ) -> str:
        self.asked.append((messages, attempt))
        self.forms.append(form.name if form else "intent")
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.asking.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        finally:
            self.at_once -= 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, ModelError):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True


class ObeyingModel:
    """``Proposer``: always proposes what the attacker wants, and is always sure."""

    def __init__(self, action: str, params: Mapping[str, str] | None = None) -> None:
        self._proposal = Proposal(
            action=action, probability=1.0, source=Source.LLM, params=dict(params or {})
        )
        self.asked = 0

    async def propose(self, utterance: Utterance) -> Proposal | None:
        self.asked += 1
        return self._proposal
