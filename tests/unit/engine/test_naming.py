"""Ids that are the same when the same thing happens twice."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from bot.core.domain.conversation import ConversationRef
from bot.engine.naming import event_key_of, job_id_of, thread_of

AT = datetime(2026, 4, 1, 5, 0, tzinfo=UTC)


def test_the_same_event_gives_the_same_job():
    assert job_id_of("web:e1", AT) == job_id_of("web:e1", AT)
    assert job_id_of("web:e1", AT) != job_id_of("web:e2", AT)
    assert job_id_of("web:e1", AT) != job_id_of("slack:e1", AT)


def test_job_ids_have_the_form_of_the_wire():
    ids = {job_id_of(f"web:e{number}", AT) for number in range(2000)}
    assert len(ids) == 2000
    assert all(re.fullmatch(r"J260401-[A-Z0-9]{6}", job_id) for job_id in ids)


def test_job_ids_carry_the_date_of_seoul():
    late = datetime(2026, 4, 1, 15, 0, tzinfo=UTC)  # already the next day there
    assert job_id_of("web:e1", late).startswith("J260402-")


def test_events_of_two_messengers_do_not_meet():
    assert event_key_of("web", "1") != event_key_of("slack", "1")


def test_a_message_opens_its_thread_or_stays_in_its_own():
    opening = ConversationRef(adapter="web", channel="ops", message="m1")
    within = ConversationRef(adapter="web", channel="ops", thread="m1", message="m2")
    thread = ConversationRef(adapter="web", channel="ops", thread="m1")
    assert thread_of(opening) == thread_of(within) == thread
    nowhere = ConversationRef(adapter="jandi", channel="ops")
    assert thread_of(nowhere) == nowhere
