"""The log of a job as a file of its final report.

Owns: storing it and hanging it on the report. A report is never held up by its file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import structlog

from bot.core.cards import job_log, wants_log
from bot.core.domain.job import Job
from bot.core.domain.report import Attachment, Report
from bot.core.errors import GuardiaError
from bot.core.ports import FileStore
from bot.core.texts import Texts

log = structlog.get_logger(__name__)


async def with_log(report: Report, job: Job, *, files: FileStore, texts: Texts) -> Report:
    """The report with the log of its job, where there is more to tell. The same job has the
    same file, however often it is made."""
    if not wants_log(job):
        return report
    name = f"{job.job_id}.txt"
    try:
        # Off the loop: everything that servers have said is masked for it.
        text = await asyncio.to_thread(job_log, job, texts)
        kept = await files.receive(name, _whole(text))
    except GuardiaError as error:
        log.warning("log_not_attached", code=error.code, job=job.job_id)
        return report
    file = Attachment(digest=kept.digest, name=name, size=kept.size, media_type="text/plain")
    return replace(report, files=(*report.files, file))


async def _whole(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
