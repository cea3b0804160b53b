"""Steps ordered over a real link, as tests of it see them: their events, their end, their work."""

from __future__ import annotations

import asyncio

from agent.wire.messages import StepOrder, StepOutcome, StepOutput, StepProgress
from bot.core.ports import Delivery
from bot.engine.hub import AgentHub
from tests.fakes.link import within

StepEvent = StepProgress | StepOutput | StepOutcome


async def run(hub: AgentHub, order: Delivery, step_id: str) -> list[StepEvent]:
    """Order it and wait for its end."""
    return await within(events_of(hub, order, step_id))


async def events_of(hub: AgentHub, order: Delivery, step_id: str) -> list[StepEvent]:
    return [event async for event in hub.run_step(order, step_id)]


def outcome(events: list[StepEvent]) -> StepOutcome:
    """The last event, and the only one of its kind."""
    last = events[-1]
    assert isinstance(last, StepOutcome)
    assert not any(isinstance(event, StepOutcome) for event in events[:-1])
    return last


class Gate:
    """Work of a step that waits until it is told to end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.end = asyncio.Event()

    async def __call__(self, _order: StepOrder) -> None:
        self.begun.set()
        await self.end.wait()
