"""One model: people come before what the bot asks of its own accord."""

from __future__ import annotations

import asyncio

import pytest

from intents.fewshot import load_prompt
from intents.model import ModelLimits, ModelProposer
from intents.narrate import ModelNarrator, NarratorLimits
from intents.opinion import ModelOpinion
from intents.turns import Turns
from tests.fakes.model import HEALTH, ScriptedModel, uttered

PROMPT = load_prompt(1)


async def test_a_persons_request_ends_what_the_bot_asked_for_itself() -> None:
    model, turns = ScriptedModel(HEALTH), Turns()
    model.gate = asyncio.Event()
    proposer = ModelProposer(model, PROMPT, ModelLimits(), turns=turns)
    await proposer.start()
    narrating = asyncio.create_task(ModelNarrator(model, turns).narrate(["10:00 김: 안 떠요"], []))
    await model.asking.wait()
    asked = asyncio.create_task(proposer.propose(uttered("살아 있나")))
    assert await narrating is None
    assert model.stopped == 1
    model.gate.set()
    proposal = await asked
    assert proposal is not None
    assert model.most_at_once == 1
    assert model.forms == ["summary", "intent"]


async def test_nothing_is_asked_of_a_model_that_is_not_loaded() -> None:
    model, turns = ScriptedModel("요약입니다."), Turns()
    assert await ModelNarrator(model, turns).narrate(["10:00 김: 안 떠요"], []) is None
    assert await ModelOpinion(model, turns, ("slow",)).topic("느려요") is None
    assert model.asked == []


async def test_the_bots_own_questions_are_few_and_have_a_deadline() -> None:
    model, turns = ScriptedModel("요약입니다."), Turns()
    turns.ready, model.gate = True, asyncio.Event()
    narrator = ModelNarrator(model, turns, NarratorLimits(deadline_s=0.2))
    waiting = [asyncio.create_task(narrator.narrate(["10:00 김: 안 떠요"], [])) for _ in range(5)]
    assert await asyncio.gather(*waiting) == [None] * 5
    assert len(model.asked) == 1  # two more waited for their turn, and two were not let in
    model.gate.set()
    assert await narrator.narrate(["10:00 김: 안 떠요"], []) == "요약입니다."


async def test_a_turn_is_given_back_whatever_happens() -> None:
    turns = Turns()
    turns.ready = True
    with pytest.raises(ValueError, match="x"):
        async with turns.own(1):
            raise ValueError("x")
    async with asyncio.timeout(60), turns.person():
        pass
