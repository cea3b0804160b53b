"""The real llama-cpp-python writing a summary and judging talk, beside requests.

Needs ``make model``. What the tiny model writes is not looked at: it knows no Korean.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

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
from tests.integration.intents.test_llama_real import GGUF, PATIENCE_S

pytestmark = [
    pytest.mark.skipif(
        GGUF is None or importlib.util.find_spec("llama_cpp") is None,
        reason="`make model` has not been run: no llama-cpp-python or no tiny model",
    ),
    pytest.mark.xdist_group("llama"),
]
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
) -> AsyncIterator[tuple[ModelProposer, ModelNarrator, ModelOpinion]]:
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
        )


async def test_one_model_words_a_summary_judges_talk_and_reads_requests() -> None:
    async with loaded() as (proposer, narrator, opinion):
        first = await proposer.propose(uttered("홈택스 재기동해줘"))
        said = await narrator.narrate(TALK, TALK[-1:])
        assert said is None or (said.isprintable() and len(said) <= 700)
        assert await opinion.topic("조회가 너무 느려요") in (*TOPICS, NONE)
        again = await proposer.propose(uttered("홈택스 재기동해줘"))
        assert first is not None
        assert first.action in CATALOGUE
        assert again == first  # what was read before is put back as it was


async def test_after_a_summary_the_requests_prompt_is_not_read_again() -> None:
    async with loaded() as (proposer, narrator, _):
        began = time.monotonic()
        await proposer.propose(uttered("상태"))
        warm_s = time.monotonic() - began
        await narrator.narrate(TALK, [])
        began = time.monotonic()
        await proposer.propose(uttered("상태"))
        assert time.monotonic() - began < warm_s * 3 + 1


async def test_a_late_summary_stops_and_the_next_request_is_answered() -> None:
    async with loaded(deadline_s=0.05) as (proposer, narrator, _):
        began = time.monotonic()
        assert await narrator.narrate(TALK, TALK) is None
        assert time.monotonic() - began < 2
        assert await proposer.propose(uttered("상태")) is not None


async def test_a_request_stops_a_summary_in_the_middle() -> None:
    async with loaded() as (proposer, narrator, _):
        narrating = asyncio.create_task(narrator.narrate(TALK, TALK))
        await asyncio.sleep(0.3)  # it is decoding
        assert await proposer.propose(uttered("상태")) is not None
        assert await narrating is None
