"""What every step of a job did, as a text file: what a report leaves out, and evidence for an SR.

Owns: the lines of that file. Reads the job only; servers' lines are redacted, else as they
came.
"""

from __future__ import annotations

from agent.wire.readings import Reading
from bot.core.cards.reading_lines import reading_lines
from bot.core.cards.wording import (
    approval_words,
    day_and_clock,
    masked_line,
    outcome_words,
    records_of,
    step_label,
    took,
)
from bot.core.domain.job import Job, StepRecord
from bot.core.domain.plan import Risk
from bot.core.texts import Texts

_LONG = 40  # lines of output that a reading's report shows anyway


def wants_log(job: Job) -> bool:
    """Whether there is more to tell of the job than its report: of changes always."""
    ran = bool(job.steps)
    if job.plan.risk is not Risk.READ:
        return ran
    return sum(len(record.lines) for record in job.steps) > _LONG


def job_log(job: Job, texts: Texts) -> str:
    """The file's text, ending with a line break."""
    records = records_of(job)
    lines = [texts.say("cards.footer_job", job=job.job_id), texts.note(job.plan.title)]
    lines += [f"SR {job.sr}"] if job.sr else []
    lines += [f"{job.requester_name} {day_and_clock(job.created_at)}"]
    lines += [approval_words(approval, texts) for approval in job.approvals]
    for run in job.plan.wire.runs():
        lines += ["", f"[{run.node_id}]"]
        for step in (*run.steps, *run.undo):
            record = records.get(step.step_id)
            if record is not None:
                lines += _told(record, step_label(step, texts), texts)
    return "\n".join(lines) + "\n"


def _told(record: StepRecord, label: str, texts: Texts) -> list[str]:
    at = day_and_clock(record.started_at) if record.started_at else "-"
    spent = took(record.elapsed_ms, texts)
    head = f"{at}  {label}: {record.state.value} ({spent}) {outcome_words(record, texts)}"
    answered = record.result
    found = reading_lines(answered, texts) if isinstance(answered, Reading) else []
    return [head.rstrip(), *(f"    {masked_line(line)}" for line in (*found, *record.lines))]
