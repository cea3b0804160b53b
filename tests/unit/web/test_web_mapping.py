"""What is typed becomes the right inbound value; signed values open only for their purpose."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from adapters.web.inbound import to_inbound
from adapters.web.outbound import has_button, report_body
from adapters.web.session import Sessions, Signer, UploadTickets, code_digest
from bot.core.domain.conversation import Chat, Command, Mention, ReceivedFile
from bot.core.domain.report import Link
from bot.core.domain.room import RoomMessage
from bot.core.inbound_text import clean_name, clean_text
from bot.core.texts import load_texts
from tests.fakes.sample_reports import plan_report

NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
FILE = {"digest": "ab" * 32, "name": "a.zip", "size": 3}


def message(text: str, *, thread: str | None = None, files: tuple[object, ...] = ()) -> RoomMessage:
    return RoomMessage(
        message_id="m1",
        room="r",
        thread=thread,
        author="u1",
        body={"text": text, "files": list(files)},
        only_for=None,
        posted_at=NOW,
        revision=1,
        position=1,
    )


@pytest.mark.parametrize("call", ["@guardia", "@GUARDiA", "@가디아", "가디아야", "@guardia,"])
def test_a_call_is_a_mention_without_the_call(call: str) -> None:
    event = to_inbound(message(f"{call} 상태 보여줘", files=(FILE,)), bot_thread=False)
    assert isinstance(event, Mention)
    assert event.text == "상태 보여줘"
    assert event.files == (ReceivedFile(digest="ab" * 32, name="a.zip", size=3),)
    assert (event.event_id, event.conversation.thread) == ("m1", "m1")


@pytest.mark.parametrize("text", ["@guardians 회의", "어제 @guardia 가", "/smile", "밥 먹었어요?"])
def test_what_only_looks_like_a_call_is_chat(text: str) -> None:
    assert isinstance(to_inbound(message(text), bot_thread=False), Chat)


def test_a_slash_command_has_its_name_and_rest() -> None:
    event = to_inbound(message("/SM help me"), bot_thread=True)
    assert isinstance(event, Command)
    assert (event.name, event.text) == ("sm", "help me")


def test_a_reply_in_the_bots_thread_is_a_mention_in_that_thread() -> None:
    event = to_inbound(message("2번도요", thread="m0"), bot_thread=True)
    assert isinstance(event, Mention)
    assert event.conversation.thread == "m0"


def test_text_is_composed_and_free_of_control_characters() -> None:
    assert clean_text("\u1100\u1161\x00\r\nb\x1b ") == "가\nb"


@pytest.mark.parametrize(
    ("given", "kept"),
    [("../../etc/passwd", "passwd"), ("C:\\a\\b.zip", "b.zip"), ("..", "file"), ("a\u202eb", "ab")],
)
def test_a_file_name_is_a_label_and_never_a_path(given: str, kept: str) -> None:
    assert clean_name(given) == kept


def test_a_session_opens_until_it_lapses_and_not_when_forged() -> None:
    sessions = Sessions("a secret of the tests", hours=1)
    token = sessions.issue("u1", now=NOW)
    assert sessions.person(token, now=NOW) == "u1"
    assert sessions.person(token, now=NOW + timedelta(hours=1)) is None
    assert sessions.person(token[:-2] + "xx", now=NOW) is None
    assert Sessions("another secret of tests", hours=1).person(token, now=NOW) is None


def test_a_token_of_another_purpose_does_not_open() -> None:
    token = Signer("s" * 16, "upload").sign({"person": "u1"}, until=NOW + timedelta(hours=1))
    assert Sessions("s" * 16, hours=1).person(token, now=NOW) is None


def test_an_upload_is_its_owners_in_its_room_only() -> None:
    tickets = UploadTickets("s" * 16)
    file = ReceivedFile(digest="ab" * 32, name="가.zip", size=3)
    ticket = tickets.issue(file, person_id="u1", room="r", now=NOW)
    assert tickets.redeem(ticket, person_id="u1", room="r", now=NOW) == file
    assert tickets.redeem(ticket, person_id="u2", room="r", now=NOW) is None
    assert tickets.redeem(ticket, person_id="u1", room="q", now=NOW) is None


def test_a_code_reads_the_same_however_it_is_typed() -> None:
    assert code_digest(" abcd-1234 ") == code_digest("ABCD1234")


def test_only_the_button_as_posted_can_be_pressed() -> None:
    body = report_body(plan_report())
    assert has_button(body, "approve", "plan-7")
    assert not has_button(body, "approve", "plan-8")


def test_both_languages_have_the_same_page_sentences() -> None:
    catalogues = [load_texts(name).keys() for name in ("ko", "en")]
    keys = [{key for key in catalogue if key.startswith("web.")} for catalogue in catalogues]
    assert keys[0] == keys[1]


def test_a_report_carries_the_way_to_its_page_or_none() -> None:
    link = Link(url="https://bot.example/jobs/J260401-AB12CD", label="작업 페이지")
    body = report_body(replace(plan_report(), link=link))
    assert body["link"] == {"url": link.url, "label": link.label}
    assert report_body(plan_report())["link"] is None
