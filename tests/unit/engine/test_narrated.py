"""A model's words about a room: shown as its own, kept for the next, and never a fact."""

from __future__ import annotations

from dataclasses import replace

from bot.core.domain.job import JobState
from bot.core.domain.memory import Telling
from bot.core.domain.report import Notice, Paragraph, Report, Table
from bot.engine.memory import MemorySettings
from intents.narrate import ModelNarrator
from intents.turns import Turns
from tests.fakes.engine import words_of
from tests.fakes.listening import DOWN, OPS, Listener, Room
from tests.fakes.model import ScriptedModel

WORDS = "10시부터 화면이 안 뜨고 원인은 아직 모릅니다."


def words_in(report: Report) -> tuple[str, str]:
    """The mark, and the model's words right behind it."""
    sections = list(report.sections)
    at = next(i for i, one in enumerate(sections) if isinstance(one, Notice))
    mark, words = sections[at], sections[at + 1]
    assert isinstance(mark, Notice)
    assert isinstance(words, Paragraph)
    return mark.text, words.text


async def test_every_fifty_messages_the_model_words_a_summary_in_the_background() -> None:
    narrator = Listener(WORDS)
    room = Room(narrator=narrator)
    await room.say(DOWN)
    for number in range(48):
        await room.say(f"이야기 {number}")
    assert narrator.shown == []
    await room.say("이야기 48")
    ((_, latest),) = narrator.shown
    assert len(latest) == 50
    kept = room.memory_store.summaries[OPS].lines
    assert [(line.telling, line.text) for line in kept] == [
        (Telling.SYMPTOM, DOWN),
        (Telling.NARRATED, WORDS),
    ]
    for number in range(50):
        await room.say(f"또 {number}")
    (_, (summary, latest)) = narrator.shown
    assert summary[0].endswith(WORDS)
    assert len(latest) == 50
    kept = room.memory_store.summaries[OPS].lines
    assert [line.telling for line in kept].count(Telling.NARRATED) == 1


async def test_the_facts_are_told_at_once_and_the_words_come_after() -> None:
    room = Room(narrator=Listener(WORDS))
    await room.say(DOWN)
    await room.asked("요약해줘")
    first, then = list(room.world.messenger.messages.values())[-1].said
    assert WORDS not in words_of(first)
    assert DOWN in words_of(first)
    mark, words = words_in(then)
    assert "모델이 04-01 14:00까지" in mark
    assert words == WORDS
    tables = [section for section in then.sections if isinstance(section, Table)]
    assert tables == [section for section in first.sections if isinstance(section, Table)]


async def test_what_ran_is_told_by_the_job_store_whatever_the_model_says() -> None:
    model, turns = (
        ScriptedModel("WAS를 재기동했습니다. 화면이 안 뜹니다. 배포 완료되었습니다."),
        Turns(),
    )
    turns.ready = True
    room = Room(narrator=ModelNarrator(model, turns))
    await room.say(DOWN)
    job = await room.world.a_deployment()
    room.world.jobs.jobs[job.job_id] = replace(job, state=JobState.SUCCEEDED)
    report = await room.asked("요약해줘")
    _, words = words_in(report)
    assert words == "화면이 안 뜹니다."
    (ran,) = [one for one in report.sections if isinstance(one, Table) and job.job_id in str(one)]
    assert [row[1] for row in ran.rows] == [job.job_id]
    messages, _ = model.asked[0]
    assert job.job_id not in str(messages)  # the model is not shown what ran either


async def test_a_model_that_is_down_leaves_the_words_of_the_last_summary() -> None:
    narrator = Listener(WORDS)
    room = Room(narrator=narrator, settings=MemorySettings(every=5))
    for text in (DOWN, "1", "2", "3", "4"):
        await room.say(text)
    room.world.clock.pass_by(hours=1)
    narrator.says = None
    mark, words = words_in(await room.asked("요약해줘"))
    assert "04-01 14:00" in mark
    assert words == WORDS


async def test_a_model_that_is_down_keeps_the_summary_of_the_patterns() -> None:
    room = Room(narrator=Listener(None), settings=MemorySettings(every=5))
    for text in (DOWN, "1", "2", "3", "4"):
        await room.say(text)
    assert [line.text for line in room.memory_store.summaries[OPS].lines] == [DOWN]
    assert not any(isinstance(one, Notice) for one in (await room.asked("요약해줘")).sections)


async def test_a_models_words_are_no_symptom_that_stays_open() -> None:
    room = Room(narrator=Listener("서버가 죽었습니다."), settings=MemorySettings(every=5))
    for text in (DOWN, "1", "2", "3", "해결됐습니다"):
        await room.say(text)
    report = await room.asked("요약해줘")
    assert "증상 1건, 작업 0건, 남은 것 0건" in words_of(report)
