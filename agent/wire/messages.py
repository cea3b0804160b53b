"""Every message between bot and agent.

Owns: the closed set of messages in both directions. ``codec`` turns them into frames,
``session`` numbers, acknowledges and resumes them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from agent.wire.plan import SealedAccess, SignedGrant, WirePlan
from agent.wire.results import Result
from agent.wire.scripts import ScriptSpec
from agent.wire.types import AgentName, Base64Text, JobId, Sha256, Slug, StepId, WireModel

PROTOCOL_VERSION = 1
# What an agent counts; what is larger no database keeps.
Count = Annotated[int, Field(ge=0, le=2**53)]
Nonce = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{43}=$")]  # 32 random bytes


# --- handshake (not numbered) ----------------------------------------------------------------


class Hello(WireModel):
    """Agent, first: who it claims to be and what it wants. Proves nothing yet.

    ``session_id`` and ``received`` say up to where it has received, should a session be resumed.
    """

    kind: Literal["hello"] = "hello"
    protocol: int = PROTOCOL_VERSION
    agent: AgentName
    version: Annotated[str, Field(max_length=64)]
    purpose: Literal["session", "enrolment"] = "session"
    nonce: Nonce
    session_id: Annotated[str, Field(max_length=64)] | None = None
    received: Annotated[int, Field(ge=0)] = 0


class Challenge(WireModel):
    """Bot: proves its own key over the agent's hello, and asks the agent to do the same.

    The agent compares ``bot_key`` with the key it has pinned, or at enrolment with the
    fingerprint in its token, before it sends anything else.
    """

    kind: Literal["challenge"] = "challenge"
    nonce: Nonce
    bot_key: Base64Text
    proof: Base64Text


class Proof(WireModel):
    """Agent: the signature over both nonces."""

    kind: Literal["proof"] = "proof"
    proof: Base64Text


class Enrol(WireModel):
    """Agent: spend a single-use token and register these public keys.

    ``proof`` shows that it holds the private half of ``verify_key``, and covers both keys.
    """

    kind: Literal["enrol"] = "enrol"
    token: Annotated[str, Field(max_length=128, repr=False)]  # the secret part only
    verify_key: Base64Text  # Ed25519: checks the agent's proofs
    seal_key: Base64Text  # X25519: seals credentials to the agent
    proof: Base64Text


class Enrolled(WireModel):
    """Bot: registered. The connection closes after it; the agent comes back with its key."""

    kind: Literal["enrolled"] = "enrolled"
    agent: AgentName


class Welcome(WireModel):
    """Bot: the session. ``received`` is the last number the bot has seen of a resumed session."""

    kind: Literal["welcome"] = "welcome"
    session_id: Annotated[str, Field(max_length=64)]
    resumed: bool
    received: Annotated[int, Field(ge=0)] = 0
    heartbeat_s: Annotated[float, Field(ge=0.1, le=300, allow_inf_nan=False)]


class Refused(WireModel):
    """Either end: no, and why. The connection closes after it."""

    kind: Literal["refused"] = "refused"
    code: Slug
    detail: Annotated[str, Field(max_length=500)] = ""


# --- numbered messages -----------------------------------------------------------------------


class PlanOrder(WireModel):
    """Bot: a plan, the signed grant for it, and the sealed access records of its nodes."""

    kind: Literal["plan_order"] = "plan_order"
    plan: WirePlan
    grant: SignedGrant
    access: tuple[SealedAccess, ...]


class StepOrder(WireModel):
    """Bot: run this step of a delivered plan. Sent again after a doubt, it never runs twice:
    the agent's ledger answers with what is known."""

    kind: Literal["step_order"] = "step_order"
    job_id: JobId
    plan_digest: Sha256
    step_id: StepId


class StepCancel(WireModel):
    """Bot: nobody waits for this step any more; stop where nothing is left half done."""

    kind: Literal["step_cancel"] = "step_cancel"
    job_id: JobId
    step_id: StepId


class StepProgress(WireModel):
    """Agent: how far a step is. Counts in the step's own unit (files, answers, bytes)."""

    kind: Literal["step_progress"] = "step_progress"
    job_id: JobId
    step_id: StepId
    done: Count
    total: Count


class StepOutput(WireModel):
    """Agent: a piece of what a long step says while it runs. ``offset``: its place in bytes of
    UTF-8, so that a piece which comes twice counts once."""

    kind: Literal["step_output"] = "step_output"
    job_id: JobId
    step_id: StepId
    offset: Count
    text: Annotated[str, Field(max_length=64 * 1024)]  # decoded, control characters removed


class ScriptsAnnounced(WireModel):
    """Agent, after every welcome: the site's scripts that it would run now."""

    kind: Literal["scripts_announced"] = "scripts_announced"
    scripts: Annotated[tuple[ScriptSpec, ...], Field(max_length=200)]


class StepOutcome(WireModel):
    """Agent: the one end of a step order.

    ``refused``: the guard said no, nothing was done. ``failed``: it ran and did not succeed.
    ``unknown``: it began and nobody can tell by reading whether it took effect.
    ``verified``: the agent had been cut off and found by reading that the step had taken effect.
    ``attempt``: how often the step has begun, over all restarts of the agent.
    """

    kind: Literal["step_outcome"] = "step_outcome"
    job_id: JobId
    step_id: StepId
    state: Literal["succeeded", "failed", "refused", "unknown"]
    code: Slug = "ok"
    values: dict[str, str] = Field(
        default_factory=dict
    )  # for the wording of ``code`` in the bot's catalogue
    lines: tuple[str, ...] = ()  # bounded, decoded, control characters removed
    result: Result | None = None
    attempt: Count = 1
    verified: bool = False
    elapsed_ms: Count = 0


class BlobRequest(WireModel):
    """Agent: send me this piece of a file that a plan names by its digest."""

    kind: Literal["blob_request"] = "blob_request"
    request_id: Count
    job_id: JobId
    sha256: Sha256
    offset: Count
    length: Annotated[int, Field(ge=1, le=1 << 20)]


class BlobChunk(WireModel):
    """Bot: the piece. Empty data at an offset below the size means that it is not there."""

    kind: Literal["blob_chunk"] = "blob_chunk"
    request_id: int
    found: bool
    data: Base64Text = ""


Message = Annotated[
    PlanOrder
    | StepOrder
    | StepCancel
    | StepProgress
    | StepOutput
    | ScriptsAnnounced
    | StepOutcome
    | BlobRequest
    | BlobChunk,
    Field(discriminator="kind"),
]


# --- what surrounds them ---------------------------------------------------------------------


class Envelope(WireModel):
    """A numbered message, and the last number received from the other end."""

    kind: Literal["envelope"] = "envelope"
    seq: Annotated[int, Field(ge=1)]
    ack: Annotated[int, Field(ge=0)]
    message: Message


class Beat(WireModel):
    """Either end: still here, received up to ``ack``. With ``ask``: answer with a beat at once."""

    kind: Literal["beat"] = "beat"
    ack: Annotated[int, Field(ge=0)]
    ask: bool = False


Frame = Annotated[
    Hello | Challenge | Proof | Enrol | Enrolled | Welcome | Refused | Envelope | Beat,
    Field(discriminator="kind"),
]
