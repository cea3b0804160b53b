"""What people must do by hand where a job could not.

Owns: the manual steps per node, taken from the steps of the plan that did not succeed, with the
commands to type. Every path in a command is quoted for a shell; addresses and secrets are never
part of one.
"""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from agent.wire.operations import BackupFiles, DrainDevice, DrainMember, RestoreBackup
from agent.wire.plan import NodeTarget, Step
from bot.core.cards.nodes import Fate, NodeStory, stories
from bot.core.cards.standing import balanced, standing_of
from bot.core.cards.wording import listed, outcome_words, records_of, short, step_label
from bot.core.domain.job import Job, JobState, StepState
from bot.core.domain.plan import Novelty
from bot.core.domain.report import Lines, Notice, Section
from bot.core.recovery import undo_steps
from bot.core.redaction import redact
from bot.core.texts import Texts
from bot.core.versions import Files, files_before

_FILES_SHOWN = 20
_NODES_SHOWN = 3
_NAMED = 10
_BY_HAND = {Fate.NOT_RESTORED, Fate.BROKEN}
_COMMAND = "   $ "
_FIRST = (Fate.NOT_RESTORED, Fate.BROKEN, Fate.UNKNOWN)  # where people have to be first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instruction:
    """One numbered step: what to do, and what to type for it."""

    text: str
    commands: tuple[str, ...] = ()


def manual_sections(job: Job, texts: Texts, *, whole: bool = False) -> list[Section]:
    """Numbered steps for every node that is not provably whole, the worst first.

    ``whole``: all of them; otherwise the first few, and the others by name.
    """
    asked = [
        story for story in stories(job) if _needs_check(job, story) or _needs_hands(job, story)
    ]
    asked.sort(key=lambda story: story.fate not in _FIRST)
    shown = asked if whole else asked[:_NODES_SHOWN]
    sections: list[Section] = [
        _check(job, story, texts) if _needs_check(job, story) else _repair(job, story, texts)
        for story in shown
    ]
    left = [story.run.node_id for story in asked[len(shown) :]]
    if left:
        named = listed(left, _NAMED, texts)
        sections.append(Notice(text=texts.say("cards.manual.more", count=len(left), nodes=named)))
    return sections


def unlock_sections(job: Job, texts: Texts) -> list[Section]:
    """How the system is given free again, where the job's end keeps it locked."""
    scope = job.plan.wire.lock
    if scope is None or job.state not in {JobState.ROLLBACK_FAILED, JobState.UNKNOWN}:
        return []
    why = texts.say("cards.manual.why")
    command = shlex.join(["guardia", "unlock", scope, "--job", job.job_id, "--why", why])
    title = texts.say("cards.manual.unlock", system=scope)
    return [Lines(title=title, lines=(f"$ {command}",))]


def _needs_check(job: Job, story: NodeStory) -> bool:
    unknown = job.state is JobState.UNKNOWN
    return story.fate is Fate.UNKNOWN or (unknown and story.fate in _BY_HAND)


def _needs_hands(job: Job, story: NodeStory) -> bool:
    return story.fate in _BY_HAND or _left_behind(job, story)


def _left_behind(job: Job, story: NodeStory) -> bool:
    """A node with the new version in a fleet that could not be put back as a whole."""
    failed = job.state is JobState.ROLLBACK_FAILED
    return failed and story.fate is Fate.DONE and job.plan.backup_id is not None


# --- by hand -----------------------------------------------------------------------------------


def _repair(job: Job, story: NodeStory, texts: Texts) -> Lines:
    records = records_of(job)
    left = [
        step
        for step in (undo_steps(story.run, records) or story.run.steps)
        if step.step_id not in records or records[step.step_id].state is not StepState.SUCCEEDED
    ]
    told = [
        instruction
        for step in left
        for instruction in _instructions(job, step, story=story, texts=texts)
    ]
    login = _login(job, story, texts)
    return Lines(
        title=texts.say(
            f"cards.manual.{'also' if story.fate is Fate.DONE else 'title'}", node=story.run.node_id
        ),
        lines=(*_state_lines(job, story, texts), *_numbered([*login, *told])),
    )


def _numbered(told: Sequence[_Instruction]) -> tuple[str, ...]:
    return tuple(
        line
        for number, instruction in enumerate(told, start=1)
        for line in (
            *f"{number}. {instruction.text}".split("\n"),
            *(f"{_COMMAND}{command}" for command in instruction.commands),
        )
    )


def _state_lines(job: Job, story: NodeStory, texts: Texts) -> list[str]:
    """What is known of the node before anybody touches it."""
    standing = standing_of(job, story.run)
    known = [texts.say(f"cards.standing.files_{standing.files.value}")] if _has_files(job) else []
    known.append(texts.say(f"cards.standing.service_{standing.service.value}"))
    if balanced(job.plan.wire.runs(), story.run.node_id):
        known.append(texts.say(f"cards.standing.balancer_{standing.balancer.value}"))
    lines = [texts.say("cards.standing.now", known=" · ".join(known))]
    if standing.stopped_at is not None and standing.why is not None:
        step, why = step_label(standing.stopped_at, texts), outcome_words(standing.why, texts)
        lines.append(texts.say("cards.standing.stopped_at", step=step, why=why))
    folder = _backup_folder(job, story)
    if folder:
        lines.append(texts.say("cards.standing.backup", folder=folder))
    return lines


def _has_files(job: Job) -> bool:
    return bool(job.plan.files) or job.plan.deployment is not None


def _backup_folder(job: Job, story: NodeStory) -> str:
    target = job.plan.wire.target(story.run.node_id)
    named = job.plan.backup_id or job.plan.deployment
    return posixpath.join(target.backup_path, named) if target and named else ""


def _login(job: Job, story: NodeStory, texts: Texts) -> list[_Instruction]:
    target = job.plan.wire.target(story.run.node_id)
    if target is None or target.transfer == "ftp":
        return []
    return [_Instruction(text=texts.say("cards.manual.login", **_places(target)))]


def _instructions(job: Job, step: Step, *, story: NodeStory, texts: Texts) -> list[_Instruction]:
    target = job.plan.wire.target(step.node_id)
    if target is None:
        return []
    node = story.run.node_id
    match step.operation:
        case DrainMember():
            return [_balancer(step.operation, target, node=node, texts=texts)]
        case DrainDevice():
            key = f"cards.manual.drain_device_{step.operation.state}"
            device = step.operation.device
            return [_Instruction(text=texts.say(key, device=device, node=node))]
        case RestoreBackup():
            return [
                *_doubt(step.operation, target, story, texts),
                *_restore(job, step.operation, target, texts),
            ]
        case _:
            return _plain(step, target, texts)


def _plain(step: Step, target: NodeTarget, texts: Texts) -> list[_Instruction]:
    key = f"cards.manual.{step.operation.kind}"
    if not texts.has(key):
        return []
    commands = _commands(step.operation.kind, target)
    return [_Instruction(text=texts.say(key, **_places(target)), commands=commands)]


def _commands(kind: str, target: NodeTarget) -> tuple[str, ...]:
    if kind == "await_health":
        return (_ask_health(target),)
    if target.transfer == "ftp":
        return ()
    verbs = {"stop_service": ("stop", "shutdown.sh"), "start_service": ("start", "startup.sh")}
    if kind not in verbs:
        return ()
    verb, script = verbs[kind]
    service = target.service
    if service.kind == "systemd":
        return (shlex.join(["sudo", "systemctl", verb, service.name]), _ask_port(target))
    program = posixpath.join(service.home, "bin", script)
    if service.commands is not None:
        program = service.commands.stop if verb == "stop" else service.commands.start
    return (shlex.quote(program), _ask_port(target))


def _ask_port(target: NodeTarget) -> str:
    return shlex.join(["ss", "-ltn", f"sport = :{target.service.port}"])


def _ask_health(target: NodeTarget) -> str:
    page = f"http://{target.node_id}:{target.service.port}{target.service.health_path}"
    return shlex.join(["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\\n", page])


def _places(target: NodeTarget) -> dict[str, object]:
    return {
        "node": target.node_id,
        "user": target.user,
        "port": target.service.port,
        "path": target.service.health_path,
        "log": target.service.log_path,
        "deploy": target.deploy_path,
        "service": target.service.name,
    }


def _balancer(
    operation: DrainMember, target: NodeTarget, *, node: str, texts: Texts
) -> _Instruction:
    balancer = target.balancer
    text = texts.say(
        f"cards.manual.drain_member_{operation.state}",
        helper=target.node_id,
        node=node,
        member=redact(operation.member),
        file=balancer.upstream_file if balancer else "-",
    )
    if balancer is None:
        return _Instruction(text=text)
    program = shlex.quote(posixpath.join(balancer.home, "sbin/nginx"))
    edit = shlex.join(["vi", balancer.upstream_file])
    return _Instruction(text=text, commands=(edit, f"{program} -t && {program} -s reload"))


def _restore(
    job: Job, operation: RestoreBackup, target: NodeTarget, texts: Texts
) -> list[_Instruction]:
    folder = posixpath.join(target.backup_path, operation.backup_id, "files")
    deploy = target.deploy_path
    ftp = target.transfer == "ftp"
    gone = _new_files(job, target.node_id)
    told = [_removal(gone, deploy, texts, ftp=ftp)] if gone else []
    names = [shlex.quote(posixpath.join(deploy, name)) for name in _folders(job, target.node_id)]
    copy = (
        *(f"rm -rf -- {name}" for name in names),
        f"cp -a -- {shlex.quote(folder + '/.')} {shlex.quote(deploy + '/')}",
        f"cd {shlex.quote(folder)} && "
        f"find . -type f -exec cmp {{}} {shlex.quote(deploy + '/{}')} ';'",
    )
    key = "cards.manual.restore_backup_ftp" if ftp else "cards.manual.restore_backup"
    text = texts.say(key, folder=folder, deploy=deploy)
    return [*told, _Instruction(text=text, commands=() if ftp else copy)]


def _doubt(
    operation: RestoreBackup, target: NodeTarget, story: NodeStory, texts: Texts
) -> list[_Instruction]:
    """A backup that could not be proved must not be copied unseen."""
    if not any(record.code == "backup_unreadable" for record in (*story.known, *story.undo_known)):
        return []
    folder = posixpath.join(target.backup_path, operation.backup_id)
    return [_Instruction(text=texts.say("cards.manual.backup_doubtful", folder=folder))]


def _new_files(job: Job, node_id: str) -> list[str]:
    """What did not exist at this node before."""
    return [file.path for file in job.plan.files if dict(file.novelty).get(node_id) is Novelty.NEW]


def _folders(job: Job, node_id: str) -> list[str]:
    """Exploded folders that the backup holds whole."""
    return [
        folder
        for step in job.plan.wire.steps()
        if step.node_id == node_id and isinstance(step.operation, BackupFiles)
        for folder in step.operation.folders
    ]


def _removal(gone: Sequence[str], deploy: str, texts: Texts, *, ftp: bool) -> _Instruction:
    shown = gone[:_FILES_SHOWN]
    paths = " ".join(shlex.quote(posixpath.join(deploy, path)) for path in shown)
    text = texts.say("cards.manual.files_gone", files=listed(gone, _FILES_SHOWN, texts))
    return _Instruction(text=text, commands=() if ftp else (f"rm -f -- {paths}",))


# --- to look at --------------------------------------------------------------------------------


def _check(job: Job, story: NodeStory, texts: Texts) -> Lines:
    """What to read at a node of which nobody knows how it stands."""
    title = texts.say("cards.check.title", node=story.run.node_id)
    target = job.plan.wire.target(story.run.node_id)
    if target is None:
        return Lines(title=title, lines=tuple(_state_lines(job, story, texts)))
    told = [*_login(job, story, texts), *_looks(target, texts), *_digests(job, target, texts)]
    return Lines(title=title, lines=(*_state_lines(job, story, texts), *_numbered(told)))


def _looks(target: NodeTarget, texts: Texts) -> list[_Instruction]:
    def say(name: str) -> str:
        return texts.say(f"cards.check.{name}", **_places(target))

    log = shlex.join(["tail", "-n", "100", target.service.log_path])
    shell = target.transfer != "ftp"
    return [
        _Instruction(text=say("process"), commands=(_ask_port(target),) if shell else ()),
        _Instruction(text=say("health"), commands=(_ask_health(target),)),
        _Instruction(text=say("log"), commands=(log,) if shell else ()),
    ]


def _digests(job: Job, target: NodeTarget, texts: Texts) -> list[_Instruction]:
    """Each file with the digests that say whether it is the old or the new one."""
    changed = [
        file
        for file in job.plan.files
        if dict(file.novelty).get(target.node_id) is not Novelty.SAME
    ][:_FILES_SHOWN]
    if not changed:
        return []
    before = files_before(job, target.node_id)
    told = [
        texts.say(
            "cards.check.digest",
            path=file.path,
            new=short(file.sha256),
            old=_old_digest(before, file.path, texts),
        )
        for file in changed
    ]
    paths = " ".join(shlex.quote(posixpath.join(target.deploy_path, file.path)) for file in changed)
    text = "\n".join([texts.say("cards.check.files", deploy=target.deploy_path), *told])
    commands = (f"sha256sum -- {paths}",) if target.transfer != "ftp" else ()
    return [_Instruction(text=text, commands=commands)]


def _old_digest(before: Files | None, path: str, texts: Texts) -> str:
    if before is None:
        return texts.say("cards.final.version_unknown")
    return short(before.get(path) or "") or texts.say("cards.final.version_none")
