"""The last lines of what runs now, on the one message that tells how far a job is.

Owns: how many lines of how many steps, and that they are masked. All of it is on the job's page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.wire.plan import Step
from bot.core.cards.wording import masked_line, size_of, step_label
from bot.core.check_ports import OutputPart
from bot.core.domain.report import Lines, Report
from bot.core.texts import Texts

_LINES = 8
_LINE_MAX = 200  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A step that runs and has said something."""

    step: Step
    part: OutputPart


def with_last_lines(report: Report, said: Sequence[Said], *, texts: Texts) -> Report:
    """The report with the last lines of each."""
    more = tuple(
        Lines(lines=lines, title=_title(each, texts)) for each in said if (lines := _last(each))
    )
    return replace(report, sections=(*report.sections, *more))


def _last(said: Said) -> tuple[str, ...]:
    lines = [line for line in (said.part.tail or said.part.head).splitlines() if line.strip()]
    return tuple(_cut(masked_line(line)) for line in lines[-_LINES:])


def _cut(line: str) -> str:
    return line if len(line) <= _LINE_MAX else line[: _LINE_MAX - 1] + "…"


def _title(said: Said, texts: Texts) -> str:
    return texts.say(
        "output.last",
        node=said.step.node_id,
        step=step_label(said.step, texts),
        size=size_of(said.part.size),
    )
