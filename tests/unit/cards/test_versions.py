"""Which version stood where, and what it is called."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from actions.rollback import Rollback
from bot.core.domain.job import JobState
from bot.core.versions import Past, files_before, version_changes, version_of
from tests.fakes.planning import deployment_of, job_of, pair, request_for, sha
from tests.fakes.told_jobs import FILES, earlier, pair_plan, succeeded_job

NODE = "moef-budget-prod-was01"
FILES_OF = st.dictionaries(st.text(min_size=1), st.none() | st.text(max_size=4), max_size=5)


@given(FILES_OF)
def test_a_version_does_not_depend_on_the_order_of_its_files(files: dict[str, str | None]) -> None:
    assert version_of(dict(reversed(files.items()))) == version_of(files)


@given(FILES_OF, FILES_OF)
def test_two_versions_are_equal_only_if_their_files_are(
    one: dict[str, str | None], other: dict[str, str | None]
) -> None:
    assert (version_of(one) == version_of(other)) == (one == other)


def test_a_file_that_is_absent_is_part_of_the_version() -> None:
    assert version_of({"a": None}) != version_of({})


def test_before_is_what_the_backup_found_and_the_survey_knew() -> None:
    before = files_before(succeeded_job(), NODE)
    assert before == {
        path: {"changed": sha(f"before {path}"), "new": None, "same": sha(path)}[state]
        for path, state in FILES.items()
    }


def test_without_a_backup_nobody_knows_what_changed_files_were() -> None:
    job = job_of(pair_plan(), JobState.RUNNING)
    assert files_before(job, NODE) is None
    assert version_changes(job)[NODE].before is None


def test_a_version_is_named_after_the_last_deployment_that_stood_there() -> None:
    job = succeeded_job()
    old = earlier(job.plan)
    older = replace(old, job_id="J260301-BBBBBB", ended_at=old.ended_at - timedelta(days=9))
    taken_back = replace(old, job_id="J260326-CCCCCC", undone=True)
    change = version_changes(job, Past(deployments=(taken_back, old, older)))[NODE]
    assert change.before_name == "J260325-AAAAAA (SR-2026-0312)"
    assert change.after_name == "J260401-AB12CD (SR-2026-0401)"


def test_a_job_is_not_its_own_past() -> None:
    job = succeeded_job()
    itself = replace(earlier(job.plan), job_id=job.job_id)
    assert version_changes(job, Past(deployments=(itself,)))[NODE].before_name == ""


def test_a_rollback_goes_the_way_of_its_deployment_backwards() -> None:
    two = pair()
    forth = succeeded_job()
    request = request_for(
        two, history=[deployment_of(forth.job_id, two.nodes)], job_id="J260402-ZZZZZZ"
    )
    back = job_of(Rollback().plan(request), JobState.SUCCEEDED)
    there = version_changes(forth)[NODE]
    again = version_changes(back, Past(undone=forth))[NODE]
    assert (again.before, again.after) == (there.after, there.before)
    assert again.before_name == there.after_name
