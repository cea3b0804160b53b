"""The real llama-cpp-python writing a summary and judging talk, beside requests.

Needs ``make model``. What the tiny model writes is not looked at: it knows no Korean.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.core.domain.intent import NONE
from intents.fewshot import Prompt
from intents.llama import LlamaModel, LlamaOptions
from intents.model import ModelLimits, ModelProposer, running
from intents.narrate import ModelNarrator, NarratorLimits
from intents.opinion import ModelOpinion
from intents.schema import CATALOGUE
from intents.symptoms import load_symptoms
from intents.turns import Turns
from tests.fakes.model import uttered
from tests.integration.intents.test_llama_real import GGUF, NEEDS_MODEL, PATIENCE_S, Reading

pytestmark = NEEDS_MODEL
PROMPT = Prompt(({"role": "system", "content": "요청을 동작 하나로 분류한다. " * 12},))
TOPICS = tuple(symptom.topic for symptom in load_symptoms().topics)
TALK = [
    "10:02 김: the budget page does not open",
    "10:04 이: WAS 1 is out of memory",
    "10:09 박: users cannot log in since ten o'clock",
]


@asynccontextmanager
async def loaded(
    **limits: float,
) -> AsyncIterator[tuple[ModelProposer, ModelNarrator, ModelOpinion, LlamaModel]]:
    model = LlamaModel(LlamaOptions(file=GGUF or __file__, context=4096))  # type: ignore[arg-type]  # the test's own stand-in, or made of data
    turns = Turns()
    deadline = limits.get("deadline_s", PATIENCE_S)
    proposer = ModelProposer(model, PROMPT, ModelLimits(deadline_s=PATIENCE_S), turns=turns)
    async with running(proposer, model):
        assert await proposer.loaded()
        yield (
            proposer,
            ModelNarrator(model, turns, NarratorLimits(deadline_s=deadline)),
            ModelOpinion(model, turns, TOPICS, deadline_s=deadline),
            model,
        )


async def test_one_model_words_a_summary_judges_talk_and_reads_requests() -> None:
    async with loaded() as (proposer, narrator, opinion, _):
        first = await proposer.propose(uttered("홈택스 재기동해줘"))
        said = await narrator.narrate(TALK, TALK[-1:])
        assert said is None or (said.isprintable() and len(said) <= 700)
        assert await opinion.topic("조회가 너무 느려요") in (*TOPICS, NONE)
        again = await proposer.propose(uttered("홈택스 재기동해줘"))
        assert first is not None
        assert first.action in CATALOGUE
        assert again == first  # what was read before is put back as it was


async def test_after_a_summary_the_requests_prompt_is_not_read_again() -> None:
    async with loaded() as (proposer, narrator, _, model):
        await narrator.narrate(TALK, [])
        reading = Reading(model)
        await proposer.propose(uttered("상태"))
        assert reading.first < reading.known / 2


async def test_a_late_summary_stops_and_the_next_request_is_answered() -> None:
    async with loaded(deadline_s=0.05) as (proposer, narrator, _, _):
        assert await narrator.narrate(TALK, TALK) is None
        assert await proposer.propose(uttered("상태")) is not None


async def test_a_request_stops_a_summary_in_the_middle() -> None:
    async with loaded() as (proposer, narrator, _, model):
        reading = Reading(model)
        narrating = asyncio.create_task(narrator.narrate(TALK, TALK))
        await reading.begun()
        assert await proposer.propose(uttered("상태")) is not None
        assert await narrating is None
