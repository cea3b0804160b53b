"""The verb ``help``: what this person may ask, with sentences that work.

Owns: which examples which role is shown; of the checks and cures those that the rules let this
person have. The sentences are in the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.wire.operations import Operation
from bot.core.domain.people import Role
from bot.core.domain.plan import Risk
from bot.core.domain.report import Facts, Paragraph, Report
from bot.core.ports import ActionRequest
from bot.core.texts import Texts

_CHANGES = ("deploy", "rollback")
_SERVICE = ("service_status", "service_restart")
_LOOKS = ("health", "server_info")
_TASKS = ("list_tasks", "cancel_task")
_ROOM = ("guides", "summarise", "advise", "quiet")
EXAMPLES: dict[Role, tuple[str, ...]] = {
    Role.DEVELOPER: (*_CHANGES, "correct", *_LOOKS, "service_status", *_TASKS, *_ROOM),
    Role.OPERATOR: (*_LOOKS, *_SERVICE, *_CHANGES, "correct", *_TASKS, *_ROOM),
    Role.PART_LEADER: ("approve", *_LOOKS, *_SERVICE, "rollback", "correct", *_TASKS, *_ROOM),
    Role.PM: ("approve", *_LOOKS, "list_tasks", *_ROOM),
    Role.AUDITOR: ("server_info", "list_tasks", *_ROOM),
}
# Of the checks and cures, what is asked for most, by the sentence that asks for it.
CHECKS = {
    "resources": "monitor_resources",
    "disk": "check_disk_space",
    "layers": "check_internal_was_status",
    "logs": "collect_target_logs",
    "database": "check_db_status",
    "certificates": "ssl_expiry_detector",
    "integrity": "config_integrity_check",
    "clear": "backup_and_clear",
    "backup": "backup_db",
}


class Help:
    """Examples for the asking person."""

    action_id = "help"
    risk = Risk.READ
    needs = frozenset({"permitted"})
    reaches_nodes = False

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Report:
        """The answer itself."""
        say = self._texts.say
        role = request.actor.role
        checks = [name for name, action in CHECKS.items() if action in request.permitted]
        names = [*EXAMPLES[role], *checks, *(["commands"] if checks else [])]
        rows = tuple((say(f"help.label.{name}"), say(f"help.example.{name}")) for name in names)
        return Report(
            title=say("help.title"),
            summary=say("help.summary", name=request.actor.name, role=say(f"role.{role.value}")),
            sections=(Facts(rows=rows), Paragraph(text=say("help.approval"))),
        )
