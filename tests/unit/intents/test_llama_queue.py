"""A model that is away, slow, busy or talking nonsense proposes nothing and holds nobody up."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.core.domain.intent import Source
from intents.fewshot import load_prompt
from intents.model import ModelError, ModelLimits, ModelProposer, running
from intents.proposal import Proposal
from tests.fakes.model import HEALTH, ScriptedModel, uttered

PROMPT = load_prompt(1)


async def ready(model: ScriptedModel, **limits: float) -> ModelProposer:
    proposer = ModelProposer(model, PROMPT, ModelLimits(**limits))  # type: ignore[arg-type]  # the test's own stand-in, or made of data
    await proposer.start()
    return proposer


async def test_proposes_what_the_model_says_with_its_measured_confidence() -> None:
    model = ScriptedModel('{"action": "kill_session", "params": {"pid": "3321"}}')
    proposer = await ready(model, confidence=0.7)
    assert await proposer.propose(uttered("3321 접속 좀 떼어 주세요")) == Proposal(
        action="kill_session", probability=0.7, source=Source.LLM, params={"pid": "3321"}
    )


async def test_drops_what_nobody_said() -> None:
    model = ScriptedModel('{"action": "kill_session", "params": {"pid": "1"}}')
    proposal = await (await ready(model)).propose(uttered("3321 접속 좀 떼어 주세요"))
    assert proposal is not None
    assert proposal.params == {}


async def test_asks_once_more_when_it_hears_nonsense() -> None:
    model = ScriptedModel('{"action": "dep', HEALTH)
    proposal = await (await ready(model)).propose(uttered("살아 있나"))
    assert proposal is not None
    assert [attempt for _, attempt in model.asked] == [0, 1]


async def test_gives_up_after_the_second_nonsense() -> None:
    model = ScriptedModel("네!")
    with capture_logs() as lines:
        assert await (await ready(model)).propose(uttered("살아 있나")) is None
    assert len(model.asked) == 2
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == [
        "model_talks_nonsense"
    ] * 2


async def test_says_nothing_when_the_model_fails_and_goes_on_after_that() -> None:
    proposer = await ready(ScriptedModel(ModelError("connection refused"), HEALTH))
    with capture_logs() as lines:
        assert await proposer.propose(uttered("살아 있나")) is None
    assert lines[0]["event"] == "model_failed"
    assert await proposer.propose(uttered("살아 있나")) is not None


async def test_is_not_asked_when_it_could_not_be_loaded() -> None:
    model = ScriptedModel()
    model.unavailable = ModelError("no such file")
    with capture_logs() as lines:
        proposer = await ready(model)
    assert lines[0]["event"] == "model_unavailable"
    assert await proposer.propose(uttered("살아 있나")) is None
    assert model.asked == []


async def test_stops_a_generation_at_the_deadline() -> None:
    model = ScriptedModel()
    model.gate = asyncio.Event()
    proposer = await ready(model, deadline_s=0.05)
    with capture_logs() as lines:
        assert await proposer.propose(uttered("살아 있나")) is None
    assert lines[0]["event"] == "model_late"
    assert model.stopped == 1
    model.gate.set()
    assert await proposer.propose(uttered("살아 있나")) is not None


async def test_generates_one_at_a_time_and_refuses_what_does_not_fit_the_queue() -> None:
    model = ScriptedModel()
    model.gate = asyncio.Event()
    proposer = await ready(model, queue=2, deadline_s=30)
    waiting = [asyncio.create_task(proposer.propose(uttered(f"{n}번"))) for n in range(3)]
    await model.asking.wait()
    assert await proposer.propose(uttered("한 건 더")) is None
    model.gate.set()
    assert all(await asyncio.gather(*waiting))
    assert model.most_at_once == 1
    assert await proposer.propose(uttered("이제는")) is not None


async def test_cancelling_a_caller_stops_the_generation_and_frees_its_place() -> None:
    model = ScriptedModel()
    model.gate = asyncio.Event()
    proposer = await ready(model, queue=0, deadline_s=30)
    task = asyncio.create_task(proposer.propose(uttered("살아 있나")))
    await model.asking.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.stopped == 1
    model.gate.set()
    assert await proposer.propose(uttered("살아 있나")) is not None


@pytest.mark.parametrize("text", ["가" * 401, "", " \n"])
async def test_does_not_send_what_is_too_long_or_empty(text: str) -> None:
    model = ScriptedModel()
    assert await (await ready(model, text_limit=400)).propose(uttered(text)) is None
    assert model.asked == []


async def test_never_sees_talk_that_is_not_for_the_bot() -> None:
    model = ScriptedModel()
    assert await (await ready(model)).propose(uttered("재기동", addressed=False)) is None
    assert model.asked == []


async def test_closes_the_model_with_the_block() -> None:
    model = ScriptedModel()
    proposer = ModelProposer(model, PROMPT, ModelLimits())
    async with running(proposer, model):
        assert not model.closed
    assert model.closed
