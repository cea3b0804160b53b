"""The closed catalogue: every action that can be asked for, its parameters and what it needs.

Owns: which actions exist, the types of their parameters, and which slots are missing. Whatever
makes an intent (rules, classifier, model) passes through ``validated``. Must not know how a text
is understood, nor what an action does or risks: that is computed elsewhere from the action.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Intent, Param, Selector


class Params(BaseModel):
    """Typed parameters of one action. Unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Text = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Month = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
IsoDate = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
_FIELD = r"[0-9*/,-]{1,30}"
Cron = Annotated[str, StringConstraints(pattern=rf"^{_FIELD}( {_FIELD}){{4}}$")]
Pid = Annotated[int, Field(ge=1, le=4_194_304)]
Days = Annotated[int, Field(ge=1, le=366)]
_ARGUMENT = re.compile(r"arg\.[a-z][a-z0-9_]{0,31}")


class Deploy(Params):
    restart: bool | None = None
    ref: Slug | None = None


class Rollback(Params):
    deployment: Slug | None = None


class ManageService(Params):
    service: Slug | None = None
    operation: Literal["status", "start", "stop", "restart"]


class DiskSpace(Params):
    path: Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]{0,255}$")] | None = None


class Logs(Params):
    pattern: Text | None = None
    days: Days | None = None
    hours: Annotated[int, Field(ge=1, le=720)] | None = None
    lines: Annotated[int, Field(ge=1, le=5000)] | None = None
    format: Literal["text", "xlsx"] | None = None


class Database(Params):
    operation: Literal["check", "kill"] = "check"
    pid: Pid | None = None


class Quality(Params):
    date: IsoDate


class LogCleaning(Params):
    compress_days: Days | None = None
    delete_days: Days | None = None


class Integrity(Params):
    operation: Literal["init", "check"] = "check"


class CronLine(Params):
    cron: Cron
    job: Literal["db_backup", "log_cleanup", "health_check"]


class Healing(Params):
    threshold: Annotated[int, Field(ge=50, le=99)] | None = None


class Pipeline(Params):
    pipeline: Slug


class Session(Params):
    pid: Pid


class SiteScript(Params):
    """``script`` and one ``arg.<name>`` for each argument; what these may be is the script's own
    registration to say."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    script: Slug

    @model_validator(mode="after")
    def _only_arguments(self) -> SiteScript:
        for name, value in (self.model_extra or {}).items():
            if not _ARGUMENT.fullmatch(name) or not isinstance(value, str | int):
                raise ValueError(f"no parameter {name!r}")
        return self


class SrList(Params):
    month: Month | None = None
    status: Text | None = None
    assignee: Text | None = None


class Timeline(Params):
    month: Month | None = None


class History(Params):
    month: Month | None = None
    days: Days | None = None


class ApprovalRule(Params):
    target_action: Slug
    approver_role: Literal["developer", "sm", "sm_lead", "pm", "auditor"]
    stages: Annotated[int, Field(ge=1, le=5)] | None = None
    quorum: Annotated[int, Field(ge=1, le=10)] | None = None


class Audit(Params):
    days: Days | None = None
    action: Slug | None = None
    user: Text | None = None


class Ticket(Params):
    summary: Text
    severity: Literal["critical", "major", "minor"] | None = None


class Schedule(Params):
    cron: Cron
    target_action: Slug


class Cancel(Params):
    task: Slug


class Help(Params):
    """``about``: one command by its id, or ``/sm`` for all of them."""

    about: Text | None = None


class Refusal(Params):
    """``cancelled``: the person withdrew what they were being asked about. ``refused``: the text
    tried to be more than a request, and the person is told so."""

    cancelled: bool | None = None
    refused: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """One action: its parameters, and the slots without which nothing can be planned."""

    params: type[Params] = Params
    needs: tuple[str, ...] = ()


_SYSTEM = ("institution", "system")
_NODES = (*_SYSTEM, "layer", "env")

CATALOGUE: Mapping[str, ActionSpec] = {
    "deploy": ActionSpec(params=Deploy, needs=(*_NODES, "sr", "files")),
    "rollback": ActionSpec(params=Rollback, needs=_SYSTEM),
    "check_infra_health": ActionSpec(needs=_SYSTEM),
    "check_internal_was_status": ActionSpec(needs=_SYSTEM),
    "manage_service": ActionSpec(params=ManageService, needs=_NODES),
    "monitor_resources": ActionSpec(needs=_SYSTEM),
    "check_disk_space": ActionSpec(params=DiskSpace, needs=_SYSTEM),
    "collect_target_logs": ActionSpec(params=Logs, needs=_SYSTEM),
    "check_db_status": ActionSpec(params=Database, needs=_SYSTEM),
    "backup_db": ActionSpec(needs=(*_SYSTEM, "env")),
    "fetch_mes_qc": ActionSpec(params=Quality, needs=_SYSTEM),
    "backup_and_clear": ActionSpec(params=LogCleaning, needs=_NODES),
    "security_audit": ActionSpec(needs=_SYSTEM),
    "config_integrity_check": ActionSpec(params=Integrity, needs=_SYSTEM),
    "ssl_expiry_detector": ActionSpec(needs=_SYSTEM),
    "esb_channel_monitor": ActionSpec(needs=_SYSTEM),
    "link_tx_tracker": ActionSpec(needs=_SYSTEM),
    "cron_health_checker": ActionSpec(needs=_SYSTEM),
    "register_cron": ActionSpec(params=CronLine, needs=_NODES),
    "self_healing_defense": ActionSpec(params=Healing, needs=_NODES),
    "list_sessions": ActionSpec(needs=_SYSTEM),
    "run_pipeline": ActionSpec(params=Pipeline),
    "kill_session": ActionSpec(params=Session, needs=_NODES),
    "server_info": ActionSpec(needs=_SYSTEM),
    "access_guide": ActionSpec(),
    "sr_list": ActionSpec(params=SrList),
    "sr_timeline": ActionSpec(params=Timeline),
    "deploy_history": ActionSpec(params=History),
    "set_approval_rule": ActionSpec(params=ApprovalRule, needs=("institution",)),
    "list_approval_rules": ActionSpec(),
    "search_audit": ActionSpec(params=Audit),
    "create_ticket": ActionSpec(params=Ticket),
    "schedule_action": ActionSpec(params=Schedule),
    "list_schedules": ActionSpec(),
    "list_tasks": ActionSpec(),
    "cancel_task": ActionSpec(params=Cancel),
    "help": ActionSpec(params=Help),
    "none": ActionSpec(params=Refusal),
}

# What only a command can ask for. Whatever reads free talk (rules, classifier, the model's grammar)
# knows ``CATALOGUE`` alone, and so can never come to these.
COMMANDS: Mapping[str, ActionSpec] = {
    "run_script": ActionSpec(params=SiteScript, needs=_NODES),
}


def spec_of(action: str) -> ActionSpec | None:
    """The action of that id, whoever may ask for it."""
    return CATALOGUE.get(action) or COMMANDS.get(action)


# A slot that only matters when the operation changes something.
READING_OPERATIONS: Mapping[str, frozenset[str]] = {
    "manage_service": frozenset({"status"}),
    "check_db_status": frozenset({"check"}),
    "config_integrity_check": frozenset({"check"}),
}


def validated(action: str, params: Mapping[str, Param]) -> dict[str, Param]:
    """The given parameters, typed; none is added.

    Raises:
        ValueError: the action or a parameter is not of the catalogue, or a value does not fit.
            A parameter that is merely not given yet is no error: see ``missing``.
    """
    spec = spec_of(action)
    if spec is None:
        raise ValueError(f"no action {action!r}")
    try:
        spec.params.model_validate(dict(params))
    except ValidationError as error:
        wrong = [row for row in error.errors() if row["type"] != "missing"]
        if wrong:
            raise ValueError(f"{action}: {wrong[0]['loc']} {wrong[0]['msg']}") from error
    date = params.get("date")
    if isinstance(date, str):
        dt.date.fromisoformat(date)
    return dict(params)


def missing(
    intent: Intent, vocabulary: Vocabulary, *, has_files: bool, doubtful: frozenset[str]
) -> tuple[str, ...]:
    """The slots that the action needs and the intent does not give, in the order to ask.

    ``doubtful`` are slots for which the text gave more than one answer: they are missing too.
    """
    spec = spec_of(intent.action) or ActionSpec()
    needs = _needs_of(intent, spec)
    absent = [slot for slot in needs if not _given(slot, intent, has_files)]
    if "env" in absent and "env" not in doubtful and _one_environment(intent.selector, vocabulary):
        absent.remove("env")
    if needs == _SYSTEM and intent.action != "rollback":  # reading more does no harm
        doubtful -= {"layer", "env", "nodes"}
    absent += [slot for slot in sorted(doubtful) if slot not in absent and intent.action != "none"]
    absent += [
        name
        for name, field in spec.params.model_fields.items()
        if field.is_required() and name not in intent.params
    ]
    if intent.params.get("operation") == "kill" and "pid" not in intent.params:
        absent.append("pid")
    return tuple(dict.fromkeys(absent))


def _needs_of(intent: Intent, spec: ActionSpec) -> tuple[str, ...]:
    if intent.action == "schedule_action":
        spec = CATALOGUE.get(str(intent.params.get("target_action")), spec)
        return tuple(slot for slot in spec.needs if slot not in ("sr", "files"))
    operation = str(intent.params.get("operation", "check"))
    if operation in READING_OPERATIONS.get(intent.action, ()):
        return _SYSTEM
    if intent.action in ("check_db_status", "config_integrity_check"):
        return (*_SYSTEM, "env")
    return spec.needs


def _given(slot: str, intent: Intent, has_files: bool) -> bool:
    if slot == "sr":
        return intent.sr is not None
    if slot == "files":
        return has_files or bool(intent.files) or "ref" in intent.params
    return getattr(intent.selector, slot) is not None


def _one_environment(selector: Selector, vocabulary: Vocabulary) -> bool:
    """Nobody has to be asked which environment when there is only one."""
    if not selector.system:
        return False
    environments = {
        node.env
        for node in vocabulary.nodes
        if (node.institution, node.system) == (selector.institution, selector.system)
        and (selector.layer is None or node.layer == selector.layer)
    }
    return len(environments) == 1
