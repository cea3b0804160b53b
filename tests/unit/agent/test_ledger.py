"""The ledger: what it has been told is there after the process has gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger import Ledger, LedgerError
from agent.wire.messages import StepOutcome
from agent.wire.results import LogMark
from tests.fakes.agent import JOB, NOW, Site, a_plan, a_target

DIGEST = "a" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def outcome(code: str = "ok", size: int = 3) -> StepOutcome:
    result = LogMark(size=size)
    return StepOutcome(job_id=JOB, step_id="s1", state="succeeded", code=code, result=result)


def test_an_order_survives_the_process_and_a_newer_one_replaces_it(
    path: Path, tmp_path: Path
) -> None:
    site, plan = Site(), a_plan(a_target(tmp_path), ())
    Ledger(path).keep_order(plan.digest(), site.order(plan), NOW)
    newer = site.order(plan, site.grant(plan, fencing_token=8))
    Ledger(path).keep_order(plan.digest(), newer, NOW)
    assert Ledger(path).find_order(plan.digest()) == newer
    assert Ledger(path).find_order(DIGEST) is None


def test_a_begun_step_without_an_end_is_found_as_such(path: Path) -> None:
    Ledger(path).begin(JOB, "s1", plan_digest=DIGEST, at=NOW)
    entry = Ledger(path).find(JOB, "s1")
    assert entry is not None
    assert (entry.attempt, entry.outcome) == (1, None)


def test_attempts_count_over_restarts(path: Path) -> None:
    for expected in (1, 2, 3):
        assert Ledger(path).begin(JOB, "s1", plan_digest=DIGEST, at=NOW) == expected


def test_the_first_outcome_stays(path: Path) -> None:
    ledger = Ledger(path)
    ledger.begin(JOB, "s1", plan_digest=DIGEST, at=NOW)
    ledger.finish(outcome())
    ledger.finish(outcome("other"))
    entry = ledger.find(JOB, "s1")
    assert entry is not None
    assert entry.outcome == outcome()


def test_a_finished_step_cannot_begin_again(path: Path) -> None:
    ledger = Ledger(path)
    ledger.begin(JOB, "s1", plan_digest=DIGEST, at=NOW)
    ledger.finish(outcome())
    with pytest.raises(LedgerError):
        ledger.begin(JOB, "s1", plan_digest=DIGEST, at=NOW)


def test_a_step_of_one_plan_cannot_begin_under_another(path: Path) -> None:
    ledger = Ledger(path)
    ledger.begin(JOB, "s1", plan_digest=DIGEST, at=NOW)
    with pytest.raises(LedgerError):
        ledger.begin(JOB, "s1", plan_digest="b" * 64, at=NOW)


def test_a_step_that_never_began_cannot_end(path: Path) -> None:
    with pytest.raises(LedgerError):
        Ledger(path).finish(outcome())


def test_results_are_those_of_the_job(path: Path) -> None:
    ledger = Ledger(path)
    ledger.begin(JOB, "s1", plan_digest=DIGEST, at=NOW)
    ledger.begin(JOB, "s2", plan_digest=DIGEST, at=NOW)
    ledger.finish(outcome())
    assert ledger.results(JOB) == {"s1": LogMark(size=3)}
    assert ledger.results("J260401-ZZZZZZ") == {}


def test_the_fence_only_rises(path: Path) -> None:
    ledger = Ledger(path)
    assert ledger.fence("a") == 0
    ledger.raise_fence("a", 5)
    ledger.raise_fence("a", 3)
    ledger.raise_fence("b", 1)
    assert (Ledger(path).fence("a"), Ledger(path).fence("b")) == (5, 1)


def test_a_file_that_is_no_ledger_is_refused(path: Path) -> None:
    path.write_text("not a database, but long enough to be looked at as one" * 50)
    with pytest.raises(LedgerError):
        Ledger(path)


def test_a_closed_ledger_says_so_in_its_own_words(path: Path) -> None:
    ledger = Ledger(path)
    ledger.close()
    with pytest.raises(LedgerError):
        ledger.find(JOB, "s1")


def test_forgets_what_has_long_ended_but_nothing_unfinished(path: Path, tmp_path: Path) -> None:
    ledger, plan = Ledger(path), a_plan(a_target(tmp_path), ())
    ledger.keep_order(plan.digest(), Site().order(plan), NOW)
    ledger.begin(JOB, "s1", plan_digest=DIGEST, at=NOW)
    ledger.begin(JOB, "s2", plan_digest=DIGEST, at=NOW)
    ledger.finish(outcome())
    ledger.raise_fence("a", 5)
    ledger.forget(NOW)
    assert ledger.find(JOB, "s1") is not None
    ledger.forget(NOW + timedelta(seconds=1))
    assert ledger.find(JOB, "s1") is None
    assert ledger.find_order(plan.digest()) is None
    assert ledger.find(JOB, "s2") is not None
    assert ledger.fence("a") == 5
