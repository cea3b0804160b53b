"""The one message with which a request is answered."""

from __future__ import annotations

from bot.core.cards import plain_report
from bot.core.domain.conversation import ConversationRef
from bot.engine.reply import Reply
from tests.fakes.engine import World

THREAD = ConversationRef(adapter="web", channel="ops", thread="m1")


def texts(world: World) -> list[list[str]]:
    return [[one.title for one in message.said] for message in world.messenger.messages.values()]


async def test_replaces_what_it_said_before():
    world = World()
    reply = Reply(world.outbound, THREAD, "web:e1")
    first = await reply.say(plain_report("확인 중"))
    assert await reply.say(plain_report("계획")) == first
    assert texts(world) == [["확인 중", "계획"]]


async def test_says_the_same_again_after_it_was_cut_off():
    world = World()
    first = await Reply(world.outbound, THREAD, "web:e1").say(plain_report("확인 중"))
    again = Reply(world.outbound, THREAD, "web:e1")
    assert await again.say(plain_report("확인 중")) == first
    await again.say(plain_report("계획"))
    assert texts(world) == [["확인 중", "계획"]]


async def test_a_refusal_replaces_what_was_said():
    world = World()
    reply = Reply(world.outbound, THREAD, "web:e1")
    await reply.say(plain_report("확인 중"))
    await reply.refuse(plain_report("거절"))
    assert texts(world) == [["확인 중", "거절"]]


async def test_a_refusal_is_not_lost_when_the_first_words_were_posted_before():
    world = World()
    await Reply(world.outbound, THREAD, "web:e1").say(plain_report("확인 중"))
    await Reply(world.outbound, THREAD, "web:e1").refuse(plain_report("거절"))
    await Reply(world.outbound, THREAD, "web:e1").refuse(plain_report("거절"))
    assert texts(world) == [["확인 중"], ["거절"]]
