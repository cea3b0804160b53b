"""A parser that answers what it was told to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.core.domain.intent import NONE, Clarification, Intent, Utterance
from bot.core.ports import IntentParser


class ScriptedParser:
    """``IntentParser``: answers by the exact text; other texts are ``none`` when addressed.
    ``gate``: nothing is understood before it is set. ``otherwise``: a real one for other texts."""

    def __init__(self, answers: Mapping[str, Intent | Clarification | None] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[Utterance] = []
        self.gate: asyncio.Event | None = None
        self.otherwise: IntentParser | None = None

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        self.asked.append(utterance)
        if self.gate is not None:
            await self.gate.wait()
        if utterance.text in self.answers:
            return self.answers[utterance.text]
        if self.otherwise is not None:
            return await self.otherwise.parse(utterance)
        return Intent(action=NONE) if utterance.addressed else None
