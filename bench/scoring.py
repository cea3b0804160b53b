"""What counts as understood: the comparison of one answer with what was expected, and the sums.

Owns: the definitions of the figures that ``bench/intents.py`` prints. Pure: reads no file, knows
no parser. A wrong target is a slot of the target that is given and is not the one meant: a gap is
only a question.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

TARGET = ("institution", "system", "layer", "nodes", "env")
SLOTS = (*TARGET, "sr")
FIELDS = ("action", *SLOTS, "params", "missing_includes")
Answer = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One answer. ``hits``, ``extra`` and ``lost`` count slots for the F1."""

    case: str
    expected: str
    got: str
    bad: tuple[str, ...]
    wrong_target: tuple[str, ...]
    hits: int
    extra: int
    lost: int
    asked: bool
    milliseconds: float


@dataclass(slots=True)
class Tally:
    """The scores of one source on one file."""

    scores: list[Score] = field(default_factory=list)

    def share(self, rows: Iterable[bool]) -> float:
        """Percentage of the cases for which the row is true."""
        return 100.0 * sum(rows) / max(1, len(self.scores))

    @property
    def intents(self) -> float:
        return self.share("action" not in score.bad for score in self.scores)

    @property
    def whole(self) -> float:
        return self.share(not score.bad for score in self.scores)

    @property
    def asked(self) -> float:
        return self.share(score.asked for score in self.scores)

    @property
    def wrong_targets(self) -> list[Score]:
        return [score for score in self.scores if score.wrong_target]

    @property
    def slot_f1(self) -> float:
        hits = sum(score.hits for score in self.scores)
        misses = sum(score.extra + score.lost for score in self.scores)
        return 100.0 * 2 * hits / max(1, 2 * hits + misses)

    @property
    def confusions(self) -> list[tuple[tuple[str, str], int]]:
        """(expected, got) and how often, most frequent first."""
        return Counter(
            (score.expected, score.got) for score in self.scores if "action" in score.bad
        ).most_common()

    def latency(self, percent: int) -> float:
        return percentile([score.milliseconds for score in self.scores], percent)


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile."""
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * percent // 100) - 1)] if ranked else 0.0


def score(case: str, expect: Answer, answer: Answer, *, asked: bool, milliseconds: float) -> Score:
    """How well one answer meets what was expected of it."""
    bad = tuple(name for name in FIELDS if name in expect and not _agrees(name, expect, answer))
    hits = extra = lost = 0
    for wanted, given in _pairs(expect, answer):
        hits += bool(given) and given == wanted
        extra += bool(given) and given != wanted
        lost += bool(wanted) and given != wanted
    return Score(
        case=case,
        expected=str(expect["action"]),
        got=str(answer["action"]),
        bad=bad,
        wrong_target=tuple(name for name in TARGET if name in bad and answer[name]),
        hits=hits,
        extra=extra,
        lost=lost,
        asked=asked,
        milliseconds=milliseconds,
    )


def _agrees(name: str, expect: Answer, answer: Answer) -> bool:
    """Parameters and missing slots must include what is expected; the rest must be equal."""
    if name == "params":
        return _mapping(expect["params"]).items() <= _mapping(answer["params"]).items()
    if name == "missing_includes":
        return set(_list(expect[name])) <= set(_list(answer["missing"]))
    return answer[name] == expect[name]


def _pairs(expect: Answer, answer: Answer) -> list[tuple[object, object]]:
    """Expected and given values; of the parameters only those that the case speaks of."""
    slots = [(expect[name], answer[name]) for name in SLOTS if name in expect]
    given = _mapping(answer["params"])
    wanted = _mapping(expect.get("params", {}))
    # A parameter may rightly be False: it is a value, not a gap.
    return slots + [
        (str(value), None if given.get(name) is None else str(given.get(name)))
        for name, value in wanted.items()
    ]


def _mapping(value: object) -> Mapping[str, object]:
    assert isinstance(value, Mapping)
    return value


def _list(value: object) -> Sequence[str]:
    assert isinstance(value, Sequence)
    return value
