"""The tables.

Owns: every table and its columns, by area. Rows never leave this package: stores turn them into
the core's values.
"""

from __future__ import annotations

from cmdb.models.calendar import (
    FreezeRow,
    WindowRow,
)
from cmdb.models.estate import (
    AccessRow,
    BalancerRow,
    ChannelRow,
    GuideRow,
    InstitutionRow,
    NodeRow,
    SrRow,
    SystemRow,
)
from cmdb.models.jobs import (
    ApprovalRow,
    AuditRow,
    DeploymentRow,
    DialogueRow,
    JobRow,
    LockRow,
    StepRow,
)
from cmdb.models.macros import (
    MacroRow,
)
from cmdb.models.messengers import (
    IdentityCodeRow,
    MessengerMemoryRow,
)
from cmdb.models.people import (
    AgentRow,
    AgentTokenRow,
    ExternalIdRow,
    OneTimeCodeRow,
    PersonRow,
    RuleRow,
    SignInRow,
)
from cmdb.models.readings import (
    LimitRow,
    SampleRow,
)
from cmdb.models.rooms import (
    AdviceCardRow,
    RoomMemberRow,
    RoomMessageRow,
    RoomRow,
    TalkMessageRow,
    TalkRoomRow,
    TalkSummaryRow,
)
from cmdb.models.table import (
    METADATA,
    Table,
)

__all__ = [
    "METADATA",
    "AccessRow",
    "AdviceCardRow",
    "AgentRow",
    "AgentTokenRow",
    "ApprovalRow",
    "AuditRow",
    "BalancerRow",
    "ChannelRow",
    "DeploymentRow",
    "DialogueRow",
    "ExternalIdRow",
    "FreezeRow",
    "GuideRow",
    "IdentityCodeRow",
    "InstitutionRow",
    "JobRow",
    "LimitRow",
    "LockRow",
    "MacroRow",
    "MessengerMemoryRow",
    "NodeRow",
    "OneTimeCodeRow",
    "PersonRow",
    "RoomMemberRow",
    "RoomMessageRow",
    "RoomRow",
    "RuleRow",
    "SampleRow",
    "SignInRow",
    "SrRow",
    "StepRow",
    "SystemRow",
    "Table",
    "TalkMessageRow",
    "TalkRoomRow",
    "TalkSummaryRow",
    "WindowRow",
]
