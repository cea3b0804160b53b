"""What the steps noticed beside their work: it stops nothing and should not go unread.

Owns: open connections, old algorithms, clocks that differ, what the log has told afterwards or
could not be asked, and its word for a good start.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.wire.plan import Step
from agent.wire.results import Health, LogFindings, Settled, Space
from bot.core.cards.wording import listed, records_of
from bot.core.domain.job import Job, StepRecord, StepState
from bot.core.domain.report import Notice, Section, Table, Tone
from bot.core.redaction import redact
from bot.core.texts import Texts

_CLOCK_MAX_S = 60
_NODES_NAMED = 10
_ROWS_OPEN = 4
_LINE_MAX = 300  # characters
_STARTED = re.compile(r"Server startup in")


def observation_sections(job: Job, texts: Texts) -> list[Section]:
    """One notice for each kind of observation, its nodes in it."""
    open_at: dict[str, str] = {}
    legacy: dict[str, str] = {}
    clocks: dict[str, str] = {}
    troubles: dict[str, str] = {}
    lost: dict[str, str] = {}
    for step, record in _records(job):
        if isinstance(record.result, Settled) and record.result.still_open:
            open_at[step.node_id] = str(record.result.still_open)
        if isinstance(record.result, Space):
            if record.result.legacy:
                legacy[step.node_id] = redact(", ".join(record.result.legacy))
            ahead = record.result.clock_ahead_s
            if ahead is not None and abs(ahead) > _CLOCK_MAX_S:
                clocks[step.node_id] = _clock_words(ahead, texts)
        if isinstance(record.result, Health) and record.result.troubles:
            times = texts.say("cards.observed.times", count=record.result.troubles)
            troubles[step.node_id] = times
        if isinstance(record.result, LogFindings | Health) and record.result.lost:
            lost[step.node_id] = texts.say(f"cards.observed.lost_{record.result.lost}")
    found = {
        "still_open": open_at,
        "legacy": legacy,
        "clock": clocks,
        "troubles": troubles,
        "log_lost": lost,
    }
    return [
        Notice(
            text=texts.say(f"cards.observed.{name}", nodes=_named(nodes, texts)),
            tone=Tone.NEUTRAL if name == "still_open" else Tone.WARNING,
        )
        for name, nodes in found.items()
        if nodes
    ]


def started_section(job: Job, texts: Texts) -> list[Section]:
    """The line with which each node's log said that the start succeeded, where it is known."""
    rows: dict[str, str] = {}
    for step, record in _records(job):
        line = next((one for one in record.lines if _says_started(job, step, one)), "")
        if line and record.state is StepState.SUCCEEDED:
            rows[step.node_id] = redact(line.strip())[:_LINE_MAX]
    if not rows:
        return []
    columns = tuple(texts.say(f"cards.column.{name}") for name in ("node", "started"))
    title = texts.say("cards.observed.started", count=len(rows))
    folded = len(rows) > _ROWS_OPEN
    return [Table(columns=columns, rows=tuple(rows.items()), title=title, folded=folded)]


def _says_started(job: Job, step: Step, line: str) -> bool:
    if step.operation.kind != "scan_log":
        return False
    target = job.plan.wire.target(step.node_id)
    word = target.service.log_success if target else None
    return bool(_STARTED.search(line)) or bool(word and word in line)


def _records(job: Job) -> Iterator[tuple[Step, StepRecord]]:
    records = records_of(job)
    for step in job.plan.wire.steps():
        if step.step_id in records:
            yield step, records[step.step_id]


def _named(nodes: dict[str, str], texts: Texts) -> str:
    return listed([f"{node} ({said})" for node, said in nodes.items()], _NODES_NAMED, texts)


def _clock_words(ahead_s: int, texts: Texts) -> str:
    key = "cards.observed.ahead" if ahead_s > 0 else "cards.observed.behind"
    minutes, seconds = divmod(abs(ahead_s), 60)
    return texts.say(key, minutes=minutes, seconds=seconds)
