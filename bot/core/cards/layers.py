"""Which layer is at fault: what the web servers and the WAS answered, each asked by itself.

Owns: the conclusion of ``check_internal_was_status``, its sentence and its table. Knows no server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent.wire.readings import Reading, worst
from bot.core.cards.values import fact_words, level_words, name_words, remark_words
from bot.core.cards.wording import listed, outcome_words, records_of
from bot.core.domain.job import Job, StepRecord, StepState
from bot.core.domain.report import Notice, Section, Table, Tone
from bot.core.texts import Texts

_NAMED = 5
_OPEN_ROWS = 12
_TROUBLED = frozenset({StepState.FAILED, StepState.REFUSED, StepState.UNKNOWN})
_PROXY_FAILURES = frozenset({502, 503, 504})


class Standing(StrEnum):
    """How one server answered. ``behind``: it lives, and says that what is behind it does not."""

    WELL = "well"
    BEHIND = "behind"
    ILL = "ill"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """``code`` names the sentence; ``nodes`` are those at fault, by their part in it."""

    code: str
    tone: Tone
    web: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def standing_of(reading: Reading | None) -> Standing:
    """Of one ``CheckLayer``; without a reading nobody knows."""
    if reading is None or (port := reading.fact("port")) is None:
        return Standing.UNKNOWN
    page = reading.fact("health_page")
    if port.level != "normal":
        return Standing.ILL
    if page is None:
        return Standing.WELL
    if page.value in _PROXY_FAILURES:
        return Standing.BEHIND
    return Standing.ILL if page.level != "normal" else Standing.WELL


def through(own: Standing, readings: Sequence[Reading | None]) -> Standing:
    """Of a web server that was also asked for pages of what is behind it. Those may be closed to
    the outside (403, 404): only no answer from behind counts."""
    if own is not Standing.WELL:
        return own
    cut = any(_is_cut(reading) for reading in readings if reading is not None)
    return Standing.BEHIND if cut else own


def _is_cut(reading: Reading) -> bool:
    page = reading.fact("health_page")
    return page is not None and (page.value in _PROXY_FAILURES or isinstance(page.value, str))


def concluded(web: Mapping[str, Standing], was: Mapping[str, Standing]) -> Conclusion:
    """The one sentence of all answers.

    A web server's 502, 503 or 504 is about what is behind it: with a WAS that is ill it is the
    consequence, with none it is the connection between. A WAS that answers so is ill itself.
    """
    ill_was = _those(was, Standing.ILL, Standing.BEHIND)
    ill_web, cut = _those(web, Standing.ILL), _those(web, Standing.BEHIND)
    unknown = (*_those(web, Standing.UNKNOWN), *_those(was, Standing.UNKNOWN))
    bad_web = ill_web or (cut if not ill_was else ())
    code = _code(web, was, ill_web=ill_web, cut=cut, ill_was=ill_was)
    if unknown and not (bad_web or ill_was):
        code = "unknown"
    tone = Tone.BAD if bad_web or ill_was else Tone.WARNING if unknown else Tone.GOOD
    return Conclusion(code=code, tone=tone, web=bad_web, was=ill_was, unknown=unknown)


def _code(
    web: Mapping[str, Standing],
    was: Mapping[str, Standing],
    *,
    ill_web: Sequence[str],
    cut: Sequence[str],
    ill_was: Sequence[str],
) -> str:
    if ill_web and ill_was:
        return "both"
    if ill_was:
        return _extent("was", len(ill_was) == len(was), bool(web))
    if ill_web:
        return _extent("web", len(ill_web) == len(web), bool(was))
    if cut:
        return "between" if was else "behind"
    return "well" if web and was else "well_web" if web else "well_was"


def _extent(layer: str, whole: bool, other: bool) -> str:
    """Whether all of a layer is at fault, and whether the other one was asked at all."""
    if not other:
        return f"{layer}_alone"
    return layer if whole else f"{layer}_some"


def _those(layer: Mapping[str, Standing], *wanted: Standing) -> tuple[str, ...]:
    return tuple(node for node, standing in layer.items() if standing in wanted)


def layer_summary(job: Job, texts: Texts) -> tuple[str, Tone]:
    """What a person reads first of a job of this verb."""
    found: dict[str, dict[str, Standing]] = {"WEB": {}, "WAS": {}}
    for asked in _asked(job):
        found.setdefault(asked.layer, {})[asked.node_id] = asked.standing
    made = concluded(found["WEB"], found["WAS"])
    said = texts.say(
        f"layers.{made.code}",
        web=listed(made.web, _NAMED, texts),
        was=listed(made.was, _NAMED, texts),
        unknown=listed(made.unknown, _NAMED, texts),
    )
    if made.unknown and made.code != "unknown":
        rest = texts.say("layers.and_unknown", unknown=listed(made.unknown, _NAMED, texts))
        said = f"{said} {rest}"
    return said, made.tone


def layer_sections(job: Job, texts: Texts) -> list[Section]:
    """A row a server, web servers first; then what is to be known of those that are not well."""
    everyone = _asked(job)
    several = any(asked.behind for asked in everyone)
    heads = [texts.say("cards.column.node"), texts.say("layers.column.layer")]
    heads += [texts.say("cards.column.result")]
    heads += [name_words("fact", name, texts) for name in ("port", "health_page")]
    heads += [texts.say("layers.column.through")] if several else []
    rows = [_row(asked, several=several, texts=texts) for asked in everyone]
    table = Table(columns=tuple(heads), rows=tuple(rows), folded=len(rows) > _OPEN_ROWS)
    return [table, *(notice for asked in everyone[:_OPEN_ROWS] for notice in _told(asked, texts))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One server: what its own page answered, and what pages behind it did."""

    node_id: str
    layer: str
    own: Reading | None
    behind: tuple[Reading | None, ...]
    trouble: StepRecord | None

    @property
    def standing(self) -> Standing:
        return through(standing_of(self.own), self.behind)


def _asked(job: Job) -> list[_Asked]:
    records, layers = records_of(job), dict(job.plan.layers)
    found = []
    for run in job.plan.wire.runs():
        known = [records.get(step.step_id) for step in run.steps]
        own, *behind = [_answer(record) for record in known]
        bad = [one for one in known if one is not None and one.state in _TROUBLED]
        found.append(
            _Asked(
                node_id=run.node_id,
                layer=layers.get(run.node_id, "WAS"),
                own=own,
                behind=tuple(behind),
                trouble=bad[0] if bad else None,
            )
        )
    return sorted(found, key=lambda asked: asked.layer != "WEB")


def _row(asked: _Asked, *, several: bool, texts: Texts) -> tuple[str, ...]:
    levels = [reading.level for reading in (asked.own, *asked.behind) if reading is not None]
    level = level_words(worst(*levels) if levels else "unknown", texts)
    cells = [_fact(asked.own, name, texts) for name in ("port", "health_page")]
    cells += [_fact(asked.behind[0] if asked.behind else None, "health_page", texts)]
    return (asked.node_id, asked.layer, level, *(cells if several else cells[:2]))


def _fact(reading: Reading | None, name: str, texts: Texts) -> str:
    fact = reading.fact(name) if reading is not None else None
    return "-" if fact is None else fact_words(fact, texts)


def _told(asked: _Asked, texts: Texts) -> list[Section]:
    said = [outcome_words(asked.trouble, texts, node=asked.node_id)] if asked.trouble else []
    for reading in (asked.own, *asked.behind):
        said += [remark_words(one, texts) for one in reading.remarks] if reading else []
    return [
        Notice(text=f"{asked.node_id} · {one}", tone=Tone.WARNING) for one in dict.fromkeys(said)
    ]


def _answer(record: StepRecord | None) -> Reading | None:
    result = record.result if record is not None else None
    return result if isinstance(result, Reading) else None
