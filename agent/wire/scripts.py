"""A site's own scripts as the agent announces them.

Owns: what a script is called, what it takes and what it may do. Never its text: that lies on the
bastion, is named by its digest, and is run only while it still has that digest.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from agent.wire.types import AbsolutePath, Sha256, Slug, WireModel, printable

_NUMBER = re.compile(r"-?[0-9]{1,15}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_Text = Annotated[str, Field(min_length=1, max_length=200), printable]
_TEXT: TypeAdapter[str] = TypeAdapter(_Text)
_PATH: TypeAdapter[str] = TypeAdapter(AbsolutePath)
ScriptRisk = Literal["read", "change", "danger"]
# What ``/sm`` says already, by a verb of the bot's own or about commands. A script of such a name
# would be run by whoever means the other.
RESERVED_NAMES = frozenset(
    {
        *("access_guide", "backup_and_clear", "backup_db", "cancel_task", "check_db_status"),
        *("check_disk_space", "check_infra_health", "check_internal_was_status"),
        *("collect_target_logs", "config_integrity_check", "create_ticket"),
        *("cron_health_checker", "delete", "deploy", "deploy_history", "esb_channel_monitor"),
        *("fetch_mes_qc", "help", "kill_session", "link_tx_tracker", "list"),
        *("list_approval_rules", "list_schedules", "list_sessions", "list_tasks"),
        *("manage_service", "monitor_resources", "none", "register_cron", "rollback"),
        *("run_pipeline", "run_script", "schedule_action", "search_audit", "security_audit"),
        *("self_healing_defense", "server_info", "set_approval_rule", "sr_list", "sr_timeline"),
        "ssl_expiry_detector",
    }
)


class ScriptParameter(WireModel):
    """One typed argument. ``choices`` bounds a text, ``least``/``most`` a number."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    kind: Literal["text", "number", "path", "date"] = "text"
    required: bool = True
    choices: Annotated[tuple[_Text, ...], Field(max_length=50)] = ()
    least: int | None = None
    most: int | None = None
    help: Annotated[str, Field(max_length=200), printable] = ""


class ScriptSpec(WireModel):
    """One script of a site."""

    script: Slug
    sha256: Sha256
    title: Annotated[str, Field(min_length=1, max_length=80), printable]  # on approvers' cards
    risk: ScriptRisk
    parameters: Annotated[tuple[ScriptParameter, ...], Field(max_length=20)] = ()
    timeout_s: Annotated[int, Field(ge=1, le=3600)] = 60


def is_reserved(script: str) -> bool:
    """Whether no script can have that id."""
    return script.lower() in RESERVED_NAMES


Misfit = Literal["text", "choice", "number", "least", "most", "path", "date"]


def misfit(parameter: ScriptParameter, value: str) -> Misfit | None:
    """Why the value is none for this parameter; None: it is one. Both ends ask this.

    A text never begins with ``-`` unless it is one of the choices: to the programs that a script
    hands it on to it would be an option.
    """
    if not _is(_TEXT, value) or value != value.strip():
        return "text"
    if parameter.choices:
        return None if value in parameter.choices else "choice"
    if parameter.kind == "number":
        return _misfit_number(parameter, value)
    if parameter.kind == "path":
        return None if _is(_PATH, value) else "path"
    if parameter.kind == "date":
        return None if _is_date(value) else "date"
    return "text" if value.startswith("-") else None


def _misfit_number(parameter: ScriptParameter, value: str) -> Misfit | None:
    if not _NUMBER.fullmatch(value) or str(int(value)) != value:
        return "number"
    if int(value) < (0 if parameter.least is None else parameter.least):
        return "least"
    return "most" if parameter.most is not None and int(value) > parameter.most else None


def _is(type_: TypeAdapter[str], value: str) -> bool:
    try:
        type_.validate_python(value)
    except ValidationError:
        return False
    return True


def _is_date(value: str) -> bool:
    try:
        return bool(_DATE.fullmatch(value)) and dt.date.fromisoformat(value) is not None
    except ValueError:
        return False
