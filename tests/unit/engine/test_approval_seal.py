"""A verdict that the bot has not taken itself is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from nacl.signing import SigningKey

from bot.core.domain.decision import Verdict
from bot.core.domain.people import Role
from bot.engine.approval_seal import ApprovalSeal
from tests.fakes.jobs import NOW, sample_approval

KEY = SigningKey.generate()
SEAL = ApprovalSeal(KEY)
GIVEN = SEAL.close(replace(sample_approval(), run_at=NOW + timedelta(hours=1)))


def test_what_was_sealed_is_genuine_for_the_same_bot_only() -> None:
    assert ApprovalSeal(SigningKey(bytes(KEY))).genuine([GIVEN]) == (GIVEN,)
    assert ApprovalSeal(SigningKey.generate()).genuine([GIVEN]) == ()
    assert SEAL.genuine([sample_approval()]) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"job_id": "J260401-ZZZZZZ"},
        {"person_id": "u999"},
        {"role": Role.PM},
        {"verdict": Verdict.REJECT},
        {"plan_digest": "0" * 64},
        {"stage": 1},
        {"at": NOW},
        {"run_at": None},
        {"seal": "금지"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_nothing_of_it_can_be_changed(change: dict[str, object]) -> None:
    assert SEAL.genuine([replace(GIVEN, **change)]) == ()


def test_the_zone_that_an_instant_is_written_in_does_not_matter() -> None:
    seoul = timezone(timedelta(hours=9))
    same: datetime = GIVEN.at.astimezone(seoul)
    assert same.astimezone(UTC) == GIVEN.at
    assert SEAL.genuine([replace(GIVEN, at=same)])
