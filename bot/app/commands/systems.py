"""``guardia window``, ``guardia rollout``, ``guardia repository``: what is set of one system.

Owns: that every change is on the record before it is made. Says what is set now, in words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from agent.wire.types import RelativePath
from bot.app.commands.window_words import read_window, write_window
from bot.app.repositories import repositories_of
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_audit, open_database
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.estate import Environment, Repository, Rollout, SystemEntry
from bot.core.errors import UserError
from bot.core.ports import AuditSink, Clock
from bot.core.repositories import is_local, repository_name, repository_url
from bot.core.texts import load_texts
from bot.engine.files import DiskFileStore
from cmdb.calendar import SqlCalendarStore
from cmdb.systems import SqlSystems

_MOST_NODES, _LONGEST_SETTLING_S = 100, 300


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutChange:
    """What is to be other than it is; None: as it is."""

    canary: int | None = None
    batch: int | None = None
    settle_s: int | None = None

    def applied(self, rollout: Rollout) -> Rollout:
        """The rollout with the change made."""
        given = {"canary": self.canary, "batch": self.batch, "settle_s": self.settle_s}
        return replace(rollout, **{name: n for name, n in given.items() if n is not None})


# --- windows ---------------------------------------------------------------------------------


async def set_windows(
    settings: GuardiaSettings,
    clock: Clock,
    code: str,
    *,
    words: Sequence[str],
    environments: Sequence[Environment],
) -> str:
    """Replace a system's windows by these.

    Raises:
        UserError: no such system, or words that are no window.
    """
    windows = [read_window(text, environments) for text in words]
    written = [write_window(window, settings.language) for window in windows]
    async with _open(settings, code) as (engine, audit):
        await audit.append(_event(clock, "window set", code, windows=written))
        await SqlCalendarStore(engine).set_windows(code, windows)
    return await show_windows(settings, clock, code)


async def show_windows(settings: GuardiaSettings, clock: Clock, code: str) -> str:
    """A system's windows.

    Raises:
        UserError: no such system.
    """
    texts = load_texts(settings.language)
    async with open_database(settings) as engine:
        system = await _known(engine, code)
        calendar = await SqlCalendarStore(engine).calendar(system, now=clock.now())
    if not calendar.windows:
        return texts.say("window.any_time", system=code)
    written = [write_window(window, settings.language) for window in calendar.windows]
    return texts.say("window.shown", system=code, windows=" · ".join(written))


async def clear_windows(settings: GuardiaSettings, clock: Clock, code: str) -> str:
    """Let a system be deployed to at any time.

    Raises:
        UserError: no such system.
    """
    return await set_windows(settings, clock, code, words=(), environments=())


# --- rollout ---------------------------------------------------------------------------------


async def change_rollout(
    settings: GuardiaSettings, clock: Clock, code: str, change: RolloutChange
) -> str:
    """Change in which portions a system's nodes are changed; without any change only say it.

    Raises:
        UserError: no such system, or a number that makes no sense (``rollout_numbers``).
    """
    texts = load_texts(settings.language)
    async with _open(settings, code) as (engine, audit):
        systems = SqlSystems(engine)
        before = await systems.rollout(code) or Rollout()
        after = change.applied(before)
        _refuse_odd_numbers(after)
        if after != before:
            await audit.append(_event(clock, "rollout", code, before=str(before), after=str(after)))
            await systems.set_rollout(code, after)
    values = {"canary": after.canary, "batch": after.batch, "settle_s": after.settle_s}
    return texts.say("rollout.shown", system=code, **values)


def _refuse_odd_numbers(rollout: Rollout) -> None:
    well = (
        0 <= rollout.canary <= _MOST_NODES
        and 1 <= rollout.batch <= _MOST_NODES
        and 0 <= rollout.settle_s <= _LONGEST_SETTLING_S
    )
    if not well:
        raise UserError("rollout_numbers", most=_MOST_NODES, longest=_LONGEST_SETTLING_S)


# --- repositories ----------------------------------------------------------------------------


async def set_repository(
    settings: GuardiaSettings, clock: Clock, code: str, *, url: str, folder: str = ""
) -> str:
    """Say from which repository a system is deployed.

    Raises:
        UserError: no such system, an address or folder that cannot be used.
    """
    repository = _repository(settings, code, url=url, folder=folder)
    async with _open(settings, code) as (engine, audit):
        await audit.append(
            _event(clock, "repository set", code, repository=repository.name, folder=folder)
        )
        await SqlSystems(engine).set_repository(code, repository)
    texts = load_texts(settings.language)
    return texts.say(
        "repository.set", system=code, repository=repository.name, folder=folder or "/"
    )


async def clear_repository(settings: GuardiaSettings, clock: Clock, code: str) -> str:
    """Deploy a system from dropped files only.

    Raises:
        UserError: no such system.
    """
    async with _open(settings, code) as (engine, audit):
        await audit.append(_event(clock, "repository clear", code))
        await SqlSystems(engine).set_repository(code, None)
    return load_texts(settings.language).say("repository.cleared", system=code)


async def check_repository(settings: GuardiaSettings, code: str, ref: str | None) -> str:
    """Whether it can be read: how many refs, or what one of them would deploy.

    Raises:
        UserError: no such system or ref, or files that are not to be deployed.
        OperationError: the repository does not answer.
    """
    texts = load_texts(settings.language)
    async with open_database(settings) as engine:
        await _known(engine, code)
        files = DiskFileStore(settings.data_dir / "files")
        repositories = repositories_of(settings, engine, files)
        if ref is None:
            refs = await repositories.names(code)
            counts = {"tags": len(refs.tags), "branches": len(refs.branches)}
            return texts.say("repository.answers", system=code, **counts)
        artifact = await repositories.fetch(code, ref)
    source = artifact.ref
    if source is None:
        raise UserError("repository_none", system=code)
    return texts.say(
        "repository.holds",
        ref=source.ref,
        kind=texts.say(f"repository.{source.kind}"),
        commit=source.commit[:12],
        author=source.author,
        subject=source.subject,
        count=len(artifact.entries),
        kilobytes=-(-artifact.size // 1024),
    )


def _repository(settings: GuardiaSettings, code: str, *, url: str, folder: str) -> Repository:
    try:
        repository_url(url)
    except ValueError as error:
        raise UserError("repository_url", system=code) from error
    if is_local(url) and not settings.sources.local:
        raise UserError("repository_local", repository=repository_name(url))
    if folder and not _is_below(folder):
        raise UserError("repository_folder", folder=folder)
    return Repository(name=repository_name(url), url=url, folder=folder)


def _is_below(folder: str) -> bool:
    try:
        TypeAdapter(RelativePath).validate_python(folder)
    except ValidationError:
        return False
    return True


# --- shared ----------------------------------------------------------------------------------


@asynccontextmanager
async def _open(
    settings: GuardiaSettings, code: str
) -> AsyncIterator[tuple[AsyncEngine, AuditSink]]:
    async with open_database(settings) as engine, open_audit(settings, engine) as audit:
        await _known(engine, code)
        yield engine, audit


async def _known(engine: AsyncEngine, code: str) -> SystemEntry:
    system = await SqlSystems(engine).find(code)
    if system is None:
        raise UserError("system_code_unknown", system=code)
    return system


def _event(clock: Clock, subject: str, code: str, **detail: object) -> AuditEvent:
    return AuditEvent(
        kind=AuditKind.ADMIN,
        at=clock.now(),
        actor="cli",
        subject=subject,
        detail={"system": code, **detail},
    )
