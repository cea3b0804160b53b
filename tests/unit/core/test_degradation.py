"""One table says what becomes of a report where a messenger lacks something."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from bot.core.degradation import TABLE, Place, degraded
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import (
    Attachment,
    Button,
    Facts,
    Link,
    Notice,
    Paragraph,
    Report,
    Table,
)
from bot.core.ports import Capabilities
from bot.core.texts import LANGUAGES, load_texts

TEXTS = load_texts("ko")
ROOM = ConversationRef(adapter="x", channel="ops", thread="t")
FULL = Capabilities(threads=True, buttons=True, files=True, edits=True, private_replies=True)
BARE = Capabilities(
    threads=False,
    buttons=False,
    files=False,
    edits=False,
    private_replies=False,
    mentions=False,
    commands=False,
    verified_senders=False,
)
APPROVE = Button(button="approve", value="J1:d", label="승인", confirm="정말 승인합니까?")
CANCEL = Button(button="cancel", value="J1", label="취소")
LOG = Attachment(digest="d" * 64, name="작업.log", size=3, media_type="text/plain")
RICH = Report(
    title="배포 계획",
    summary="예산시스템에 배포합니다",
    sections=(Paragraph(text="문장"), Table(columns=("a",), rows=(("1",),))),
    buttons=(APPROVE, CANCEL),
    files=(LOG,),
    link=Link(url="http://x/jobs/J1", label="작업 화면"),
    wants_files=True,
)


class Links:
    """ConsoleLinks that say what they are for."""

    def action(self, button: Button, message: ConversationRef, *, life: timedelta) -> str:
        return f"act/{button.button}/{button.value}/{message.thread}"

    def upload(self, conversation: ConversationRef, *, life: timedelta) -> str:
        return f"upload/{conversation.thread}"

    def file(self, digest: str, name: str, conversation: ConversationRef) -> str:
        return f"file/{digest[:4]}/{name}"


HERE = Place(conversation=ROOM, texts=TEXTS, links=Links())
NOWHERE = Place(conversation=ROOM, texts=TEXTS)


def test_the_table_has_a_row_for_every_capability():
    kinds = {field.name for field in fields(Capabilities) if field.type == "bool"}
    assert set(TABLE) == kinds


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("capability", TABLE)
def test_every_row_is_told_in_words(language: str, capability: str):
    texts = load_texts(language)
    assert texts.say(f"messengers.has.{capability}")
    assert texts.say(f"messengers.without.{capability}")


def test_a_messenger_that_can_do_everything_gets_the_very_same_report():
    assert degraded(RICH, FULL, HERE) is RICH


def test_buttons_become_links_with_their_labels_in_order():
    made = degraded(RICH, replace(FULL, buttons=False), HERE)
    assert made.buttons == ()
    assert [(link.label, link.url) for link in made.links] == [
        ("승인", "act/approve/J1:d/t"),
        ("취소", "act/cancel/J1/t"),
    ]
    assert made.sections == RICH.sections


def test_files_become_links_and_a_wish_for_files_the_upload_page():
    made = degraded(RICH, replace(FULL, files=False), HERE)
    assert made.files == ()
    assert [link.url for link in made.links] == ["file/dddd/작업.log", "upload/t"]
    assert made.buttons == RICH.buttons


def test_without_pages_of_our_own_it_says_where_to_go_instead():
    made = degraded(RICH, BARE, NOWHERE)
    assert (made.buttons, made.files, made.links) == ((), (), ())
    said = " ".join(each.text for each in made.sections if isinstance(each, Notice))
    assert "승인, 취소" in said
    assert "작업.log" in said


def test_what_was_for_one_person_shows_everybody_only_its_sentences():
    private = replace(RICH, only_for="u1", sections=(*RICH.sections, Facts(rows=(("a", "b"),))))
    made = degraded(private, BARE, HERE)
    assert made.only_for is None
    assert made.sections == (Paragraph(text="문장"),)
    assert (made.buttons, made.files, made.link) == ((), (), None)
    assert not any("act/" in link.url for link in made.links)


def test_a_report_that_asks_for_nothing_special_stays_as_it_is():
    plain = Report(title="a", summary="b")
    assert degraded(plain, BARE, HERE) == plain


def test_degrading_twice_is_degrading_once():
    once = degraded(RICH, BARE, HERE)
    assert degraded(once, BARE, HERE) == once
