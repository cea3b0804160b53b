"""Which job state may follow which.

Owns: the transition table, and what a run's step records come to. Pure.
"""

from __future__ import annotations

from bot.core.domain.job import TERMINAL, JobState

_S = JobState
_NEXT: dict[JobState, frozenset[JobState]] = {
    _S.RECEIVED: frozenset({_S.PLANNED, _S.DENIED, _S.FAILED}),
    _S.PLANNED: frozenset({_S.AWAITING_APPROVAL, _S.QUEUED, _S.DENIED, _S.FAILED}),
    _S.AWAITING_APPROVAL: frozenset({_S.QUEUED, _S.DENIED, _S.EXPIRED, _S.CANCELLED}),
    _S.QUEUED: frozenset({_S.RUNNING, _S.CANCELLED, _S.DENIED, _S.FAILED}),
    _S.RUNNING: frozenset(
        {
            _S.SUCCEEDED,
            _S.FAILED,
            _S.ROLLED_BACK,
            _S.ROLLBACK_FAILED,
            _S.CANCELLED,
            _S.UNKNOWN,
        }
    ),
}


def may_follow(state: JobState, to: JobState) -> bool:
    """Whether a job in ``state`` may move to ``to``. Terminal states lead nowhere."""
    return to in _NEXT.get(state, frozenset())


def has_ended(state: JobState) -> bool:
    """Whether nothing can follow."""
    return state in TERMINAL
