"""The commands of ``/sm``, read from the catalogue: their families, parameters and types.

Owns: which actions are commands and in which family each is, and what a left-out parameter comes
to. A site's scripts become commands of the same shape. Must not know how a line is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.core.domain.command import CommandBook, CommandParameter, CommandSpec, ParameterKind
from intents.schema import CATALOGUE, READING_OPERATIONS

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "state": (
        "check_infra_health",
        "check_internal_was_status",
        "monitor_resources",
        "check_disk_space",
    ),
    "service": ("manage_service", "list_sessions", "kill_session"),
    "logs": ("collect_target_logs", "backup_and_clear", "self_healing_defense"),
    "database": ("check_db_status", "backup_db", "fetch_mes_qc", "link_tx_tracker"),
    "channel": ("esb_channel_monitor",),
    "guarding": ("security_audit", "config_integrity_check", "ssl_expiry_detector"),
    "cron": ("cron_health_checker", "register_cron"),
    "pipeline": ("run_pipeline",),
}
# What the actions take where nothing is said (ACTIONS.md), as people read it.
_DEFAULTS: Mapping[tuple[str, str], str] = {
    ("collect_target_logs", "lines"): "100",
    ("collect_target_logs", "format"): "text",
    ("check_db_status", "operation"): "check",
    ("config_integrity_check", "operation"): "check",
    ("manage_service", "operation"): "status",
    ("backup_and_clear", "compress_days"): "30",
    ("backup_and_clear", "delete_days"): "90",
    ("self_healing_defense", "threshold"): "90",
}
_BY_NAME = {
    "date": ParameterKind.DATE,
    "path": ParameterKind.PATH,
    "cron": ParameterKind.CRON,
    "pattern": ParameterKind.TEXT,
}


def _spec(action: str, family: str) -> CommandSpec:
    schema = CATALOGUE[action].params.model_json_schema()
    required = frozenset(schema.get("required", ())) - {"operation"}
    return CommandSpec(
        command=action,
        family=family,
        parameters=tuple(
            _parameter(action, name, field, required=name in required)
            for name, field in schema.get("properties", {}).items()
        ),
        reads=tuple(sorted(READING_OPERATIONS.get(action, ()))),
    )


def _parameter(
    action: str, name: str, field: Mapping[str, Any], *, required: bool
) -> CommandParameter:
    # An optional one is "this or null".
    kinds = [one for one in field.get("anyOf", (field,)) if one.get("type") != "null"]
    shape = kinds[0]
    choices = tuple(shape.get("enum", ()))
    return CommandParameter(
        name=name,
        kind=ParameterKind.CHOICE if choices else _kind(name, shape),
        required=required,
        choices=choices,
        least=shape.get("minimum"),
        most=shape.get("maximum"),
        default=_DEFAULTS.get((action, name), ""),
    )


def _kind(name: str, shape: Mapping[str, Any]) -> ParameterKind:
    if shape.get("type") == "integer":
        return ParameterKind.NUMBER
    if shape.get("type") == "boolean":
        return ParameterKind.YES_NO
    return _BY_NAME.get(name, ParameterKind.NAME)


BOOK: CommandBook = {
    action: _spec(action, family) for family, actions in FAMILIES.items() for action in actions
}
