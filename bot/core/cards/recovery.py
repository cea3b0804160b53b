"""What people must do by hand where a job could not.

Owns: the manual steps per node, taken from the steps of the plan that did not succeed.
"""

from __future__ import annotations

from agent.wire.operations import DrainMember, RestoreBackup
from agent.wire.plan import NodeTarget, Step
from bot.core.cards.nodes import Fate, NodeStory, stories
from bot.core.cards.wording import listed, records_of
from bot.core.domain.job import Job, JobState, StepState
from bot.core.domain.plan import Novelty
from bot.core.domain.report import Lines, Paragraph, Section
from bot.core.recovery import undo_steps
from bot.core.redaction import redact
from bot.core.texts import Texts

_FILES_SHOWN = 20
_BY_HAND = {Fate.NOT_RESTORED, Fate.BROKEN}


def manual_sections(job: Job, texts: Texts) -> list[Section]:
    """Numbered steps for every node that is not provably whole."""
    sections: list[Section] = []
    for story in stories(job):
        if story.fate is Fate.UNKNOWN or (job.state is JobState.UNKNOWN and story.fate in _BY_HAND):
            sections.append(_check(job, story, texts))
        elif story.fate in _BY_HAND or _left_behind(job, story):
            sections.append(_repair(job, story, texts))
    return sections


def _left_behind(job: Job, story: NodeStory) -> bool:
    """A node with the new version in a fleet that could not be put back as a whole."""
    failed = job.state is JobState.ROLLBACK_FAILED
    return failed and story.fate is Fate.DONE and job.plan.backup_id is not None


def _repair(job: Job, story: NodeStory, texts: Texts) -> Lines:
    records = records_of(job)
    left = [
        step
        for step in (undo_steps(story.run, records) or story.run.steps)
        if step.step_id not in records or records[step.step_id].state is not StepState.SUCCEEDED
    ]
    lines = [
        line
        for step in left
        for line in _instruction(job, step, node=story.run.node_id, texts=texts)
    ]
    return Lines(
        title=texts.say(
            f"cards.manual.{'also' if story.fate is Fate.DONE else 'title'}", node=story.run.node_id
        ),
        lines=tuple(f"{number}. {line}" for number, line in enumerate(lines, start=1)),
    )


def _instruction(job: Job, step: Step, *, node: str, texts: Texts) -> list[str]:
    target = job.plan.wire.target(step.node_id)
    if target is None:
        return []
    key = f"cards.manual.{step.operation.kind}"
    special = f"{key}_{target.service.kind}"
    key = special if texts.has(special) else key
    if isinstance(step.operation, DrainMember):
        return [_balancer(step.operation, target, node=node, texts=texts)]
    if isinstance(step.operation, RestoreBackup):
        return _restore(job, step.operation, target, texts)
    return [texts.say(key, **_places(target))] if texts.has(key) else []


def _places(target: NodeTarget) -> dict[str, object]:
    return {
        "node": target.node_id,
        "user": target.user,
        "home": target.service.home,
        "port": target.service.port,
        "path": target.service.health_path,
        "log": target.service.log_path,
        "deploy": target.deploy_path,
        "service": target.service.name,
    }


def _balancer(operation: DrainMember, target: NodeTarget, *, node: str, texts: Texts) -> str:
    file = target.balancer.upstream_file if target.balancer else "-"
    return texts.say(
        f"cards.manual.drain_member_{operation.state}",
        helper=target.node_id,
        node=node,
        member=redact(operation.member),
        file=file,
    )


def _restore(job: Job, operation: RestoreBackup, target: NodeTarget, texts: Texts) -> list[str]:
    folder = f"{target.backup_path}/{operation.backup_id}/files"
    lines = [texts.say("cards.manual.restore_backup", folder=folder, deploy=target.deploy_path)]
    by_novelty: dict[Novelty, list[str]] = {}
    for file in job.plan.files:
        novelty = dict(file.novelty).get(target.node_id, Novelty.SAME)
        by_novelty.setdefault(novelty, []).append(file.path)
    changed, new = by_novelty.get(Novelty.CHANGED), by_novelty.get(Novelty.NEW)
    if changed:
        named = listed(changed, _FILES_SHOWN, texts)
        lines.append(texts.say("cards.manual.files_back", files=named))
    if new:
        named = listed(new, _FILES_SHOWN, texts)
        lines.append(texts.say("cards.manual.files_gone", files=named))
    return lines


def _check(job: Job, story: NodeStory, texts: Texts) -> Paragraph | Lines:
    """What to read at a node of which nobody knows how it stands."""
    target = job.plan.wire.target(story.run.node_id)
    if target is None:
        return Paragraph(text=texts.say("cards.check.title", node=story.run.node_id))
    names = (
        ("process", "health", "log", "files") if job.plan.files else ("process", "health", "log")
    )
    lines = [texts.say(f"cards.check.{name}", **_places(target)) for name in names]
    if job.plan.backup_id:
        folder = f"{target.backup_path}/{job.plan.backup_id}/files"
        lines.append(texts.say("cards.check.backup", folder=folder))
    return Lines(
        title=texts.say("cards.check.title", node=story.run.node_id),
        lines=tuple(f"{number}. {line}" for number, line in enumerate(lines, start=1)),
    )
