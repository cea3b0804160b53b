"""A change that runs on while its calendar has closed: what its thread is told.

Owns: that note, once for each freeze or window, and its record. Stops nothing: half a fleet new
for the length of a freeze is worse than either version, and going back by itself would change
servers in the very time in which nobody wants them changed. People decide, by one click: a cancel
takes back every node.
"""

from __future__ import annotations

from datetime import datetime

import structlog

from bot.core.cards import running_on_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.job import JobState
from bot.core.errors import OperationError
from bot.engine.chronicle import Chronicle
from bot.engine.outbound import Outbound
from bot.engine.recent import Recent
from bot.engine.requests import ApprovalRequests
from bot.engine.services import Services
from bot.engine.timetable import Timetable

log = structlog.get_logger(__name__)


class Overtime:
    """Looked at before every step that goes forward."""

    def __init__(
        self,
        services: Services,
        chronicle: Chronicle,
        outbound: Outbound,
        requests: ApprovalRequests,
    ) -> None:
        self._services = services
        self._chronicle = chronicle
        self._outbound = outbound
        self._requests = requests
        self._timetable = Timetable(services)
        self._told = Recent(1000)

    async def look(self, job_id: str) -> None:
        """Tell, once, that this running job could not begin any more."""
        job = await self._requests.load(job_id)
        if job.state is not JobState.RUNNING or job.cancel_requested_by is not None:
            return
        schedule = await self._timetable.schedule(job.plan, now=self._now())
        if schedule.timing.open:
            return
        freeze = schedule.timing.freeze
        key = f"{job_id}:closed:{freeze.freeze_id if freeze else 'window'}"
        if key in self._told:
            return
        await self._chronicle.record(
            AuditKind.DECISION,
            "bot",
            subject="runs_on",
            job_id=job_id,
            code="frozen" if freeze else "window_closed",
            **({"freeze": freeze.freeze_id} if freeze else {}),
        )
        try:
            report = running_on_report(job, schedule, self._services.texts)
            await self._outbound.post(report, job.conversation, key=key)
        except OperationError as error:
            # A messenger that is down stops no running job.
            log.warning("note_failed", code=error.code, job=job_id)
        self._told.add(key)

    def _now(self) -> datetime:
        return self._services.clock.now()
