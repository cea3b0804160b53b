"""The local model as a source of proposals: asked one text at a time, never waited for long.

Owns: which texts are sent at all, the queue before the model, the deadline, the one repetition,
and turning an answer into a proposal. Whatever goes wrong becomes None and a line in the log: the
other sources go on working. Must not know how a model runs (``llama``, ``endpoint``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.core.domain.intent import Source, Utterance
from intents.fewshot import Message, Prompt
from intents.grammar import Answer, Form, read_answer, said_in
from intents.proposal import Proposal
from intents.turns import Turns

_LOG = structlog.get_logger(__name__)
ATTEMPTS = 2


class ModelError(Exception):
    """The model is away, not ready, or did not answer. The text says why, for the log."""


class Model(Protocol):
    """Something that completes a conversation under the answer's schema."""

    async def start(self, prompt: Prompt) -> None:
        """Make ready and read the prompt's static part once.

        Raises:
            ModelError: it cannot be used.
        """

    async def complete(
        self, messages: list[Message], *, attempt: int, form: Form | None = None
    ) -> str:
        """The answer's text, of that form; None: the one that names an action. Attempt 0 is
        deterministic. Cancelling it stops the generation.

        Raises:
            ModelError: there is no answer.
        """

    async def close(self) -> None:
        """Stop what runs and give everything back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """``confidence`` is the share of intents that this model gets right (``make eval``)."""

    deadline_s: float = 4.0  # from the question to the answer, waiting included
    queue: int = 4  # texts that may wait while one is generated
    text_limit: int = 400  # characters; a longer text is not sent
    confidence: float = 0.8


class ModelProposer:
    """``Proposer`` by a local model."""

    def __init__(
        self, model: Model, prompt: Prompt, limits: ModelLimits, *, turns: Turns | None = None
    ) -> None:
        self._model = model
        self._prompt = prompt
        self._limits = limits
        self._turns = turns or Turns()
        self._inside = 0
        self._begun = asyncio.Event()  # set when loading has ended, well or not

    async def start(self) -> None:
        """Load and warm the model. Until this has ended, and if it fails, nothing is proposed."""
        began = time.monotonic()
        try:
            await self._model.start(self._prompt)
        except ModelError as error:
            _LOG.error("model_unavailable", reason=str(error))
            self._begun.set()
            return
        self._turns.ready = True
        self._begun.set()
        _LOG.info("model_ready", seconds=round(time.monotonic() - began, 1))

    async def loaded(self) -> bool:
        """Wait until loading has ended; whether the model can be asked."""
        await self._begun.wait()
        return self._turns.ready

    async def propose(self, utterance: Utterance) -> Proposal | None:
        """See ``Proposer``."""
        reason = self._unasked(utterance)
        if reason is not None:
            _LOG.info("model_not_asked", reason=reason)
            return None
        self._inside += 1
        try:
            async with asyncio.timeout(self._limits.deadline_s), self._turns.person():
                answer = await self._answer(utterance.text)
        except TimeoutError:
            _LOG.warning("model_late", deadline_s=self._limits.deadline_s)
            return None
        except ModelError as error:
            _LOG.warning("model_failed", reason=str(error))
            return None
        finally:
            self._inside -= 1
        if answer is None:
            return None
        return Proposal(
            action=answer.action,
            probability=self._limits.confidence,
            source=Source.LLM,
            params=said_in(utterance.text, answer.params),
        )

    def _unasked(self, utterance: Utterance) -> str | None:
        if not self._turns.ready:
            return "not ready"
        if not utterance.addressed:
            return "not addressed"  # talk of the room never becomes an intent
        if not utterance.text.strip() or len(utterance.text) > self._limits.text_limit:
            return "length"
        return "queue full" if self._inside > self._limits.queue else None

    async def _answer(self, text: str) -> Answer | None:
        messages = self._prompt.asking(text)
        for attempt in range(ATTEMPTS):
            answer = read_answer(await self._model.complete(messages, attempt=attempt))
            if answer is not None:
                return answer
            _LOG.warning("model_talks_nonsense", attempt=attempt)
        return None


@asynccontextmanager
async def running(proposer: ModelProposer, model: Model) -> AsyncIterator[ModelProposer]:
    """The proposer while its model is loaded in the background; closed with the block."""
    starting = asyncio.create_task(proposer.start())
    try:
        yield proposer
    finally:
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        await model.close()
