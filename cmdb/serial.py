"""Values of the core as JSON columns, and back.

Owns: one type adapter per value that a column holds whole. What does not fit its type raises on
the way out of the database too: a damaged row is an error, never a guess.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from agent.wire.plan import NodeTarget
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.decision import Rule, Stage
from bot.core.domain.intent import Intent
from bot.core.domain.job import StepRecord
from bot.core.domain.plan import Plan

T = TypeVar("T")


class Serial(Generic[T]):
    """One type's way into a JSON column and out of it."""

    def __init__(self, adapter: TypeAdapter[T]) -> None:
        self._adapter = adapter

    def dump(self, value: T) -> Any:
        return self._adapter.dump_python(value, mode="json")

    def load(self, stored: Any) -> T:
        return self._adapter.validate_python(stored)

    def maybe_dump(self, value: T | None) -> Any:
        return None if value is None else self.dump(value)

    def maybe_load(self, stored: Any) -> T | None:
        return None if stored is None else self.load(stored)


PLAN = Serial(TypeAdapter(Plan))
STAGES = Serial(TypeAdapter(tuple[Stage, ...]))
STEP = Serial(TypeAdapter(StepRecord))
CONVERSATION = Serial(TypeAdapter(ConversationRef))
INTENT = Serial(TypeAdapter(Intent))
RULE = Serial(TypeAdapter(Rule))
WIRE = Serial(TypeAdapter(NodeTarget))
