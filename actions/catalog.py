"""The closed list of verbs.

Owns: which actions exist. ``list_tasks`` and ``cancel_task`` are the engine's own: they read and
change jobs, not servers.
"""

from __future__ import annotations

from actions.access_guide import AccessGuide
from actions.clearing import BackupAndClear, SelfHealingDefense
from actions.cron import CronHealthChecker, RegisterCronJob
from actions.database import BackupDb, CheckDbStatus
from actions.deploy import Deploy
from actions.guarding import SecurityAudit, SslExpiryDetector
from actions.health import CheckInfraHealth
from actions.help import Help
from actions.integrity import ConfigIntegrityCheck
from actions.interfaces import EsbChannelMonitor, FetchMesQc, LinkTxTracker
from actions.layers import CheckInternalWasStatus
from actions.logs import CollectTargetLogs
from actions.resources import CheckDiskSpace, MonitorResources
from actions.rollback import Rollback
from actions.run_script import RunSiteScript
from actions.server_info import ServerInfo
from actions.service import ManageService
from actions.sessions import KillSession, ListLogins
from bot.core.ports import Action
from bot.core.texts import Texts, load_texts


def actions_in(texts: Texts) -> tuple[Action, ...]:
    """Every action, answering in the language of these texts."""
    return (
        Deploy(),
        Rollback(),
        ManageService(),
        CheckInfraHealth(),
        CollectTargetLogs(),
        BackupAndClear(texts),
        SelfHealingDefense(texts),
        CheckInternalWasStatus(),
        MonitorResources(),
        CheckDiskSpace(),
        ListLogins(),
        KillSession(),
        CheckDbStatus(),
        BackupDb(),
        FetchMesQc(),
        LinkTxTracker(),
        EsbChannelMonitor(),
        SecurityAudit(),
        ConfigIntegrityCheck(),
        SslExpiryDetector(),
        CronHealthChecker(texts),
        RegisterCronJob(texts),
        RunSiteScript(),
        ServerInfo(texts),
        AccessGuide(texts),
        Help(texts),
    )


ACTIONS: tuple[Action, ...] = actions_in(load_texts("ko"))


def action_of(action_id: str) -> Action | None:
    """The action of that id, or None."""
    return next((action for action in ACTIONS if action.action_id == action_id), None)
