"""All nodes of a job at a glance: result, version and time of each, the bad ones on top.

Owns: the tables of nodes in the final report and the counts over a large fleet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from agent.wire.operations import AwaitHealth
from bot.core.cards.nodes import Fate, NodeStory, stories
from bot.core.cards.phases import phase_line, phase_times, worked_ms
from bot.core.cards.standing import Condition, standing_of
from bot.core.cards.wording import listed, took
from bot.core.domain.job import Job
from bot.core.domain.report import Section, Table
from bot.core.texts import Texts
from bot.core.versions import Past, VersionChange, version_changes

LARGE = 6  # with more nodes than that, those that are as wished are folded away
_OPEN = 4  # up to so many nodes show their phases unfolded
_NAMED = 4
# The worst first.
_ORDER = (
    Fate.NOT_RESTORED,
    Fate.BROKEN,
    Fate.UNKNOWN,
    Fate.RESTORED,
    Fate.UNTOUCHED,
    Fate.DONE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fleet:
    job: Job
    texts: Texts
    changes: Mapping[str, VersionChange]


def node_sections(job: Job, texts: Texts, past: Past) -> list[Section]:
    """The table of results, then where the time went."""
    fleet = _Fleet(job=job, texts=texts, changes=version_changes(job, past))
    known = stories(job)
    return [*_results(fleet, known), *_phases(fleet, known)]


def checks_health(job: Job) -> bool:
    """Whether the plan asks a health page at all, on its way forward or back."""
    return any(isinstance(step.operation, AwaitHealth) for step in job.plan.wire.steps())


def fate_counts(job: Job, texts: Texts) -> str:
    """``40대: 되돌리지 못함 1 · 이전 버전으로 복원 38 · …``, the worst first."""
    known = stories(job)
    told = [
        f"{fate_words(job, fate, texts)} {count}"
        for fate in _ORDER
        if (count := sum(story.fate is fate for story in known))
    ]
    return texts.say("cards.final.fates", count=len(known), fates=" · ".join(told))


def version_rows(job: Job, texts: Texts, past: Past) -> list[tuple[str, str]]:
    """The names of the versions before and now, for the facts. Nodes of which the same is true
    share a row."""
    changes, came = version_changes(job, past), dict[str, list[str]]()
    for story in stories(job):
        if (change := changes.get(story.run.node_id)) is not None:
            said = version_words(job, story, _by_name(change, texts), texts)
            came.setdefault(said, []).append(story.run.node_id)
    rows = []
    for said, nodes in came.items():
        shown = listed(nodes, _NAMED, texts)
        rows.append(("version", f"{said}\n{shown}" if len(came) > 1 else said))
    return rows


def _results(fleet: _Fleet, known: Sequence[NodeStory]) -> list[Section]:
    if len(known) <= LARGE:
        return [_table(fleet, known)]
    ordered = sorted(known, key=lambda story: _ORDER.index(story.fate))
    bad = [story for story in ordered if _stands_out(story)]
    rest = [
        story
        for story in ordered
        if not _stands_out(story) and story.fate is not Fate.UNTOUCHED  # those are counted only
    ]
    sections: list[Section] = [_table(fleet, bad)] if bad else []
    if rest:
        title = fleet.texts.say("cards.final.rest" if bad else "cards.final.all", count=len(rest))
        sections.append(_table(fleet, rest, title=title, folded=True))
    return sections


def _stands_out(story: NodeStory) -> bool:
    """A node to look at: not as anybody wanted it, where something failed, or unproved."""
    whole = story.fate in {Fate.DONE, Fate.RESTORED, Fate.UNTOUCHED}
    failed = story.trouble[0] is not None or story.undo_trouble[0] is not None
    unproved = story.fate is Fate.RESTORED and not story.proved
    return not whole or failed or unproved


def _table(
    fleet: _Fleet, known: Sequence[NodeStory], *, title: str = "", folded: bool = False
) -> Table:
    names = ["node", "result", "health", "elapsed"]
    if not checks_health(fleet.job):
        names.remove("health")
    if fleet.changes:
        names.insert(2, "version")
    return Table(
        columns=tuple(fleet.texts.say(f"cards.column.{name}") for name in names),
        rows=tuple(_row(fleet, story) for story in known),
        title=title,
        folded=folded,
    )


def _row(fleet: _Fleet, story: NodeStory) -> tuple[str, ...]:
    texts = fleet.texts
    total = worked_ms(story)
    cells = [
        story.run.node_id,
        fate_words(fleet.job, story.fate, texts),
        _proof(story, texts),
        took(total, texts) if total else "-",
    ]
    if not checks_health(fleet.job):
        del cells[2]
    if fleet.changes:
        change = fleet.changes[story.run.node_id]
        cells.insert(2, version_words(fleet.job, story, change, texts))
    return tuple(cells)


def _proof(story: NodeStory, texts: Texts) -> str:
    """Whether its health was asked at the end; of a node that was let be nobody had to."""
    if story.fate is Fate.UNTOUCHED and not story.proved:
        return "-"
    return texts.say("cards.final.proved" if story.proved else "cards.final.not_proved")


def version_words(job: Job, story: NodeStory, change: VersionChange, texts: Texts) -> str:
    """The node's version before and now, as far as its steps tell."""
    before, after = _digest(change.before, texts), _digest(change.after, texts)
    if story.fate is Fate.UNTOUCHED:
        return before if change.before is not None else "-"
    if story.fate is Fate.UNKNOWN:
        return f"{before} → {texts.say('cards.final.version_unknown')}"
    match standing_of(job, story.run).files:
        case Condition.UNKNOWN:
            after = texts.say("cards.final.version_unknown")
        case Condition.BEFORE if job.plan.deployment is None:
            return texts.say("cards.final.version_back", before=before)
        case Condition.NEW if job.plan.deployment is not None:
            return before
    return f"{before} → {after}"


def _by_name(change: VersionChange, texts: Texts) -> VersionChange:
    unrecorded = texts.say("cards.final.unrecorded")
    before, after = change.before_name or unrecorded, change.after_name or unrecorded
    return replace(change, before=before, after=after)


def _digest(version: str | None, texts: Texts) -> str:
    if version is None:
        return texts.say("cards.final.version_unknown")
    return version or texts.say("cards.final.version_none")


def fate_words(job: Job, fate: Fate, texts: Texts) -> str:
    """What became of a node, in the words of the job's verb."""
    key = f"cards.fate.{fate.value}_{job.plan.action}"
    return texts.say(key if texts.has(key) else f"cards.fate.{fate.value}")


def _phases(fleet: _Fleet, known: Sequence[NodeStory]) -> list[Section]:
    ran = [story for story in known if phase_line(story, fleet.texts)]
    named = {name for story in ran for name, _ in phase_times(story)}
    if named <= {"other"}:
        return []
    ordered = sorted(ran, key=_stands_out, reverse=True)
    return [
        Table(
            columns=tuple(fleet.texts.say(f"cards.column.{name}") for name in ("node", "phases")),
            rows=tuple((story.run.node_id, phase_line(story, fleet.texts)) for story in ordered),
            title=fleet.texts.say("cards.final.phases"),
            folded=len(ran) > _OPEN,
        )
    ]
