"""What is a frame and what is not."""

from __future__ import annotations

import json

import pytest

from agent.wire.codec import MAX_FRAME_BYTES, CodecError, decode, encode, fits
from agent.wire.handshake import new_nonce
from agent.wire.messages import (
    Beat,
    BlobChunk,
    Enrol,
    Envelope,
    Frame,
    Hello,
    Refused,
    StepOrder,
    StepOutcome,
    Welcome,
)
from agent.wire.results import Digests

JOB = "J260401-ABC123"
OUTCOME = StepOutcome(
    job_id=JOB,
    step_id="s1",
    state="succeeded",
    lines=("한글 로그",),
    result=Digests(files={"a/b.jsp": "0" * 64, "c": None}),
)

FRAMES: list[Frame] = [
    Hello(agent="a", version="1", nonce=new_nonce()),
    Welcome(session_id="x", resumed=False, heartbeat_s=10),
    Refused(code="no"),
    Beat(ack=3, ask=True),
    Envelope(seq=1, ack=0, message=OUTCOME),
    Envelope(seq=2, ack=0, message=StepOrder(job_id=JOB, plan_digest="1" * 64, step_id="s1")),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame.kind)
def test_a_frame_comes_back_as_it_was(frame: Frame) -> None:
    assert decode(encode(frame)) == frame
    assert decode(encode(frame).encode()) == frame


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"kind":"beat","ack":1,"ack":2}', id="a key twice"),
        pytest.param('{"kind":"beat","kind":"refused","ack":1}', id="a kind twice"),
        pytest.param('{"kind":"beat","ack":1,"more":2}', id="an unknown field"),
        pytest.param('{"kind":"beat","ack":"1"}', id="a number as text"),
        pytest.param('{"kind":"beat","ack":1.0}', id="a whole number as a fraction"),
        pytest.param('{"kind":"beat","ack":true}', id="a boolean for a number"),
        pytest.param('{"kind":"beat","ack":-1}', id="a negative number"),
        pytest.param('{"kind":"beat","ack":NaN}', id="not a number"),
        pytest.param('{"kind":"beat","ack":' + "9" * 400 + "}", id="a number beyond all floats"),
        pytest.param(
            '{"kind":"envelope","seq":1,"ack":0,"message":{"kind":"step_outcome","job_id":"J260401-'
            'ABC123","step_id":"s1","state":"succeeded","result":{"kind":"reading","level":"normal",'
            '"facts":[{"name":"cpu","value":1e309,"unit":"percent"}]}}}',
            id="an infinite number",
        ),
        *(
            pytest.param(
                '{"kind":"envelope","seq":1,"ack":0,"message":{"kind":"step_progress","job_id":'
                f'"J260401-ABC123","step_id":"s1","done":{number},"total":1}}}}',
                id=f"progress of {number}",
            )
            for number in (-1, 10**30)
        ),
        pytest.param(
            '{"kind":"envelope","seq":1,"ack":0,"message":{"kind":"blob_request","request_id":1,'
            '"job_id":"J260401-ABC123","sha256":"' + "1" * 64 + '","offset":1' + "0" * 25 + ","
            '"length":1}}',
            id="a piece beyond every file",
        ),
        pytest.param(
            '{"kind":"envelope","seq":1,"ack":0,"message":{"kind":"scripts_announced","scripts":[{'
            '"script":"a","sha256":"' + "1" * 64 + '","title":"x\\n승인됨","risk":"danger"}]}}',
            id="a title of two lines",
        ),
        pytest.param('{"kind":"refused","code":"a","detail":"x\\u0000"}', id="a zero character"),
        pytest.param(
            '{"kind":"refused","code":"a","detail":"\\\\\\u0000"}', id="one behind a backslash"
        ),
        pytest.param('{"kind":"shell","command":"id"}', id="an unknown kind"),
        pytest.param('{"ack":1}', id="no kind"),
        pytest.param("[1]", id="no object"),
        pytest.param("", id="nothing"),
        pytest.param('{"kind":"beat","ack":1} {}', id="two values"),
        pytest.param('{"kind":"refused","code":"a","detail":"\\ud800"}', id="half a character"),
        pytest.param("[" * 100_000, id="deep nesting"),
        pytest.param(
            '{"kind":"envelope","seq":1,"ack":0,"message":{"kind":"step_order","job_id":"J260401-'
            'ABC123","plan_digest":"' + "1" * 64 + '","step_id":"s1","step_id":"s2"}}',
            id="a key twice further down",
        ),
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(CodecError):
        decode(text)


def test_what_would_be_refused_cannot_be_sent() -> None:
    assert fits(OUTCOME)
    assert not fits(OUTCOME.model_copy(update={"lines": ("a\x00b",)}))


def test_a_text_that_writes_the_zero_character_out_is_a_text() -> None:
    frame = Refused(code="a", detail="a\\u0000 and \\\\u0000")
    assert decode(encode(frame)) == frame


def test_refuses_what_is_not_utf8() -> None:
    with pytest.raises(CodecError):
        decode(b'{"kind":"refused","code":"a","detail":"\xff"}')


def test_refuses_a_frame_that_is_too_large_in_both_directions() -> None:
    big = BlobChunk(request_id=1, found=True, data="A" * MAX_FRAME_BYTES)
    with pytest.raises(CodecError, match="too large"):
        encode(Envelope(seq=1, ack=0, message=big))
    with pytest.raises(CodecError, match="too large"):
        decode(json.dumps({"kind": "refused", "code": "a", "detail": "A" * MAX_FRAME_BYTES}))
    assert not fits(big)
    assert fits(OUTCOME)


def test_the_largest_piece_of_a_file_fits() -> None:
    assert fits(BlobChunk(request_id=1, found=True, data="A" * (4 * (1 << 20) // 3 + 4)))


def test_an_error_does_not_quote_what_was_sent() -> None:
    text = json.dumps(
        {"kind": "enrol", "token": ["hunter2"], "verify_key": "A", "seal_key": "A", "proof": "A"}
    )
    with pytest.raises(CodecError) as caught:
        decode(text)
    assert "hunter2" not in str(caught.value)


def test_a_token_is_not_shown_when_a_frame_is_printed() -> None:
    frame = Enrol(token="hunter2", verify_key="", seal_key="", proof="")
    assert "hunter2" not in repr(frame)
