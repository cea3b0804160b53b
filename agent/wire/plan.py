"""The frozen plan as it crosses the wire, and the grant that lets an agent run it.

Owns: the shape that people approve by its digest, and what the bot signs. A plan names every
node, address, host key, file digest and step; changing any of them changes the digest, and the
approval is void. Knows nothing of how a plan is made or run.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from agent.wire.operations import Operation, effect_of
from agent.wire.profile import NodeProfile
from agent.wire.types import (
    AbsolutePath,
    AgentName,
    Base64Text,
    HostKeyFingerprint,
    HostName,
    JobId,
    LockScope,
    LogWord,
    NodeId,
    Port,
    Sha256,
    Slug,
    StepId,
    UrlPath,
    UserName,
    WireModel,
    digest_of,
)

Environment = Literal["prod", "stage", "dev"]


# What a server may be too old to do without; each is allowed by name, per node.
# kex: SHA-1 key exchange; cipher: CBC and 3DES; mac: SHA-1 and MD5; the two host key families.
LegacyAlgorithm = Literal["kex", "cipher", "mac", "ssh-rsa", "ssh-dss"]


class ServiceCommands(WireModel):
    """A site's own programs for a service, each run without arguments. ``status`` ends with 0
    while the service runs, and with anything else when it does not."""

    start: AbsolutePath
    stop: AbsolutePath
    status: AbsolutePath


class ServiceSpec(WireModel):
    """How a node's service is controlled: the scripts below ``home``, a systemd unit, or the
    site's own ``commands``.

    ``log_failures`` are literal words of this service's log that mean a failed start, beside
    those that the agent knows; ``log_success``, where there is one, must appear after a start.
    ``watch_s``: seconds that a node is watched after it has come back; 0: not at all. ``stop_s``,
    ``start_s``, ``health_s``: how long it gets at the most, where its system's time does not fit.
    """

    name: Slug
    kind: Literal["scripts", "systemd", "commands"]
    home: AbsolutePath  # scripts: <home>/bin/startup.sh and <home>/bin/shutdown.sh
    port: Port
    health_path: UrlPath
    log_path: AbsolutePath
    log_failures: Annotated[tuple[LogWord, ...], Field(max_length=10)] = ()
    log_success: LogWord | None = None
    watch_s: Annotated[int, Field(ge=0, le=600)] = 0
    stop_s: Annotated[int, Field(ge=1, le=600)] | None = None
    start_s: Annotated[int, Field(ge=1, le=600)] | None = None
    health_s: Annotated[int, Field(ge=1, le=600)] | None = None
    commands: ServiceCommands | None = None

    @model_validator(mode="after")
    def _controlled(self) -> ServiceSpec:
        if (self.commands is not None) != (self.kind == "commands"):
            raise ValueError("a service of the site's own commands names them, and no other does")
        return self


class BalancerSpec(WireModel):
    """The balancer on a web node: nginx below ``home`` (``<home>/sbin/nginx``), one upstream."""

    home: AbsolutePath
    upstream_file: AbsolutePath


class NodeTarget(WireModel):
    """One server as the plan means it. The agent compares it with the sealed access record.

    ``transfer`` is what ``port`` speaks. Plain FTP has no host key: nothing proves which server
    answers, nothing can be run there, and every plan says so.
    """

    node_id: NodeId
    env: Environment
    host: HostName
    port: Port
    user: UserName
    host_key: HostKeyFingerprint | None
    deploy_path: AbsolutePath
    backup_path: AbsolutePath
    service: ServiceSpec
    balancer: BalancerSpec | None = None
    charset: Literal["utf-8", "cp949"] = "utf-8"
    transfer: Literal["sftp", "ftp"] = "sftp"
    legacy: Annotated[tuple[LegacyAlgorithm, ...], Field(max_length=5)] = ()
    profile: NodeProfile = NodeProfile()

    @model_validator(mode="after")
    def _identified(self) -> NodeTarget:
        if (self.host_key is None) != (self.transfer == "ftp"):
            raise ValueError("SSH needs a host key, and FTP has none")
        if self.legacy and self.transfer == "ftp":
            raise ValueError("FTP has no algorithms to allow")
        return self


class PasswordLogin(WireModel):
    kind: Literal["password"] = "password"
    password: str = Field(repr=False)


class KeyLogin(WireModel):
    kind: Literal["key"] = "key"
    private_key: str = Field(repr=False)  # OpenSSH PEM


class ServiceLogin(WireModel):
    """The login of a database or a broker behind a node; its role may only read, but for
    ``pg_signal_backend`` where sessions are to be ended."""

    user: Annotated[str, Field(min_length=1, max_length=63)]
    password: str = Field(repr=False)


class NodeAccess(WireModel):
    """What is sealed to an agent for one node: the login and the node that it is good for.

    The agent opens a credential only for the very host, key and folders named beside it, so that
    a bot that lies about a target cannot make the agent show the credential elsewhere.

    ``issued_at``: when it was sealed. Once an agent has used a newer record of a node, it takes no
    older one any more; a record without it is older than all that have it.
    """

    target: NodeTarget
    login: Annotated[PasswordLogin | KeyLogin, Field(discriminator="kind")]
    database: ServiceLogin | None = None
    queue: ServiceLogin | None = None
    issued_at: AwareDatetime | None = None


class Step(WireModel):
    """One operation at one node. ``node_id`` is where it runs."""

    step_id: StepId
    node_id: NodeId
    operation: Operation
    timeout_s: Annotated[int, Field(ge=1, le=3600)] = 120


class NodeRun(WireModel):
    """All steps that update one node, in order, and those that undo them, in order."""

    node_id: NodeId
    steps: tuple[Step, ...]
    undo: tuple[Step, ...] = ()


class WirePlan(WireModel):
    """What will happen, whole. Batches run one after the other; node runs of a batch together."""

    version: Literal[1] = 1
    job_id: JobId  # in the digest: an approval is good for one job only
    action: Slug
    requested_by: Slug
    sr: str | None = None
    agent: AgentName
    lock: LockScope | None  # the system that a change locks; reads lock nothing
    targets: tuple[NodeTarget, ...]  # every server that a step touches
    batches: tuple[tuple[NodeRun, ...], ...]

    @model_validator(mode="after")
    def _closed(self) -> WirePlan:
        known = {target.node_id for target in self.targets}
        steps = self.steps()
        if len(known) != len(self.targets):
            raise ValueError("a node is named twice among the targets")
        if len({step.step_id for step in steps}) != len(steps):
            raise ValueError("two steps have the same id")
        if not {step.node_id for step in steps} <= known:
            raise ValueError("a step runs at a node that is not among the targets")
        if self.lock is None and any(effect_of(step.operation) == "change" for step in steps):
            raise ValueError("a plan that changes something names its lock")
        return self

    def runs(self) -> tuple[NodeRun, ...]:
        """All node runs, in order."""
        return tuple(run for batch in self.batches for run in batch)

    def steps(self) -> tuple[Step, ...]:
        """All steps, undo included."""
        return tuple(step for run in self.runs() for step in (*run.steps, *run.undo))

    def step(self, step_id: str) -> Step | None:
        """The step of that id, or None."""
        return next((step for step in self.steps() if step.step_id == step_id), None)

    def target(self, node_id: str) -> NodeTarget | None:
        """The target of that id, or None."""
        return next((target for target in self.targets if target.node_id == node_id), None)

    def digest(self) -> str:
        """SHA-256 of the canonical form: what people approve and what the agent checks."""
        return digest_of(self)


class ApprovalRecord(WireModel):
    """Who said yes, when, and whether with a one-time code. Signed as part of the grant."""

    person_id: Slug
    role: Slug
    at: AwareDatetime
    one_time_code: bool = False


class Grant(WireModel):
    """The bot's word that this plan may run. Signed with the bot's key, pinned at enrolment."""

    job_id: JobId
    plan_digest: Sha256
    agent: AgentName
    requested_by: Slug
    basis: Literal["approval", "rule"]  # approved by people, or permitted by a policy rule
    approvals: tuple[ApprovalRecord, ...] = ()
    fencing_token: Annotated[int, Field(ge=0)]  # grows with every holder of the plan's lock
    issued_at: AwareDatetime
    expires_at: AwareDatetime


class SignedGrant(WireModel):
    """A grant's canonical bytes as text, and the Ed25519 signature over them."""

    grant: str
    signature: Base64Text


class SealedAccess(WireModel):
    """A NodeAccess that only the named agent can open (libsodium sealed box)."""

    node_id: NodeId
    ciphertext: Base64Text
