"""How busy nodes have been of late, as a picture beside a reading of their resources.

Owns: which nodes and which numbers are drawn, and over which time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import structlog

from agent.wire.checks import ReadResources
from agent.wire.readings import Threshold
from bot.core.cards.answers import NodeAnswer, answers_of
from bot.core.domain.job import Job
from bot.core.domain.report import Attachment
from bot.core.errors import GuardiaError
from bot.engine.chart import MOST_LINES, Chart, Line, Panel, draw
from bot.engine.services import Services

log = structlog.get_logger(__name__)

DRAWN = {"monitor_resources"}
_SPAN = timedelta(hours=24)
_LEAST = timedelta(hours=1)  # a narrower window would show noise as mountains
_EDGE = timedelta(minutes=5)  # so that the latest value is not on the frame
_TITLES = {"cpu": "CPU %", "memory": "Memory %", "disk": "Fullest disk %"}
# What the drawing library raises where it is not whole, or given what it cannot draw.
_DRAWING = (ImportError, OSError, RuntimeError, ValueError)

_Points = tuple[tuple[datetime, float], ...]


async def trend_of(job: Job, services: Services) -> Attachment | None:
    """The last day of the nodes, the worst ones where there are many. None: there is nothing to
    draw, or it could not be drawn; a report is never held up by its picture."""
    if job.plan.action not in DRAWN or job.started_at is None:
        return None
    try:
        chart = await _chart(job, services)
        if chart is None:
            return None
        name = f"{job.job_id}.png"
        kept = await services.stores.files.receive(name, _whole(await draw(chart)))
    except GuardiaError as error:
        log.warning("chart_not_attached", code=error.code, job=job.job_id)
        return None
    except _DRAWING:
        log.warning("chart_not_drawn", job=job.job_id, exc_info=True)
        return None
    return Attachment(digest=kept.digest, name=name, size=kept.size, media_type="image/png")


async def _chart(job: Job, services: Services) -> Chart | None:
    until = job.ended_at or services.clock.now()
    answers = [answer for answer in answers_of(job) if answer.readings]
    shown = answers[:MOST_LINES]
    found = {
        answer.node_id: await _points(answer, services, since=until - _SPAN, until=until)
        for answer in shown
    }
    instants = [at for each in found.values() for points in each.values() for at, _ in points]
    if not instants:
        return None
    labels = _labels([answer.node_id for answer in shown])
    panels = [
        Panel(
            title=title,
            lines=tuple(
                Line(label=label, points=found[answer.node_id][name])
                for answer, label in zip(shown, labels, strict=True)
                if name in found[answer.node_id]
            ),
            bounds=_bounds(job, name),
        )
        for name, title in _TITLES.items()
    ]
    since = max(until - _SPAN, min(*instants, until - _LEAST))
    return Chart(
        title=_title(job, shown=len(shown)),
        panels=tuple(panel for panel in panels if panel.lines),
        since=since - _EDGE,
        until=until + _EDGE,
    )


async def _points(
    answer: NodeAnswer, services: Services, *, since: datetime, until: datetime
) -> dict[str, _Points]:
    """What is kept of a node, and what it has shown just now: that may not be kept yet."""
    kept = await services.stores.samples.series(answer.node_id, list(_TITLES), since)
    points = {
        series.name: {point.at: point.value for point in series.points if point.at <= until}
        for series in kept
    }
    for _, reading in answer.readings:
        for fact in reading.facts:
            if fact.name in _TITLES and isinstance(fact.value, int | float):
                known = points.setdefault(fact.name, {})
                if not known or until - max(known) > _EDGE:
                    known[until] = float(fact.value)
    return {name: tuple(sorted(values.items())) for name, values in points.items() if values}


def _bounds(job: Job, name: str) -> tuple[float, float] | None:
    """The limits in the plan, where they are the same of all its nodes."""
    limits = {
        (limit.warning, limit.critical)
        for step in job.plan.wire.steps()
        if isinstance(step.operation, ReadResources)
        and isinstance(limit := getattr(step.operation, name, None), Threshold)
    }
    return limits.pop() if len(limits) == 1 else None


def _title(job: Job, *, shown: int) -> str:
    count = len(job.plan.wire.runs())
    system = _start(list(job.plan.node_names))
    which = f"{shown} of {count} nodes" if shown < count else f"{count} node(s)"
    return f"{system or job.plan.node_names[0]} - {which}, last 24 h (KST)"


def _labels(node_ids: Sequence[str]) -> list[str]:
    """Node ids without what all of them begin with, so that a legend has room for them."""
    start = _start(node_ids)
    return [node_id.removeprefix(f"{start}-") for node_id in node_ids]


def _start(node_ids: Sequence[str]) -> str:
    """``moef-budget-prod`` of ``moef-budget-prod-was01`` and its neighbours."""
    shared: list[str] = []
    for words in zip(*(node_id.split("-")[:-1] for node_id in node_ids), strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return "-".join(shared)


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content
