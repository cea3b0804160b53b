"""The messengers besides our own room: one line each.

Owns: the table, and what every adapter is made from. Adding a messenger is its folder under
``adapters/``, its line in ``MESSENGERS`` with how it is made, and its section in the settings. Its
code is imported when it is asked for: the client libraries of messengers that a site does not have
would cost each start and each command a fifth of its time.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

import structlog
from aiohttp import web

from bot.app.settings import GuardiaSettings
from bot.core.degradation import Place, degraded
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.errors import OperationError
from bot.core.messenger_ports import ConsoleLinks, Finding, MessengerMemory
from bot.core.ports import Adapter, Capabilities, Clock, FileStore
from bot.core.texts import Texts
from bot.engine.outbound import Shape

log = structlog.get_logger(__name__)

_REMEMBERED = timedelta(days=180)  # a conversation that has been silent for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class MessengerParts:
    """What an adapter may need of the bot. ``links``: None where nobody has said how browsers reach
    our pages."""

    settings: GuardiaSettings
    files: FileStore
    memory: MessengerMemory
    links: ConsoleLinks | None
    texts: Texts
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A messenger's code: what can it do, how is it made, how does ``guardia doctor`` see it."""

    capabilities: Capabilities
    open: Callable[[MessengerParts], Adapter]
    examine: Callable[[GuardiaSettings], AsyncIterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Messenger:
    """One messenger, and whether the site has it, which is known without its code."""

    name: str
    enabled: Callable[[GuardiaSettings], bool]
    load: Callable[[], Loaded]


@runtime_checkable
class Mounted(Protocol):
    """An adapter that is called by its service, on the bot's own server."""

    def attach(self, app: web.Application) -> None:
        """Add its routes."""


def _slack() -> Loaded:
    from adapters.slack.adapter import SlackAdapter
    from adapters.slack.checks import examine_slack

    return Loaded(
        capabilities=SlackAdapter.capabilities,
        open=lambda parts: SlackAdapter(
            parts.settings.slack,
            files=parts.files,
            memory=parts.memory,
            texts=parts.texts,
            clock=parts.clock,
        ),
        examine=lambda settings: examine_slack(settings.slack, settings.web.public_origin),
    )


def _teams() -> Loaded:
    from adapters.teams.adapter import TeamsAdapter
    from adapters.teams.checks import examine_teams

    return Loaded(
        capabilities=TeamsAdapter.capabilities,
        open=lambda parts: TeamsAdapter(
            settings=parts.settings.teams,
            files=parts.files,
            memory=parts.memory,
            links=parts.links,
            texts=parts.texts,
            clock=parts.clock,
        ),
        examine=lambda settings: examine_teams(settings.teams, settings.web.public_origin),
    )


def _jandi() -> Loaded:
    from adapters.jandi.adapter import JandiAdapter
    from adapters.jandi.checks import examine_jandi

    return Loaded(
        capabilities=JandiAdapter.capabilities,
        open=lambda parts: JandiAdapter(
            parts.settings.jandi, memory=parts.memory, texts=parts.texts, clock=parts.clock
        ),
        examine=lambda settings: examine_jandi(settings.jandi, settings.console_url),
    )


MESSENGERS: tuple[Messenger, ...] = (
    Messenger(name="slack", enabled=lambda settings: settings.slack.enabled, load=_slack),
    Messenger(name="teams", enabled=lambda settings: settings.teams.enabled, load=_teams),
    Messenger(name="jandi", enabled=lambda settings: settings.jandi.enabled, load=_jandi),
)


def open_messengers(parts: MessengerParts) -> tuple[Adapter, ...]:
    """The adapters of the messengers that this site has."""
    return tuple(each.load().open(parts) for each in MESSENGERS if each.enabled(parts.settings))


async def forget_old(memory: MessengerMemory, names: Iterable[str], clock: Clock) -> None:
    """Drop what messengers remember longer than anybody asks for it: once at each start."""
    for name in names:
        try:
            await memory.forget(name, before=clock.now() - _REMEMBERED)
        except OperationError as error:
            log.warning("memory_not_tidied", messenger=name, code=error.code)


def shape_for(texts: Texts, links: ConsoleLinks | None) -> Shape:
    """The one table of what messengers lack, with the site's words and pages."""

    def shape(report: Report, capabilities: Capabilities, at: ConversationRef) -> Report:
        return degraded(report, capabilities, Place(conversation=at, texts=texts, links=links))

    return shape
