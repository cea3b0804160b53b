"""What a step says on its way: in order, bounded, and with what is left out counted."""

from __future__ import annotations

import asyncio

import pytest

from agent.transports.output import StreamText
from agent.voice import Voice


def taken(voice: Voice) -> list[tuple[int, str]]:
    pieces = []
    while (piece := voice.take()) is not None:
        pieces.append(piece)
    return pieces


def whole(pieces: list[tuple[int, str]]) -> bytes:
    """All of it, with dots where something is missing."""
    body = b""
    for offset, text in pieces:
        body = body.ljust(offset, b".") + text.encode()
    return body


async def test_gives_what_was_said_in_order() -> None:
    voice = Voice()
    voice.say("하나\n")
    voice.say("둘\n")
    assert taken(voice) == [(0, "하나\n둘\n")]
    voice.say("셋\n")
    assert taken(voice) == [(11, "셋\n")]
    assert voice.take() is None
    assert voice.due_at() is None


async def test_pieces_are_whole_lines_and_fit_a_message() -> None:
    voice = Voice()
    said = "".join(f"줄 {number}\n" for number in range(20_000))
    voice.say(said)
    pieces = taken(voice)
    assert "".join(text for _, text in pieces) == said
    assert all(text.endswith("\n") and len(text.encode()) <= 48 * 1024 for _, text in pieces)


async def test_characters_are_not_torn_where_a_line_has_no_end() -> None:
    voice = Voice()
    said = "가나다" * 50_000
    voice.say(said)
    pieces = taken(voice)
    assert len(pieces) > 1
    assert "".join(text for _, text in pieces) == said


async def test_the_middle_is_left_out_and_counted() -> None:
    voice = Voice(held_bytes=10_000)
    lines = [f"line {number:05}\n" for number in range(10_000)]
    for line in lines:
        voice.say(line)
        assert voice.held <= 10_000
    body = whole(taken(voice))
    assert len(body) == 11 * 10_000
    assert body.startswith("".join(lines[:100]).encode())
    assert body.endswith("".join(lines[-300:]).encode())
    left = body.replace(b".", b"").split(b"\n")
    assert all(len(line) in (0, 10) for line in left)


async def test_what_was_taken_meanwhile_is_not_counted_twice() -> None:
    voice = Voice(held_bytes=4_000)
    said, pieces = "", []
    for number in range(3_000):
        line = f"{number:07}\n"
        said += line
        voice.say(line)
        if number % 700 == 0 and (piece := voice.take()):
            pieces.append(piece)
    body = whole([*pieces, *taken(voice)])
    assert len(body) == len(said)
    assert all(mine in (theirs, ord(".")) for mine, theirs in zip(body, said.encode(), strict=True))


async def test_telling_waits_for_room_while_something_is_taken() -> None:
    voice = Voice(held_bytes=8_000, patience_s=20)
    said = "0123456789abcde\n" * 20_000
    telling = asyncio.create_task(voice.tell(said))
    pieces = []
    while not telling.done() or voice.held:
        pieces += taken(voice)
        await asyncio.sleep(0)
    assert "".join(text for _, text in pieces) == said


async def test_nobody_waits_for_a_line_that_takes_nothing() -> None:
    voice = Voice(held_bytes=8_000, patience_s=0.05)
    async with asyncio.timeout(10):
        for _ in range(200):
            await voice.tell("0123456789abcde\n" * 100)
    assert voice.held <= 8_000
    assert whole(taken(voice)).endswith(b"abcde\n")


@pytest.mark.parametrize(
    ("charset", "said"), [("cp949", "가나다\n뷁\n"), ("utf-8", "가\x1b[31m나\x1b[0m\r\n다 é\n")]
)
def test_a_stream_reads_the_same_however_it_is_cut(charset: str, said: str) -> None:
    data = said.encode(charset)
    expected = "".join([StreamText(charset).add(data)])
    for size in range(1, len(data)):
        stream = StreamText(charset)
        text = "".join(stream.add(data[at : at + size]) for at in range(0, len(data), size))
        assert text + stream.end() == expected


def test_a_line_without_an_end_comes_at_the_end_or_when_it_is_long() -> None:
    stream = StreamText("utf-8")
    assert stream.add(b"password: ") == ""
    assert stream.end() == "password: "
    assert StreamText("utf-8").add(b"x" * 10_000) == "x" * 10_000
