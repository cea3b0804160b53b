"""DialogueStore: the same on every one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import Layer
from bot.core.domain.intent import Intent, Selector
from tests.fakes.jobs import NOW, THREAD

PARTIAL = Intent(
    action="deploy",
    selector=Selector(institution="기획재정부", layer=Layer.WAS, nodes=(1, 2)),
    params={"restart": True, "lines": 100, "pattern": "1"},
    missing=("system",),
)


async def test_a_question_waits_for_the_person_in_the_thread(stores) -> None:
    until = NOW + timedelta(minutes=10)
    await stores.dialogues.ask(THREAD, "u032", PARTIAL, until=until)
    elsewhere = replace(THREAD, thread=None)
    pending = stores.dialogues.pending
    assert await pending(replace(THREAD, message="m9"), "u032", now=NOW) == PARTIAL
    assert await pending(THREAD, "u031", now=NOW) is None
    assert await pending(elsewhere, "u032", now=NOW) is None
    assert await pending(THREAD, "u032", now=until) is None


async def test_a_new_question_replaces_the_old_one_and_can_be_dropped(stores) -> None:
    room = ConversationRef(adapter="web", channel="ops")
    until = NOW + timedelta(minutes=10)
    await stores.dialogues.ask(room, "u032", PARTIAL, until=until)
    again = replace(PARTIAL, action="rollback")
    await stores.dialogues.ask(room, "u032", again, until=until)
    assert await stores.dialogues.pending(room, "u032", now=NOW) == again
    await stores.dialogues.drop(room, "u032")
    await stores.dialogues.drop(room, "u032")
    assert await stores.dialogues.pending(room, "u032", now=NOW) is None
