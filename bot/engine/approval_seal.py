"""The keyed MAC over verdicts: whoever can write into the database cannot approve with it.

Owns: sealing a verdict when it is given, and telling a sealed one from a row that somebody wrote.
The key is derived from the bot's signing key and is nowhere but in memory.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace

from nacl.signing import SigningKey

from agent.wire.types import canonical_json
from bot.core.domain.decision import Approval


class ApprovalSeal:
    """Seals and tests verdicts."""

    def __init__(self, signer: SigningKey) -> None:
        self._key = hashlib.blake2b(bytes(signer), digest_size=32, person=b"approval").digest()

    def close(self, approval: Approval) -> Approval:
        """The verdict with its seal."""
        return replace(approval, seal=self._mac(approval))

    def genuine(self, approvals: Iterable[Approval]) -> tuple[Approval, ...]:
        """Those that this bot has taken itself and nobody has changed since."""
        return tuple(
            approval
            for approval in approvals
            if hmac.compare_digest(approval.seal.encode(), self._mac(approval).encode())
        )

    def _mac(self, approval: Approval) -> str:
        covered = {
            "job": approval.job_id,
            "person": approval.person_id,
            "role": approval.role.value,
            "verdict": approval.verdict.value,
            "digest": approval.plan_digest,
            "stage": approval.stage,
            "at": approval.at.timestamp(),
            "run_at": approval.run_at.timestamp() if approval.run_at else None,
            # Left out where there was none: verdicts from before there were codes stay genuine.
            **({"one_time_code": True} if approval.one_time_code else {}),
        }
        return hmac.new(self._key, canonical_json(covered), hashlib.sha256).hexdigest()
