"""Telling how a job has ended, however long its messenger is away.

Owns: the workflow that goes on telling beside the runs, and for how long. What is said is the
conductor's; a report that was taken is not posted again, as its key posts once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from dbos import DBOS, SetWorkflowID

from bot.engine.conductor import Conductor

log = structlog.get_logger(__name__)

_TIMES = 1000  # a week, at ten minutes each

Step = Callable[..., Awaitable[Any]]


class StepGaveUpError(Exception):
    """A durable step failed every time it was tried."""


class Telling:
    """The last word on a job. ``step`` runs a call as a durable step; ``again_s``: seconds between
    two offers to a messenger that is away."""

    def __init__(self, conductor: Conductor, step: Step, *, again_s: float) -> None:
        self._conductor = conductor
        self._step = step
        self._again_s = again_s

        # DBOS marks the functions that it registers; a bound method cannot be marked.
        async def tell(job_id: str, code: str | None) -> None:
            await self._go_on(job_id, code)

        self.workflow = DBOS.workflow(name="tell", max_recovery_attempts=None)(tell)

    async def end(self, job_id: str, code: str | None) -> None:
        """The final report, or by ``code`` why the job did not begin. A messenger that is away
        holds up no system: then telling goes on in a workflow of its own."""
        try:
            await self._tell(job_id, code)
        except StepGaveUpError:
            with SetWorkflowID(f"tell:{job_id}"):
                await DBOS.start_workflow_async(self.workflow, job_id, code)

    async def _tell(self, job_id: str, code: str | None) -> None:
        if code is None:
            await self._step("announce", self._conductor.announce, job_id)
        else:
            await self._step("stopped", self._conductor.stopped, job_id, code)

    async def _go_on(self, job_id: str, code: str | None) -> None:
        for _ in range(_TIMES):
            await DBOS.sleep_async(self._again_s)
            try:
                await self._tell(job_id, code)
            except StepGaveUpError:
                continue  # logged where it gave up
            return
        log.error("report_never_told", job=job_id)
