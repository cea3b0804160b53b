"""One line of a template in the account's crontab: what it would change, and changing it.

Owns: preview_cron and register_cron. Programs come from the node's profile; nothing that people
say becomes a command.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.operations.account_crontab import read_crontab, require_ordinary, write_crontab
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.operations.cron_block import (
    BlockBrokenError,
    changes,
    command_line,
    digest_of,
    line_of,
    schedule_of,
    with_line,
)
from agent.transports.transport import Transport
from agent.wire.checks import CronPreview, PreviewCron, RegisterCron
from agent.wire.crontab import is_schedule
from agent.wire.results import Done


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """The crontab before and after."""

    before: str
    after: str
    already: bool
    was: str | None  # the template's schedule before, where it can be told


async def preview(context: StepContext, operation: PreviewCron) -> CronPreview:
    """What ``register`` would change.

    Raises:
        OperationFailed: as ``register``; ``cron_program_missing``.
    """
    async with context.server() as server:
        path = _program(context, operation)
        if await server.files.stat(path) is None:
            raise OperationFailed("cron_program_missing", path=path)
        change = await _change(server, context, operation)
    return CronPreview(
        before=digest_of(change.before),
        diff=changes(change.before, change.after),
        already=change.already,
        after=digest_of(change.after),
        was=change.was,
    )


async def register(context: StepContext, operation: RegisterCron) -> Done:
    """Put the line in (or take it out), read the crontab back, compare. Twice is once.

    Raises:
        OperationFailed: ``not_in_profile``, ``cron_invalid``, ``cron_root``, ``cron_missing``,
            ``cron_refused``, ``cron_not_text``, ``cron_block_broken``; ``crontab_moved``:
            somebody has changed the crontab since the plan, nothing was done;
            ``cron_not_written``: what lies there now is not what was written.
    """
    async with context.server() as server:
        change = await _change(server, context, operation)
        if change.already:
            return Done(note="already")
        if digest_of(change.before) != operation.before:
            raise OperationFailed("crontab_moved")
        await write_crontab(server, change.after, context.target.charset)
        if await read_crontab(server, exactly=True) != change.after:
            raise OperationFailed("cron_not_written")
    return Done(note="registered")


async def is_registered(context: StepContext, operation: RegisterCron) -> Verified:
    """``crontab`` replaces the whole file at once: it is the old one, or has the line."""
    async with context.server() as server:
        change = await _change(server, context, operation)
    if change.already:
        return Verified.DONE
    untouched = digest_of(change.before) == operation.before
    return Verified.NOT_DONE if untouched else Verified.PARTIAL


async def _change(
    server: Transport, context: StepContext, operation: PreviewCron | RegisterCron
) -> _Change:
    path = _program(context, operation)
    await require_ordinary(server, context.target.user)
    before = await read_crontab(server, exactly=True)
    wanted = command_line(operation.cron, path) if operation.cron else None
    try:
        there = line_of(before, operation.template)
        after = with_line(before, operation.template, wanted)
    except BlockBrokenError as error:
        raise OperationFailed("cron_block_broken") from error
    return _Change(before=before, after=after, already=there == wanted, was=schedule_of(there))


def _program(context: StepContext, operation: PreviewCron | RegisterCron) -> str:
    if operation.cron is not None and not is_schedule(operation.cron):
        raise OperationFailed("cron_invalid", cron=operation.cron)
    for job in context.target.profile.cron_jobs:
        if job.template == operation.template:
            return job.path
    raise OperationFailed("not_in_profile", template=operation.template)
