"""What steps say while they run, on the job's page: beginning and end, and all of it as a file.

Owns: how much of it is on a page, that it is masked there, and the sending of the file. Who may
see the job is the page's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from aiohttp import web

from adapters.web.downloads import send_pieces
from adapters.web.gate import RequestError
from bot.core.cards.wording import masked_line, size_of
from bot.core.check_ports import OutputPart, OutputStore
from bot.core.domain.job import Job, StepState
from bot.core.texts import Texts

_LIVE_BYTES = 24 * 1024  # from each end of a step that runs: fetched every second
_ENDED_BYTES = 128 * 1024
_BRIEF_STEPS = 6  # of a job of many nodes: those that run
_LINE_MAX = 2000  # characters
Parts = Mapping[str, OutputPart]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidView:
    """What a step has said: lines of the beginning and the end, the sentence between them where
    something is left out there, and the file's address below the job's."""

    head: tuple[str, ...]
    between: str
    tail: tuple[str, ...]
    size: str
    file: str
    live: bool


async def parts_of(job: Job, outputs: OutputStore, *, node: str) -> Parts:
    """By step id, of one node or, where none is named, of the whole job."""
    found: dict[str, OutputPart] = {}
    running = {record.step_id for record in job.steps if record.state is StepState.RUNNING}
    many = len(job.plan.wire.runs()) > _BRIEF_STEPS and not node
    for step in job.plan.wire.steps():
        if (node and step.node_id != node) or (many and step.step_id not in running):
            continue
        most = _LIVE_BYTES if step.step_id in running else _ENDED_BYTES
        part = await outputs.part(job.job_id, step.step_id, most=most)
        if part is not None:
            found[step.step_id] = part
        if many and len(found) == _BRIEF_STEPS:
            break
    return found


def said_view(
    step_id: str, part: OutputPart | None, texts: Texts, *, live: bool
) -> SaidView | None:
    """None: it has said nothing."""
    if part is None:
        return None
    left_out = size_of(part.left_out)
    return SaidView(
        head=_lines(part.head),
        between=texts.say("output.left_out", size=left_out) if part.left_out else "",
        tail=_lines(part.tail),
        size=size_of(part.size),
        file=f"output/{step_id}",
        live=live,
    )


def _lines(text: str) -> tuple[str, ...]:
    return tuple(masked_line(line)[:_LINE_MAX] for line in text.splitlines())


async def send_output(request: web.Request, job: Job, outputs: OutputStore) -> web.StreamResponse:
    """All that is kept of one step, to be saved.

    Raises:
        RequestError: the step has said nothing, or there is none of that id.
    """
    step = job.plan.wire.step(request.match_info["step_id"])
    pieces = await outputs.file(job.job_id, step.step_id) if step is not None else None
    if step is None or pieces is None:
        raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
    name = f"{job.job_id}-{step.step_id}.txt"
    return await send_pieces(request, pieces, name=name)
