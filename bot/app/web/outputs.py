"""What a step answered, as lines for the job's page.

Owns: the words of every typed result. Pure; everything that came from a server is masked here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.wire.readings import Reading
from agent.wire.results import (
    Digests,
    Done,
    Health,
    LogFindings,
    LogMark,
    NodeProbe,
    ServiceState,
    Settled,
    Space,
)
from bot.core.cards.reading_lines import reading_lines
from bot.core.cards.wording import masked_line, short, size_of
from bot.core.domain.job import StepRecord
from bot.core.texts import Texts

FILES_SHOWN = 500
_LINES_SHOWN = 2000
_LINE_MAX = 2000  # characters


def output_of(record: StepRecord, texts: Texts) -> tuple[str, ...]:
    """Everything that is kept of the step: its result in words, then its output, each line once."""
    found: dict[str, None] = dict.fromkeys(_told(record, texts))
    found.update(dict.fromkeys(record.lines))
    if isinstance(record.result, LogFindings):
        found.update(dict.fromkeys(record.result.suspicious))
    lines = list(found)
    shown = [masked_line(line)[:_LINE_MAX] for line in lines[:_LINES_SHOWN]]
    if len(lines) > len(shown):
        shown.append(texts.say("console.more_lines", count=len(lines) - len(shown)))
    return tuple(shown)


def _told(record: StepRecord, texts: Texts) -> tuple[str, ...]:
    if record.result is None:
        return ()
    tell: Callable[[Any, Texts], tuple[str, ...]] | None = _TELLERS.get(type(record.result))
    return tell(record.result, texts) if tell else ()


def _done(result: Done, _texts: Texts) -> tuple[str, ...]:
    return (result.note,) if result.note else ()


def _digests(result: Digests, texts: Texts) -> tuple[str, ...]:
    absent = texts.say("cards.final.version_none")
    rows = [
        f"{short(digest) if digest else absent}  {path}" for path, digest in result.files.items()
    ]
    left = len(rows) - FILES_SHOWN
    more = [texts.say("console.more_lines", count=left)] if left > 0 else []
    return (*rows[:FILES_SHOWN], *more)


def _space(result: Space, texts: Texts) -> tuple[str, ...]:
    lines = []
    if result.free_bytes is not None:
        lines.append(texts.say("console.free", size=size_of(result.free_bytes)))
    if result.legacy:
        lines.append(texts.say("console.legacy", names=", ".join(result.legacy)))
    if result.clock_ahead_s is not None:
        lines.append(texts.say("console.clock", seconds=result.clock_ahead_s))
    return tuple(lines)


def _probe(result: NodeProbe, texts: Texts) -> tuple[str, ...]:
    return (
        texts.say(
            "console.probe",
            ssh=_or_dash(result.ssh_ms),
            service=_or_dash(result.service_ms),
            status=_or_dash(result.health_status),
        ),
    )


def _service(result: ServiceState, texts: Texts) -> tuple[str, ...]:
    running = texts.say(f"cards.reading.{'running' if result.running else 'stopped'}")
    port = texts.say(f"cards.reading.{'open' if result.port_open else 'closed'}")
    return (texts.say("console.service", running=running, port=port),)


def _mark(result: LogMark, texts: Texts) -> tuple[str, ...]:
    return (texts.say("console.mark", size=size_of(result.size)),)


def _findings(result: LogFindings, texts: Texts) -> tuple[str, ...]:
    return (texts.say("console.started"),) if result.started else ()


def _settled(result: Settled, texts: Texts) -> tuple[str, ...]:
    open_now = _or_dash(result.still_open)
    return (texts.say("console.settled", waited=result.waited_s, open=open_now),)


def _health(result: Health, texts: Texts) -> tuple[str, ...]:
    return (
        texts.say(
            "console.health",
            good=result.good,
            asked=result.asked,
            status=_or_dash(result.last_status),
        ),
    )


def _reading(result: Reading, texts: Texts) -> tuple[str, ...]:
    return tuple(reading_lines(result, texts))


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


_TELLERS: Mapping[type, Callable[[Any, Texts], tuple[str, ...]]] = {
    Done: _done,
    Digests: _digests,
    Space: _space,
    NodeProbe: _probe,
    ServiceState: _service,
    LogMark: _mark,
    LogFindings: _findings,
    Settled: _settled,
    Health: _health,
    Reading: _reading,
}
