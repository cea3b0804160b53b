"""The files that go with a final report beside its log.

Owns: which there are, in which order. How each is made is another's.
"""

from __future__ import annotations

from bot.core.domain.job import Job
from bot.core.domain.report import Attachment
from bot.engine.services import Services
from bot.engine.trends import trend_of
from bot.engine.workbook import enclosed_workbook


async def enclosures(job: Job, services: Services) -> tuple[Attachment, ...]:
    """Those of this job. A report is never held up by a file: what cannot be made is left out."""
    made = [await enclosed_workbook(job, services), await trend_of(job, services)]
    return tuple(file for file in made if file is not None)
