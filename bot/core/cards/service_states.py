"""The table of services' states: what each node's service, port and health page answered.

Owns: what counts as well, and the order: what is wrong comes first.
"""

from __future__ import annotations

from agent.wire.plan import NodeRun
from agent.wire.results import NodeProbe, Result, ServiceState
from bot.core.cards.wording import outcome_words, records_of
from bot.core.domain.job import Job, StepRecord, StepState
from bot.core.domain.report import Section, Table, Tone
from bot.core.texts import Texts

_GOOD_HTTP = range(200, 400)
_LOOKS = frozenset({"probe_node", "service_status"})


def asks_states(job: Job) -> bool:
    """Whether the job looks at services' states; other looks answer with readings."""
    return {step.operation.kind for step in job.plan.wire.steps()} <= _LOOKS


def status_summary(job: Job, texts: Texts) -> tuple[str, Tone]:
    """How many nodes are well, and the tone of that."""
    runs = job.plan.wire.runs()
    bad = [run.node_id for run in runs if not _well(job, run)]
    good = len(runs) - len(bad)
    if not bad:
        return texts.say("cards.reading.status_all", count=good), Tone.GOOD
    named = ", ".join(bad[:10])
    return texts.say("cards.reading.status_some", good=good, bad=len(bad), nodes=named), Tone.BAD


def _well(job: Job, run: NodeRun) -> bool:
    answers = _answers(job, run)
    records = _records(job, run)
    probe = _probe(answers)
    if any(record.state is not StepState.SUCCEEDED for record in records) or probe is None:
        return False
    state = next((answer for answer in answers if isinstance(answer, ServiceState)), None)
    return _answers_well(probe) and (state is None or (state.running and state.port_open))


def _answers_well(probe: NodeProbe) -> bool:
    healthy = probe.health_status is not None and probe.health_status in _GOOD_HTTP
    return probe.ssh_ms is not None and probe.service_ms is not None and healthy


def status_sections(job: Job, texts: Texts) -> list[Section]:
    names = ("node", "result", "process", "port", "health_page", "remark")
    rows = []
    for run in _worst_first(job):
        answers = _answers(job, run)
        state = next((answer for answer in answers if isinstance(answer, ServiceState)), None)
        health = _health_cell(_probe(answers), texts)
        row = (run.node_id, _verdict(job, run, texts), *_state_cells(state, texts), health)
        rows.append((*row, _remark(job, run, texts)))
    columns = tuple(texts.say(f"cards.column.{name}") for name in names)
    return [Table(columns=columns, rows=tuple(rows), folded=len(rows) > 30)]


def _worst_first(job: Job) -> list[NodeRun]:
    return sorted(job.plan.wire.runs(), key=lambda run: _well(job, run))


def _verdict(job: Job, run: NodeRun, texts: Texts) -> str:
    return texts.say("cards.reading.well" if _well(job, run) else "cards.reading.unwell")


def _health_cell(probe: NodeProbe | None, texts: Texts) -> str:
    if probe is None:
        return "-"
    if probe.health_status is None:
        return texts.say("cards.reading.silent")
    return f"HTTP {probe.health_status}"


def _state_cells(state: ServiceState | None, texts: Texts) -> tuple[str, str]:
    if state is None:
        return ("-", "-")
    process = texts.say("cards.reading.running" if state.running else "cards.reading.stopped")
    port = texts.say("cards.reading.open" if state.port_open else "cards.reading.closed")
    return (f"{process} (pid {state.pid})" if state.pid else process, port)


def _remark(job: Job, run: NodeRun, texts: Texts) -> str:
    records = _records(job, run)
    bad = next((record for record in records if record.state is not StepState.SUCCEEDED), None)
    if bad is None:
        return _diagnosis(_probe(_answers(job, run)), texts)
    if bad.state in {StepState.PENDING, StepState.SKIPPED, StepState.RUNNING}:
        return texts.say("cards.reading.not_asked")
    return outcome_words(bad, texts)


def _diagnosis(probe: NodeProbe | None, texts: Texts) -> str:
    if probe is None:
        return texts.say("cards.reading.not_asked")
    if _answers_well(probe):
        return ""
    if probe.ssh_ms is None:
        return texts.say("cards.reading.no_login")
    missing = "no_service" if probe.service_ms is None else "no_health"
    return texts.say(f"cards.reading.{missing}")


def _records(job: Job, run: NodeRun) -> list[StepRecord]:
    known = records_of(job)
    return [known[step.step_id] for step in run.steps if step.step_id in known]


def _answers(job: Job, run: NodeRun) -> list[Result]:
    return [record.result for record in _records(job, run) if record.result is not None]


def _probe(answers: list[Result]) -> NodeProbe | None:
    return next((answer for answer in answers if isinstance(answer, NodeProbe)), None)
