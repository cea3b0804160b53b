"""Institutions, systems and nodes, as the CMDB knows them.

Owns: the values of the estate and the vocabulary that texts are understood with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from agent.wire.plan import NodeTarget
from agent.wire.scripts import ScriptSpec
from bot.core.domain.limits import Limits


class Layer(StrEnum):
    WEB = "WEB"
    WAS = "WAS"
    DB = "DB"


class Environment(StrEnum):
    PROD = "prod"
    STAGE = "stage"
    DEV = "dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstitutionEntry:
    name: str
    code: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemEntry:
    institution: str
    name: str
    code: str  # unique, e.g. MOEF-BUDGET
    aliases: tuple[str, ...] = ()
    agent: str = field(default="", compare=False)  # whose scripts it may ask for; "": not said


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeEntry:
    node_id: str
    institution: str
    system: str
    env: Environment
    layer: Layer
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SrEntry:
    """A service request."""

    sr_id: str
    institution: str
    system: str
    title: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The names a text may use: only what the asking person may see."""

    institutions: tuple[InstitutionEntry, ...] = ()
    systems: tuple[SystemEntry, ...] = ()
    nodes: tuple[NodeEntry, ...] = ()
    srs: tuple[SrEntry, ...] = ()
    scripts: tuple[ScriptSpec, ...] = ()  # those of the agents of these systems, for ``/sm``


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerMember:
    """A node's place behind a balancer: a web node's, or an L4 device that its agent knows.

    Exactly one of ``web_node_id`` and ``device`` is given.
    """

    member: str  # "host:port" as the upstream block or the device's pool writes it
    web_node_id: str = ""
    device: str = ""  # its name in the agent's settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One server: its place in the estate, and its address as the agent needs it.

    ``wire`` is None until the node's host key is registered: such a node can be looked up but
    not reached.
    """

    entry: NodeEntry
    os: str
    transfer: str  # "sftp" or "ftp"
    os_user: str
    host: str
    ssh_port: int
    deploy_path: str
    service: str
    service_port: int
    agent: str
    wire: NodeTarget | None = None
    balancers: tuple[BalancerMember, ...] = ()

    @property
    def node_id(self) -> str:
        return self.entry.node_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """In which portions a system's nodes are changed, and how long each of them gets.

    First ``canary`` nodes (0: none apart), then ``batch`` at a time. In seconds, at the most:
    ``settle_s`` for requests in flight, ``stop_s`` and ``start_s`` until the port is closed or
    open, ``health_s`` until the health page is good after that.
    """

    canary: int = 1
    batch: int = 1
    settle_s: int = 5
    stop_s: int = 60
    start_s: int = 120  # a large Tomcat context takes a minute and a half to open its port
    health_s: int = 45  # the port is open by then; what is up says so within seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where a system's files come from. ``name`` is for people, ``url`` never shown to them;
    ``folder`` is the deployed one below the repository's root, empty: all of it."""

    name: str
    url: str
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The nodes of exactly one system that a request means, and the agent that reaches them.

    ``nodes`` is never empty. ``helpers`` are further nodes that steps touch on behalf of them
    (the web nodes whose balancers they stand behind). ``siblings`` is how many nodes the same
    layer and environment has in all.
    """

    system: SystemEntry
    nodes: tuple[Node, ...]
    helpers: tuple[Node, ...]
    siblings: int
    agent: str
    rollout: Rollout = Rollout()
    limits: Limits = field(default_factory=Limits)  # of the system
    node_limits: Mapping[str, Limits] = field(default_factory=dict)  # of nodes with their own

    def limits_of(self, node_id: str) -> Limits:
        """The limits that count for a node."""
        return self.node_limits.get(node_id, self.limits)

    @property
    def environments(self) -> tuple[Environment, ...]:
        return tuple(sorted({node.entry.env for node in self.nodes}))

    @property
    def lock(self) -> str:
        """The scope of the one lock that all changing verbs share: the whole system."""
        return self.system.code
