"""The verbs ``cron_health_checker`` and ``register_cron``: what an account runs by the clock.

Owns: their plans. A crontab that was pasted into the message is answered from its text, and no
server is asked. A registration is made of templates only. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from actions.nodes import (
    listed,
    note,
    prefixes,
    profiled,
    require_connected,
    require_shell,
    target_of,
    wire_of,
    wire_targets,
    with_shell,
)
from actions.pasted_crontab import pasted_report
from actions.plans import plan_of, spared, wire_plan
from actions.reading import reading_plan
from actions.rolling import Steps, run_of, undo_steps
from agent.wire.checks import CronPreview, PreviewCron, ReadCrontab, RegisterCron
from agent.wire.crontab import is_schedule
from agent.wire.operations import Operation
from agent.wire.plan import NodeRun
from agent.wire.readings import Excerpt, Fact, Reading
from bot.core.domain.estate import Node
from bot.core.domain.plan import Plan, Risk
from bot.core.domain.report import Notice, Report, Tone
from bot.core.errors import OperationError, UserError
from bot.core.ports import ActionRequest
from bot.core.texts import Texts

_READ_S = 120
_DIGEST_SHOWN = 12
_STEP_S = 60


class CronHealthChecker:
    """Every line of the crontabs of the target, or of a pasted one."""

    action_id = "cron_health_checker"
    risk = Risk.READ
    needs = frozenset({"system", "or:crontab"})
    reaches_nodes = True

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Plan | Report:
        """One look per connected node that can run something; of a pasted crontab the answer.

        Raises:
            UserError: ``node_not_connected``, ``ftp_only``.
        """
        pasted = request.params.get("crontab")
        if pasted is not None:
            return pasted_report(str(pasted), now=request.now, texts=self._texts)
        nodes = with_shell(request)
        plan = reading_plan(
            request,
            self.action_id,
            lambda node: [ReadCrontab()],
            nodes=nodes,
            timeout_s=_READ_S,
        )
        return spared(plan, request, nodes, "warnings.no_shell_spared")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """What a registration would change at one node."""

    node: Node
    preview: CronPreview


class RegisterCronJob:
    """One line of a template in the marked block of each account's crontab."""

    action_id = "register_cron"
    risk = Risk.CHANGE
    needs = frozenset({"system", "layer", "env"})
    reaches_nodes = True

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        """What each crontab is now, and would be.

        Raises:
            UserError: as ``plan``.
        """
        return [_look(request)]

    def plan(self, request: ActionRequest) -> Plan | Report:
        """Node after node; those that have the line already are left alone, and where all have
        it, that is the answer.

        Raises:
            UserError: ``cron_invalid``, ``cron_job_unknown``, ``cron_not_registered``,
                ``cron_root``, ``ftp_only``, ``node_not_connected``.
        """
        look = _look(request)
        found = [_planned(request, node) for node in target_of(request).nodes]
        changing = [one for one in found if not one.preview.already]
        if not changing:
            return self._already(request, look)
        return _register_plan(request, look, changing)

    def _already(self, request: ActionRequest, look: PreviewCron) -> Report:
        target = target_of(request)
        named = {
            "institution": target.system.institution,
            "system": target.system.name,
            "nodes": listed([node.node_id for node in target.nodes]),
            "job": self._texts.say(f"cron.job.{look.template}"),
            "cron": look.cron,
        }
        said = self._texts.say("cron.already.summary", **named)
        return Report(
            title=self._texts.say("cron.already.title", **named),
            summary=said,
            tone=Tone.GOOD,
            sections=(Notice(text=said, tone=Tone.GOOD),),
        )


def _look(request: ActionRequest) -> PreviewCron:
    """The operation of the survey, after every check that needs no server."""
    nodes = target_of(request).nodes
    cron, job = str(request.params.get("cron", "")), str(request.params.get("job", ""))
    if not is_schedule(cron):
        raise UserError("cron_invalid", cron=cron)
    if job not in {"db_backup", "log_cleanup", "health_check"}:
        raise UserError("cron_job_unknown", job=job)
    require_connected(nodes)
    require_shell(nodes)
    ready = profiled(
        request,
        lambda profile: any(spec.template == job for spec in profile.cron_jobs),
        "cron_not_registered",
    )
    bare = [node.node_id for node in nodes if node not in ready]
    if bare:
        raise UserError("cron_not_registered", nodes=listed(bare))
    root = [node.node_id for node in nodes if wire_of(node).user == "root"]
    if root:
        raise UserError("cron_root", nodes=listed(root))
    return PreviewCron.model_validate({"template": job, "cron": cron})


def _planned(request: ActionRequest, node: Node) -> _Planned:
    found = request.facts.get((node.node_id, 0))
    if not isinstance(found, CronPreview):
        raise OperationError("survey_failed", node=node.node_id, code="no_answer")
    return _Planned(node=node, preview=found)


def _register_plan(request: ActionRequest, look: PreviewCron, changing: Sequence[_Planned]) -> Plan:
    target = target_of(request)
    nodes = [one.node for one in changing]
    short = prefixes(nodes)
    wire = wire_plan(
        request,
        RegisterCronJob.action_id,
        targets=wire_targets(nodes, (), target),
        batches=tuple((_run(one, short[one.node.node_id], look),) for one in changing),
    )
    names = tuple(node.node_id for node in nodes)
    plan = replace(
        plan_of(request, wire, nodes, risk=Risk.CHANGE),
        outline=(
            note(f"outline.register_cron.{look.template}", cron=look.cron, nodes=listed(names)),
            note("outline.register_cron.block"),
            note("outline.register_cron.proof"),
        ),
        undo=note("undo.register_cron"),
        exhibits=tuple((one.node.node_id, _exhibit(one.preview)) for one in changing),
    )
    return spared(plan, request, nodes, "warnings.cron_already")


def _run(one: _Planned, prefix: str, look: PreviewCron) -> NodeRun:
    """The line in; and, should a later node fail, what was there before back again."""
    steps = Steps(prefix=prefix, node=wire_of(one.node))
    change = RegisterCron(template=look.template, cron=look.cron, before=one.preview.before)
    steps.add("register-cron", change, timeout_s=_STEP_S)
    undo = undo_steps(steps)
    back = RegisterCron(template=look.template, cron=one.preview.was, before=one.preview.after)
    undo.add("register-cron", back, timeout_s=_STEP_S)
    return run_of(steps, undo)


def _exhibit(preview: CronPreview) -> Reading:
    """The difference, and which crontab it is one of."""
    return Reading(
        level="normal",
        facts=(Fact(name="crontab_digest", value=preview.before[:_DIGEST_SHOWN]),),
        excerpts=(Excerpt(name="cron_changes", lines=preview.diff),),
    )
