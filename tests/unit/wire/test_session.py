"""The session, driven without any I/O."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.messages import Beat, Envelope, StepProgress
from agent.wire.session import Session, SessionError

BEAT_S = 10.0


def message(number: int) -> StepProgress:
    return StepProgress(job_id="J260401-ABC123", step_id="s1", done=number, total=0)


def session(**options: int) -> Session:
    made = Session(heartbeat_s=BEAT_S, **options)
    made.attach(0, 0.0)
    return made


def envelope(seq: int, ack: int = 0) -> Envelope:
    return Envelope(seq=seq, ack=ack, message=message(seq))


def test_sends_each_message_once_per_connection_with_growing_numbers() -> None:
    one = session()
    one.send(message(1))
    one.send(message(2))
    assert [frame.seq for frame in one.frames(1.0) if isinstance(frame, Envelope)] == [1, 2]
    assert one.frames(2.0) == []


def test_keeps_a_message_until_it_is_acknowledged() -> None:
    one = session()
    one.send(message(1))
    one.send(message(2))
    one.receive(Beat(ack=1), 1.0)
    assert one.unacknowledged == 1


def test_sends_again_after_a_reconnection_what_the_other_end_lacks() -> None:
    one = session()
    for number in (1, 2, 3):
        one.send(message(number))
    one.frames(0.0)
    one.detach()
    one.attach(1, 5.0)
    assert [frame.seq for frame in one.frames(5.0) if isinstance(frame, Envelope)] == [2, 3]


def test_sends_nothing_while_detached() -> None:
    one = session()
    one.detach()
    one.send(message(1))
    assert one.frames(100.0) == []


def test_drops_a_duplicate() -> None:
    one = session()
    assert one.receive(envelope(1), 0.0) is not None
    assert one.receive(envelope(1), 0.0) is None
    assert one.received == 1


def test_detects_a_gap() -> None:
    one = session()
    with pytest.raises(SessionError, match="gap"):
        one.receive(envelope(2), 0.0)


def test_refuses_an_acknowledgement_of_what_was_never_sent() -> None:
    with pytest.raises(SessionError, match="ack_ahead"):
        session().receive(Beat(ack=1), 0.0)


def test_refuses_to_resume_when_the_other_end_has_forgotten_what_it_acknowledged() -> None:
    one = session()
    one.send(message(1))
    one.receive(Beat(ack=1), 0.0)
    one.detach()
    assert not one.can_resume(0)
    with pytest.raises(SessionError, match="resume_impossible"):
        one.attach(0, 1.0)


def test_refuses_to_resume_at_a_number_that_was_never_sent() -> None:
    with pytest.raises(SessionError, match="resume_impossible"):
        session().attach(7, 1.0)


def test_bounds_the_outbox() -> None:
    one = session(outbox_limit=2)
    one.send(message(1))
    one.send(message(2))
    with pytest.raises(SessionError, match="outbox_full"):
        one.send(message(3))


def test_beats_when_nothing_else_was_said_for_a_heartbeat() -> None:
    one = session()
    assert one.frames(BEAT_S - 0.1) == []
    assert one.frames(BEAT_S) == [Beat(ack=0)]
    assert one.frames(BEAT_S + 1) == []
    assert one.beat_due == 2 * BEAT_S


def test_acknowledges_a_message_at_once_but_not_a_beat() -> None:
    one = session()
    one.receive(envelope(1), 1.0)
    assert one.frames(1.0) == [Beat(ack=1)]
    one.receive(Beat(ack=0), 2.0)
    assert one.frames(2.0) == []


def test_lets_an_answer_carry_the_acknowledgement() -> None:
    one = session()
    one.receive(envelope(1), 1.0)
    one.send(message(1))
    assert one.frames(1.0) == [Envelope(seq=1, ack=1, message=message(1))]


def test_answers_a_question_whether_it_is_there() -> None:
    one, other = session(), session()
    one.ask()
    (question,) = one.frames(1.0)
    other.receive(question, 1.0)
    assert other.frames(1.0) == [Beat(ack=0)]


def test_takes_the_other_end_for_gone_after_three_silent_heartbeats() -> None:
    one = session()
    assert not one.silent(3 * BEAT_S - 0.1)
    assert one.silent(3 * BEAT_S)
    one.receive(Beat(ack=0), 25.0)
    assert not one.silent(30.0)


class Wire:
    """Two sessions and a connection between them that loses, repeats and breaks."""

    def __init__(self) -> None:
        self.ends = (session(), session())
        self.lines: tuple[deque[Envelope | Beat], ...] = (deque(), deque())
        self.sent: tuple[list[int], ...] = ([], [])
        self.got: tuple[list[int], ...] = ([], [])

    def say(self, end: int) -> None:
        number = len(self.sent[end]) + 1
        self.sent[end].append(number)
        self.ends[end].send(message(number))

    def flush(self, end: int) -> None:
        self.lines[end].extend(self.ends[end].frames(0.0))

    def lose(self, end: int) -> None:
        if self.lines[end]:
            self.lines[end].popleft()

    def repeat(self, end: int) -> None:
        if self.lines[end]:
            self.lines[end].appendleft(self.lines[end][0])

    def pass_on(self, end: int) -> None:
        if not self.lines[end]:
            return
        try:
            taken = self.ends[1 - end].receive(self.lines[end].popleft(), 0.0)
        except SessionError:
            self.reconnect(end)
        else:
            if isinstance(taken, StepProgress):
                self.got[1 - end].append(taken.done)

    def reconnect(self, _end: int) -> None:
        for line in self.lines:
            line.clear()  # what was under way is lost
        one, other = self.ends
        one.detach()
        other.detach()
        one.attach(other.received, 0.0)
        other.attach(one.received, 0.0)


STEPS = ("say", "flush", "lose", "repeat", "pass_on", "pass_on", "reconnect")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from((0, 1))), max_size=120))
def test_delivers_everything_once_and_in_order_whatever_happens_to_the_line(
    steps: list[tuple[str, int]],
) -> None:
    wire = Wire()
    for step, end in steps:
        getattr(wire, step)(end)
    wire.reconnect(0)
    while True:
        for end in (0, 1):
            wire.flush(end)
        if not any(wire.lines):
            break
        for end in (0, 1):
            while wire.lines[end]:
                wire.pass_on(end)
    assert wire.got[1] == wire.sent[0]
    assert wire.got[0] == wire.sent[1]
    assert all(end.unacknowledged == 0 for end in wire.ends)
