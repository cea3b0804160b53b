"""Everything the engine stands on, by port.

Owns: the bundle of ports that the composition root fills, and the engine's own settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from nacl.signing import SigningKey

from bot.core.check_ports import (
    MacroStore,
    OneTimeCodes,
    OutputStore,
    SampleStore,
    ScriptBook,
)
from bot.core.deploy_ports import CalendarStore, SourceRepository
from bot.core.domain.command import CommandBook
from bot.core.guide_ports import GuideSearch, GuideStore
from bot.core.messenger_ports import ConsoleLinks, IdentityLinks
from bot.core.ports import (
    Action,
    Adapter,
    AgentPool,
    ApprovalStore,
    AuditSink,
    Clock,
    DeploymentStore,
    DialogueStore,
    Directory,
    FileStore,
    HistoryStore,
    IntentParser,
    Inventory,
    JobStore,
    LockStore,
)
from bot.core.texts import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Times and bounds of the engine."""

    approval_lapse: timedelta = timedelta(minutes=30)
    dialogue_lapse: timedelta = timedelta(minutes=10)
    grant_life: timedelta = timedelta(hours=6)  # from the start of a run
    text_limit: int = 4000  # characters of one request
    read_fan_out: int = 20  # nodes read at the same time
    agent_patience_s: int = 60  # how long a run waits for its agent to reconnect before it gives up
    cancel_look_s: float = 1.0  # how often a running step looks whether its job is cancelled
    console_url: str | None = None  # where our own pages are reached; None: no links to them
    unknown_retries: int = 3  # how often a silent agent is asked what became of a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """What is remembered."""

    jobs: JobStore
    approvals: ApprovalStore
    locks: LockStore
    deployments: DeploymentStore
    history: HistoryStore
    dialogues: DialogueStore
    audit: AuditSink
    files: FileStore
    guides: GuideStore
    calendar: CalendarStore
    identities: IdentityLinks
    samples: SampleStore
    outputs: OutputStore
    codes: OneTimeCodes
    macros: MacroStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The ports, filled."""

    adapters: Mapping[str, Adapter]
    parser: IntentParser
    action_of: Callable[[str], Action | None]
    commands: CommandBook  # what ``/sm`` takes, but for sites' scripts
    inventory: Inventory
    directory: Directory
    agents: AgentPool
    guide_search: GuideSearch
    sources: SourceRepository
    stores: Stores
    clock: Clock
    texts: Texts
    signer: SigningKey
    settings: EngineSettings
    scripts: ScriptBook | None = None
    links: ConsoleLinks | None = None  # None where nobody has said how browsers reach our pages
