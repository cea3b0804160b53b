"""The same change is not planned a second time while it waits for approval."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from agent.wire.readings import Reading
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job, JobState
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.engine.repeats import require_new
from bot.engine.services import Stores
from tests.fakes.values import a_job, a_plan, a_run, a_wire_plan

CLEAR = Intent(action="backup_and_clear")
SEEN = (("was01", Reading(level="normal")),)


class Active:
    """The history of jobs that have not ended."""

    def __init__(self, *jobs: Job) -> None:
        self.history = self
        self._jobs = jobs

    async def active_jobs(self) -> tuple[Job, ...]:
        return self._jobs


def asked(job_id: str, *, exhibits: tuple[tuple[str, Reading], ...] = SEEN, **wire: str) -> Plan:
    made = a_wire_plan(a_run("was01", []), job_id=job_id, **wire)
    return replace(a_plan(made), exhibits=exhibits)


def waiting(plan: Plan, **more: object) -> Job:
    job = replace(a_job(), job_id=plan.wire.job_id, plan=plan, state=JobState.AWAITING_APPROVAL)
    return replace(job, **more)


async def again(plan: Plan, *jobs: Job, intent: Intent = CLEAR) -> Plan:
    return await require_new(plan, intent, cast(Stores, Active(*jobs)))


async def test_the_one_that_waits_is_named_whoever_asks() -> None:
    first = waiting(asked("J260523-AAAAAA"))
    with pytest.raises(UserError) as refused:
        await again(asked("J260523-BBBBBB", requested_by="u099"), first)
    assert refused.value.code == "already_waiting"
    assert refused.value.values["job"] == "J260523-AAAAAA"


async def test_what_does_not_wait_or_is_another_change_stands_in_nobodys_way() -> None:
    plan = asked("J260523-BBBBBB")
    same = asked("J260523-AAAAAA")
    for job in (
        waiting(same, state=JobState.RUNNING),
        waiting(same, cancel_requested_by="u032"),
        waiting(asked("J260523-AAAAAA", sr="SR-2026-0402")),
        waiting(plan),  # the very message, handled a second time
    ):
        assert await again(plan, job) is plan


async def test_a_correction_and_what_rests_on_nothing_found_are_planned() -> None:
    first = waiting(asked("J260523-AAAAAA"))
    plan = asked("J260523-BBBBBB")
    assert await again(plan, first, intent=replace(CLEAR, corrects="J260523-AAAAAA")) is plan
    bare = asked("J260523-BBBBBB", exhibits=())
    assert await again(bare, waiting(asked("J260523-AAAAAA", exhibits=()))) is bare
