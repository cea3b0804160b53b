"""How the engine writes the audit: one call, redacted, before anything is done.

Owns: turning what happened into audit events. If the event cannot be written, the error goes
up and the caller stops.
"""

from __future__ import annotations

from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.job import Job, JobState
from bot.core.ports import AuditSink, Clock
from bot.core.redaction import redact_value


class Chronicle:
    """The audit as the engine uses it."""

    def __init__(self, sink: AuditSink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock

    async def record(
        self,
        kind: AuditKind,
        actor: str,
        *,
        subject: str = "",
        job_id: str | None = None,
        **detail: object,
    ) -> None:
        """Append one event.

        Raises:
            OperationError: it could not be written (``audit_unavailable``).
        """
        await self._sink.append(
            AuditEvent(
                kind=kind,
                at=self._clock.now(),
                actor=actor,
                job_id=job_id,
                subject=subject,
                detail={name: redact_value(value) for name, value in detail.items()},
            )
        )

    async def state(self, job: Job, to: JobState, **detail: object) -> None:
        """A job is about to move to another state."""
        await self.record(
            AuditKind.STATE, "bot", subject=to.value, job_id=job.job_id, was=job.state, **detail
        )
