"""Which version stood on a node, and which stands there now. Pure.

Owns: the short digest of a version and its name for people. A version is what the files of one
plan contain; two nodes have the same version exactly when those files are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from agent.wire.operations import BackupFiles
from agent.wire.results import Digests
from bot.core.domain.job import Deployment, Job, StepState
from bot.core.domain.plan import Novelty

_SHORT = 12  # hexadecimal digits, as other digests are shown

Files = Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known from before a job: deployments of its system, newest first, and the job of
    the deployment that it takes back."""

    deployments: tuple[Deployment, ...] = ()
    undone: Job | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """A node's version before a job and the one that the job puts there.

    None: not known; ``""``: there was none of its files. ``before_name`` and ``after_name`` are
    the jobs that they came from, with their SR; empty: nothing is recorded.
    """

    node_id: str
    before: str | None
    after: str | None
    before_name: str = ""
    after_name: str = ""


def version_of(files: Files) -> str:
    """Twelve hexadecimal digits over sorted paths and digests; None stands for no such file."""
    rows = [[path, files[path]] for path in sorted(files)]
    packed = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(packed.encode()).hexdigest()[:_SHORT]


def version_changes(job: Job, past: Past | None = None) -> Mapping[str, VersionChange]:
    """What the job changes at each of its nodes. Empty where it is not about files."""
    known = past or Past()
    if job.plan.deployment is not None:
        return _taken_back(job, known)
    if not job.plan.files:
        return {}
    return {
        run.node_id: VersionChange(
            node_id=run.node_id,
            before=_known(files_before(job, run.node_id)),
            after=_known(files_after(job)),
            before_name=_stood(job, run.node_id, known),
            after_name=_name(job.job_id, job.sr),
        )
        for run in job.plan.wire.runs()
    }


def files_after(job: Job) -> Files:
    """What a deployment's files are when it has succeeded."""
    return {file.path: file.sha256 for file in job.plan.files}


def files_before(job: Job, node_id: str) -> Files | None:
    """What a deployment's files were at the node, by its backup, else by the survey; None: one
    of them is not known."""
    saved = _saved(job, node_id)
    found: dict[str, str | None] = {}
    for file in job.plan.files:
        novelty = dict(file.novelty).get(node_id)
        if file.path in saved:
            found[file.path] = saved[file.path]
        elif novelty is Novelty.SAME:
            found[file.path] = file.sha256
        elif novelty is Novelty.NEW:
            found[file.path] = None
        else:
            return None
    return found


def _saved(job: Job, node_id: str) -> Files:
    """The digests that the backup step answered with."""
    backups = {
        step.step_id
        for run in job.plan.wire.runs()
        for step in run.steps
        if step.node_id == node_id and isinstance(step.operation, BackupFiles)
    }
    for record in job.steps:
        succeeded = record.state is StepState.SUCCEEDED
        if record.step_id in backups and succeeded and isinstance(record.result, Digests):
            return record.result.files
    return {}


def _taken_back(job: Job, past: Past) -> Mapping[str, VersionChange]:
    """A rollback goes the way of its deployment, backwards."""
    forth = version_changes(past.undone, past) if past.undone else {}
    unnamed = job.plan.deployment or ""
    return {
        run.node_id: VersionChange(
            node_id=run.node_id,
            before=forth[run.node_id].after if run.node_id in forth else None,
            after=forth[run.node_id].before if run.node_id in forth else None,
            before_name=forth[run.node_id].after_name if run.node_id in forth else unnamed,
            after_name=forth[run.node_id].before_name if run.node_id in forth else "",
        )
        for run in job.plan.wire.runs()
    }


def _known(files: Files | None) -> str | None:
    if files is None:
        return None
    return version_of(files) if any(files.values()) else ""


def _stood(job: Job, node_id: str, past: Past) -> str:
    """The last successful deployment that stood at the node when the job began."""
    began = job.started_at or job.created_at
    for each in past.deployments:
        earlier = each.job_id != job.job_id and each.ended_at <= began
        if earlier and not each.undone and node_id in each.node_ids:
            return _name(each.job_id, each.sr)
    return ""


def _name(job_id: str, sr: str | None) -> str:
    return f"{job_id} ({sr})" if sr else job_id
