"""Results of checks as each messenger takes them: within its limits, the bad ones in sight."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from adapters.jandi.outbound import MAX_CHARACTERS, characters_of, messages_of
from adapters.slack.outbound import MAX_BLOCKS, shape
from adapters.teams.cards import MAX_CARD_BYTES, card_of, plain_text, size_of
from bot.core.cards import final_report, plan_card, progress_card
from bot.core.degradation import Place, degraded
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.job import JobState
from bot.core.domain.report import Attachment, Report
from bot.core.ports import Capabilities
from bot.core.texts import load_texts
from tests.fakes.planning import LEADER, NOW
from tests.fakes.read_jobs import (
    asking_with_exhibits,
    difference,
    disks_of_two,
    few_resources,
    health_of_three,
    logs_of_one,
    one_busy,
    sessions_of_one,
    sixty_resources,
    stale_files,
)

KO = load_texts("ko")
# Slack has been seen to refuse more, see adapters/slack/outbound.py.
SLACK_CHARACTERS = 13_000
NO_FILES = Capabilities(
    threads=False, buttons=False, files=False, edits=False, private_replies=False
)


def _asking() -> Report:
    job = asking_with_exhibits({0: stale_files(300), 1: difference()})
    return plan_card(job, approvers=[LEADER], texts=KO, now=NOW)


def _so_far() -> Report:
    job = sixty_resources(answered=45, state=JobState.RUNNING)
    return progress_card(replace(job, ended_at=None), texts=KO, now=NOW)


REPORTS: dict[str, tuple[Callable[[], Report], str]] = {
    "one": (lambda: final_report(one_busy(), texts=KO), "97.2% (심각)"),
    "few": (lambda: final_report(few_resources(), texts=KO), "1대 확인 실패"),
    "health": (lambda: final_report(health_of_three(), texts=KO), "2대 정상, 1대 이상"),
    "sixty": (lambda: final_report(sixty_resources(), texts=KO), "98% (심각)"),
    "so-far": (_so_far, "60대 중 45대 확인"),
    "tables": (lambda: final_report(disks_of_two(), texts=KO), "93.2 GB"),
    "sessions": (lambda: final_report(sessions_of_one(), texts=KO), "10.20.*.*"),
    "lines": (lambda: final_report(logs_of_one(), texts=KO), "SQLTransientConnectionException"),
    "exhibits": (_asking, "stale_files"),
}
EACH = pytest.mark.parametrize("name", REPORTS)


def made(name: str) -> tuple[Report, str]:
    """The report, and what has to be read in it."""
    make, said = REPORTS[name]
    return make(), KO.say("reading.grid.stale_files") if said == "stale_files" else said


@EACH
def test_slack_takes_it_and_what_is_left_out_is_in_a_file(name: str) -> None:
    report, said = made(name)
    shaped = shape(report, KO)
    told = json.dumps(shaped.blocks, ensure_ascii=False)
    assert len(told) <= SLACK_CHARACTERS
    assert len(shaped.blocks) <= MAX_BLOCKS
    assert said in told
    words = told + "".join(spill.content.decode() for spill in shaped.spills)
    for node in ("moef-budget-prod-was60", "moef-budget-prod-was33") if name == "sixty" else ():
        assert node in words


@EACH
def test_teams_takes_it_and_says_when_it_is_cut(name: str) -> None:
    report, said = made(name)
    card, whole = card_of(report, KO)
    assert size_of(card) <= MAX_CARD_BYTES
    assert said in json.dumps(card, ensure_ascii=False)
    assert whole or said in plain_text(report)


@EACH
def test_jandi_takes_it_in_messages_of_its_size(name: str) -> None:
    report, said = made(name)
    place = Place(conversation=ConversationRef(adapter="jandi", channel="t"), texts=KO)
    messages = messages_of(degraded(report, NO_FILES, place), KO)
    assert all(characters_of(message) <= MAX_CHARACTERS for message in messages)
    assert said in json.dumps(messages, ensure_ascii=False)


def test_where_no_file_can_be_sent_its_name_is_told() -> None:
    report, _ = made("one")
    chart = Attachment(digest="a" * 64, name="J1.png", size=9, media_type="image/png")
    place = Place(conversation=ConversationRef(adapter="jandi", channel="t"), texts=KO)
    messages = messages_of(degraded(replace(report, files=(chart,)), NO_FILES, place), KO)
    assert "J1.png" in json.dumps(messages, ensure_ascii=False)
