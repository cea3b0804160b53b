"""Which deployments are made, and where each of them is cut off.

Owns: the requests and the moments of their kills, so that together every step of every kind of
deployment meets one. Runs nothing.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.drivers.kills import (
    Kill,
    Moment,
    approved,
    asked,
    begun,
    done,
    final,
    in_state,
    kept,
    ordered,
    posted,
)

DEVELOPER, OPERATOR = "u032", "u010"
_PLACE = "@guardia 기재부 예산시스템 운영 WAS 1, 2번"
DEPLOY = f"{_PLACE}에 이 파일들 반영하고 무중단 재기동해줘. SR-2026-0401"
RESTART = f"{_PLACE} 무중단 재기동해줘. SR-2026-0401"
HEALTH = f"{_PLACE} 헬스체크해줘"
ROLLBACK = f"{_PLACE} 롤백해줘. SR-2026-0401"
GOOD, BROKEN = "budget-1.1.0.zip", "budget-1.2.0-broken.zip"


@dataclass(kw_only=True)
class Run:
    """One request, its kills, and what came of it."""

    name: str
    text: str
    kills: Sequence[Kill]
    end: str = "succeeded"
    package: str | None = None
    cancel: Moment | None = None
    asker: str = DEVELOPER
    reads: bool = False
    mixed: str = ""  # where nodes may end on two versions, the final report says so in these words
    state: str = ""
    took_s: float = 0.0
    wrong: list[str] = field(default_factory=list)


def node(number: int, step: str) -> str:
    return rf"was0{number}\.\d+-{step}"


def undo(number: int, step: str) -> str:
    return rf"was0{number}\.undo\.\d+-{step}"


def bot(when: Moment, late_s: float = 0.0) -> Kill:
    return Kill(who="bot", when=when, late_s=late_s)


def agent(when: Moment, late_s: float = 0.0) -> Kill:
    return Kill(who="agent", when=when, late_s=late_s)


def both(when: Moment, late_s: float = 0.0) -> Kill:
    return Kill(who="both", when=when, late_s=late_s)


def politely(kill: Kill) -> Kill:
    """SIGTERM instead of SIGKILL."""
    return replace(kill, number=signal.SIGTERM)


def deploy(number: int, *kills: Kill, cancel: Moment | None = None, end: str | None = None) -> Run:
    """``end``: empty where it depends on how far the killed step was."""
    return Run(
        name=f"deploy {number}",
        text=DEPLOY,
        package=GOOD,
        kills=kills,
        cancel=cancel,
        end=end if end is not None else "cancelled" if cancel else "succeeded",
    )


def rollback(number: int, *kills: Kill, cancel: Moment | None = None) -> Run:
    """Cancelled, it leaves nodes where they are: some on the new version, some on the old."""
    return Run(
        name=f"rollback {number}",
        text=ROLLBACK,
        kills=kills,
        cancel=cancel,
        end="cancelled" if cancel else "succeeded",
        mixed="노드마다 버전이 다를 수 있습니다" if cancel else "",
    )


def restart(number: int, *kills: Kill) -> Run:
    return Run(name=f"restart {number}", text=RESTART, kills=kills, asker=OPERATOR)


def health(number: int, *kills: Kill) -> Run:
    return Run(name=f"health {number}", text=HEALTH, kills=kills, reads=True)


def away(kill: Kill, down_s: float) -> Kill:
    """It stays away for so long."""
    return replace(kill, down_s=down_s)


def runs() -> list[Run]:
    """In this order: every rollback puts back what the deployment before it has brought."""
    return [
        *(*_good(), *_read(), *_cancelled(), _broken()),
        *(*_cut_within(), *_stopped(), *_away()),
    ]


def _good() -> list[Run]:
    waiting, started = in_state("awaiting_approval"), in_state("queued", "running")
    return [
        deploy(
            1,
            bot(asked()),
            bot(waiting),
            agent(begun(node(1, "backup"))),
            bot(begun(node(1, "replace"))),
            agent(begun(node(2, "stop")), 0.1),
        ),
        rollback(
            1,
            agent(asked()),
            bot(approved()),
            agent(begun(node(1, "restore")), 0.05),
            both(begun(node(1, "start")), 0.2),
            bot(done(node(2, "probe"))),
        ),
        deploy(
            2,
            bot(started),
            agent(begun(node(1, "stage"))),
            both(begun(node(1, "replace"))),
            bot(begun(node(1, "health"))),
            agent(begun(node(2, "drain"))),
        ),
        restart(
            1,
            both(waiting, 0.3),
            agent(begun(node(1, "drain"))),
            bot(begun(node(1, "settle")), 1.0),
            agent(begun(node(1, "start")), 0.3),
            both(begun(node(2, "join"))),
        ),
        rollback(
            2,
            agent(begun(undo(1, "start"))),
            bot(begun(undo(1, "join"))),
            cancel=kept(node(1, "join")),
        ),
        rollback(
            3,
            bot(posted()),
            agent(begun(node(1, "stop")), 0.2),
            bot(begun(node(1, "restore"))),
            agent(begun(node(2, "start")), 0.1),
            bot(final()),
        ),
    ]


def _read() -> list[Run]:
    return [health(1, bot(ordered(".*"))), health(2, both(begun(".*")))]


def _away() -> list[Run]:
    return [
        restart(
            3,
            away(agent(begun(node(1, "stop")), 0.1), 12.0),
            away(bot(begun(node(1, "start"))), 12.0),
            away(both(begun(node(2, "drain"))), 5.0),
        )
    ]


def _cancelled() -> list[Run]:
    """Stopped by the person who asked: the undo steps without the wait for health."""
    return [
        deploy(
            3,
            both(begun(node(1, "settle")), 0.5),
            agent(begun(node(1, "join"))),
            agent(ordered(undo(1, "restore"))),
            bot(begun(undo(1, "start")), 0.2),
            cancel=kept(node(1, "join")),
        ),
        deploy(
            4,
            bot(ordered(node(1, "preflight"))),
            agent(begun(node(1, "scan-log"))),
            agent(begun(node(2, "replace"))),
            both(begun(undo(2, "drain"))),
            agent(begun(undo(2, "stop")), 0.1),
            bot(begun(undo(1, "restore"))),
            both(begun(undo(1, "join"))),
            cancel=begun(node(2, "replace")),
        ),
    ]


def _broken() -> Run:
    return Run(
        name="broken",
        text=DEPLOY,
        package=BROKEN,
        end="rolled_back",
        kills=[
            bot(kept(node(1, "mark-log"))),
            agent(begun(node(2, "health")), 2.0),
            bot(begun(undo(2, "stop"))),
            agent(begun(undo(2, "start")), 0.2),
            both(begun(undo(2, "health"))),
            agent(begun(undo(1, "restore")), 0.05),
            bot(begun(undo(1, "health"))),
            bot(final(), 0.05),
        ],
    )


def _cut_within() -> list[Run]:
    """Between the first and the last file: what is found half done goes back."""
    return [
        deploy(
            5,
            agent(begun(node(1, "backup")), 0.03),
            agent(begun(node(1, "stage")), 0.03),
            agent(begun(node(1, "replace")), 0.03),
            agent(begun(node(2, "replace")), 0.05),
            end="",
        ),
    ]


def _stopped() -> list[Run]:
    """Not killed but told to stop, as at every update of the programs."""
    return [
        restart(
            2,
            politely(bot(begun(node(1, "settle")), 1.0)),
            politely(agent(begun(node(1, "start")), 0.2)),
            politely(bot(begun(node(2, "stop")))),
            politely(both(begun(node(2, "health")))),
        )
    ]
