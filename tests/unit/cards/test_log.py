"""The log of a job as a file: every step with what it said, and nothing that is secret."""

from __future__ import annotations

from dataclasses import replace

from bot.core.cards import job_log, wants_log
from bot.core.domain.plan import Risk
from bot.core.redaction import redact
from bot.core.texts import load_texts
from tests.fakes.told_jobs import rolled_back_job, succeeded_job

TEXTS = load_texts("ko")


def test_it_tells_every_step_that_was_run_by_its_node() -> None:
    job = succeeded_job()
    log = job_log(job, TEXTS)
    assert log.startswith(TEXTS.say("cards.footer_job", job=job.job_id))
    assert log.endswith("\n")
    for run in job.plan.wire.runs():
        assert f"[{run.node_id}]" in log
    assert log.count("succeeded") == len(job.steps)


def test_it_keeps_the_lines_of_what_failed() -> None:
    job = rolled_back_job()
    lines = [redact(line) for record in job.steps for line in record.lines]
    assert lines
    log = job_log(job, TEXTS)
    assert all(line in log for line in lines)


def test_a_password_in_a_line_stays_out_of_it() -> None:
    job = succeeded_job()
    told = replace(job.steps[0], lines=("connecting with password=hunter2",))
    log = job_log(replace(job, steps=(told, *job.steps[1:])), TEXTS)
    assert "connecting" in log
    assert "hunter2" not in log


def test_a_change_that_ran_always_has_one_and_a_short_reading_has_none() -> None:
    job = succeeded_job()
    assert wants_log(job)
    assert not wants_log(replace(job, steps=()))
    reading = replace(job, plan=replace(job.plan, risk=Risk.READ))
    assert not wants_log(reading)
    long = replace(job.steps[0], lines=tuple(map(str, range(100))))
    assert wants_log(replace(reading, steps=(long,)))
