"""When a plan may begin: the calendar of its system, asked at card, click and begin.

Owns: reading the calendar for a plan, and the refusal that says who, why and until when. The
rules of freezes and windows are ``bot.core.calendar``'s.
"""

from __future__ import annotations

from datetime import datetime

from bot.core.calendar import timing
from bot.core.cards import Schedule, closed_values
from bot.core.domain.calendar import Timing
from bot.core.domain.estate import SystemEntry
from bot.core.domain.plan import Plan, Risk
from bot.core.errors import UserError
from bot.engine.services import Services

_BOUND = frozenset({Risk.CHANGE, Risk.DANGER})


class Timetable:
    """Answers for plans."""

    def __init__(self, services: Services) -> None:
        self._calendar = services.stores.calendar
        self._directory = services.directory
        self._texts = services.texts

    async def schedule(self, plan: Plan, *, now: datetime, at: datetime | None = None) -> Schedule:
        """What the calendar, as it stands now, says of the plan's beginning ``at`` that instant
        (now, where none is given)."""
        if plan.risk not in _BOUND or plan.wire.lock is None:
            return Schedule(timing=Timing(open=True))
        system = SystemEntry(institution=plan.institution, name=plan.system, code=plan.wire.lock)
        calendar = await self._calendar.calendar(system, now=now)
        said = timing(calendar, plan.action, plan.environments, at or now)
        if said.freeze is None:
            return Schedule(timing=said)
        person = await self._directory.person(said.freeze.who)
        return Schedule(timing=said, who=person.name if person else said.freeze.who)

    async def values(self, plan: Plan, *, now: datetime) -> dict[str, str]:
        """Who, why, until and when next, for sentences; dashes where nothing is closed."""
        return closed_values(await self.schedule(plan, now=now), self._texts)

    async def refusal(
        self, plan: Plan, *, now: datetime, at: datetime | None = None
    ) -> UserError | None:
        """Why it may not begin then: ``frozen`` or ``window_closed``; None: it may."""
        schedule = await self.schedule(plan, now=now, at=at)
        if schedule.timing.open:
            return None
        code = "frozen" if schedule.timing.freeze else "window_closed"
        values = closed_values(schedule, self._texts)
        return UserError(code, job=plan.wire.job_id, system=plan.system, **values)
