"""Words for times, sizes, steps and codes.

Owns: how small things are said on every card. Must not know which card asks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from agent.wire.operations import DrainDevice, DrainMember
from agent.wire.plan import Step
from bot.core.domain.decision import Approval
from bot.core.domain.job import Job, StepRecord
from bot.core.domain.report import Link
from bot.core.redaction import redact
from bot.core.texts import Texts

SEOUL = ZoneInfo("Asia/Seoul")
_SHORT_DIGEST = 12
_UNSAID = {"host"}  # an address would be masked anyway, and the node has a name
_VALUE_MAX = 200  # characters of one value that came from a server
_KEY_LINE = re.compile(r"[A-Za-z0-9+/]{60,}={0,2}")  # of a private key, and of little else
_HIDDEN = "●●●"


def clock(at: datetime) -> str:
    """The time of day in Seoul, ``14:03``."""
    return at.astimezone(SEOUL).strftime("%H:%M")


def day_and_clock(at: datetime) -> str:
    return in_seoul(at).strftime("%Y-%m-%d %H:%M")


def in_seoul(at: datetime) -> datetime:
    """That instant there. The first and the last day that there is are left as they are: databases
    write "never" and "for ever" with them."""
    try:
        return at.astimezone(SEOUL)
    except OverflowError:
        return at


def masked_line(line: str) -> str:
    """A line of a server's output as people may read it. Lines come and are cut as they are said:
    whether a private key begins above them nobody can see, so its lines go one by one."""
    return _HIDDEN if _KEY_LINE.fullmatch(line.strip()) else redact(line)


def size_of(size: int) -> str:
    """Bytes as people write them."""
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def took(elapsed_ms: int, texts: Texts) -> str:
    """A duration in words; below ten seconds with one decimal."""
    if elapsed_ms < 10_000:
        return texts.say("time.seconds", seconds=f"{elapsed_ms / 1000:.1f}")
    minutes, seconds = divmod(round(elapsed_ms / 1000), 60)
    if not minutes:
        return texts.say("time.seconds", seconds=seconds)
    return texts.say("time.minutes", minutes=minutes, seconds=seconds)


def between(start: datetime | None, end: datetime | None, texts: Texts) -> str:
    """How long from one instant to another; a dash when either is not known."""
    if start is None or end is None:
        return "-"
    return took(max(0, round((end - start).total_seconds() * 1000)), texts)


def short(digest: str) -> str:
    return digest[:_SHORT_DIGEST]


def step_label(step: Step, texts: Texts) -> str:
    """What the step does, and where, if that is not the node itself."""
    operation = step.operation
    if isinstance(operation, DrainMember):
        return texts.say(f"steps.kind.drain_member_{operation.state}", helper=step.node_id)
    if isinstance(operation, DrainDevice):
        return texts.say(f"steps.kind.drain_device_{operation.state}", device=operation.device)
    key = f"steps.kind.{operation.kind}"
    return texts.say(key) if texts.has(key) else operation.kind


def outcome_words(record: StepRecord, texts: Texts, *, node: str = "") -> str:
    """The sentence of a step's code, then its values; ``node``: the one that the reader is told
    of anyway. The step's lines are the caller's."""
    return failure_words(record.code, record.values, texts, node=node)


def failure_words(
    code: str, values: Iterable[tuple[str, str]], texts: Texts, *, node: str = ""
) -> str:
    """As ``outcome_words``, of a code and its values. A server is called by its name only."""
    said = code_words(code, texts)
    details = [
        f"{_value_name(name, texts)} {_value(name, value)}"
        for name, value in values
        if value and name not in _UNSAID and (name, value) != ("node", node)
    ]
    return f"{said} ({', '.join(details)})" if details else said


def code_words(code: str, texts: Texts) -> str:
    """The sentence of a step's code alone."""
    key = f"steps.code.{code}"
    return texts.say(key) if texts.has(key) else texts.say("steps.other", code=code)


def _value(name: str, value: str) -> str:
    if value.isdecimal() and (name == "free" or name.endswith("_bytes")):
        return size_of(int(value))
    return redact(value)[:_VALUE_MAX]


def _value_name(name: str, texts: Texts) -> str:
    key = f"steps.value.{name}"
    return texts.say(key) if texts.has(key) else name


def records_of(job: Job) -> Mapping[str, StepRecord]:
    """What is known of every step, by its id."""
    return {record.step_id: record for record in job.steps}


def listed(names: Sequence[str], limit: int, texts: Texts) -> str:
    """Names in one line, the tail as a count."""
    shown = ", ".join(names[:limit])
    if len(names) <= limit:
        return shown
    return texts.say("cards.and_more", shown=shown, count=len(names) - limit)


def approval_words(approval: Approval, texts: Texts) -> str:
    """Who said what, when, and whether with a one-time code."""
    coded = "_with_code" if approval.one_time_code else ""
    return texts.say(
        f"cards.verdict.{approval.verdict.value}{coded}",
        name=approval.name,
        role=texts.say(f"role.{approval.role.value}"),
        time=clock(approval.at),
    )


def footer(job: Job, texts: Texts, at: datetime) -> str:
    return texts.say("cards.footer", job=job.job_id, time=day_and_clock(at))


def page_link(job: Job, texts: Texts, console_url: str | None) -> Link | None:
    """The way to the job's own page; None where nobody knows under which address it is reached."""
    if not console_url:
        return None
    address = f"{console_url.rstrip('/')}/jobs/{job.job_id}"
    return Link(url=address, label=texts.say("cards.page"))
