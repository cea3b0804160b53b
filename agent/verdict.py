"""How a step ended, and the one outcome that is made of it.

Owns: verdicts from results, failures and surprises, and the bound and order of the lines that go
with them. Decides nothing and runs nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Literal

import structlog

from agent.operations.context import OperationFailed, StepContext
from agent.transports.output import plain
from agent.transports.transport import TransportError
from agent.wire.messages import StepOrder, StepOutcome
from agent.wire.results import Result

_LINES = 400  # of a step, for the page of its job; cards show few
_log = structlog.get_logger("agent.executor")

State = Literal["succeeded", "failed", "refused", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a step ended, before it is an outcome."""

    state: State
    code: str = "ok"
    values: dict[str, str] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    result: Result | None = None
    verified: bool = False


def judge(operation: asyncio.Future[Result], context: StepContext) -> Verdict:
    try:
        return Verdict(state="succeeded", result=operation.result(), lines=tuple(context.output))
    except OperationFailed as error:
        return _failed_operation(error, context)
    except TransportError as error:
        return failed_transport(error, context)
    except Exception as error:  # noqa: BLE001  every step has its one outcome
        _log.exception("operation raised", step=context.step_id)
        return internal(error)


def refused(code: str, detail: str) -> Verdict:
    return Verdict(state="refused", code=code, values={"detail": detail})


def internal(error: Exception, *, state: State = "failed") -> Verdict:
    # The class only: a message could quote anything, a credential included.
    return Verdict(state=state, code="internal", values={"detail": type(error).__name__})


def _failed_operation(error: OperationFailed, context: StepContext) -> Verdict:
    return Verdict(
        state="failed",
        code=error.code,
        values={**place(context), **error.values},
        lines=_with_output(context, error.lines),
        result=error.result,
    )


def failed_transport(
    error: TransportError, context: StepContext, *, state: State = "failed"
) -> Verdict:
    lines = _with_output(context, error.output.lines() if error.output else ())
    values = {**place(context), **error.values}
    return Verdict(state=state, code=error.code, values=values, lines=lines)


def _with_output(context: StepContext, lines: tuple[str, ...]) -> tuple[str, ...]:
    """All that was said, what decided last and once: the end is what is kept and shown."""
    decisive = set(lines)
    return (*(line for line in context.output if plain(line) not in decisive), *lines)


def place(context: StepContext) -> dict[str, str]:
    return {"node": context.target.node_id}


def outcome_of(
    order: StepOrder, verdict: Verdict, *, attempt: int = 1, elapsed_ms: int = 0
) -> StepOutcome:
    return StepOutcome(
        job_id=order.job_id,
        step_id=order.step_id,
        state=verdict.state,
        code=verdict.code,
        values={name: plain(value) for name, value in verdict.values.items()},
        lines=tuple(plain(line) for line in verdict.lines[-_LINES:]),
        result=verdict.result,
        attempt=attempt,
        verified=verdict.verified,
        elapsed_ms=elapsed_ms,
    )
