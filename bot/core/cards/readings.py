"""The report of any look at servers: the count first, the bad ones on top, details where they help.

Owns: which nodes are shown how. A handful of nodes is shown whole; of many, each is a row, and
only those that are not well are told in detail. Knows no particular check.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agent.wire.readings import Fact, Reading
from bot.core.cards.answers import (
    BAD,
    NodeAnswer,
    answers_of,
    reasons,
    remarks,
    rows_words,
    shown_answer,
)
from bot.core.cards.grids import WHOLE, Bounds, detail_sections, is_empty
from bot.core.cards.values import fact_words, level_words, name_words
from bot.core.cards.wording import listed, masked_line, step_label
from bot.core.domain.job import Job
from bot.core.domain.plan import Plan
from bot.core.domain.report import Facts, Lines, Notice, Paragraph, Section, Table, Tone
from bot.core.texts import Texts

LARGE = 6  # with more nodes than that, each is a row
_ROW_FACTS = 6  # so few facts, and a node is a row as well
_MANY_FACTS = 4  # the most important ones of many nodes
# What people look at first, where a check tells more than a row can hold.
_HEADLINES = ("cpu", "memory", "disk", "load", "login", "process", "port", "health_page")
_COUNTED = ("log_found", "sessions")  # what a look that judges nothing has found
_NAMED = 10
_DETAILED = 4  # bad nodes of many
_EXHIBITED = 10  # nodes on a plan card
_FAILED_LINES = 20
_REMARK_MAX = 400  # characters
_TONES = {
    "critical": Tone.BAD,
    "failed": Tone.BAD,
    "warning": Tone.WARNING,
    "unknown": Tone.WARNING,
    "waiting": Tone.NEUTRAL,
    "normal": Tone.GOOD,
}


# --- the count -----------------------------------------------------------------------------------


def reading_summary(job: Job, texts: Texts) -> tuple[str, Tone]:
    """How many nodes are how, the bad ones by name, and the tone of that."""
    answers = answers_of(job)
    tone = _TONES[answers[0].level] if answers else Tone.NEUTRAL
    if len(answers) == 1:
        return _one(job, answers[0], texts), _calm(job, tone, texts)
    if all(answer.level == "normal" for answer in answers):
        key = f"reading.asked.{job.plan.action}"
        key = key if texts.has(key) else "reading.summary.all"
        said = texts.say(key, count=len(answers), found=_found(answers))
        return said, _calm(job, tone, texts)
    judged = not texts.has(f"reading.asked.{job.plan.action}")
    return level_counts(answers, texts, judged=judged), tone


def level_counts(answers: Sequence[NodeAnswer], texts: Texts, *, judged: bool = True) -> str:
    """``58대 정상, 2대 이상: was03(심각), was07(주의), 1대 확인 실패: was09``."""
    parts = []
    normal = sum(answer.level == "normal" for answer in answers)
    if normal:
        key = "normal" if judged else "asked"
        parts.append(texts.say(f"reading.summary.{key}", count=normal))
    bad = [answer for answer in answers if answer.level in BAD]
    if bad:
        named = [f"{each.node_id}({level_words(each.level, texts)})" for each in bad]
        shown = listed(named, _NAMED, texts)
        parts.append(texts.say("reading.summary.bad", count=len(bad), nodes=shown))
    for level in ("unknown", "failed"):
        names = [answer.node_id for answer in answers if answer.level == level]
        if names:
            shown = listed(names, _NAMED, texts)
            parts.append(texts.say(f"reading.summary.{level}", count=len(names), nodes=shown))
    return ", ".join(parts)


def _one(job: Job, answer: NodeAnswer, texts: Texts) -> str:
    key = f"reading.asked.{job.plan.action}"
    if answer.level == "normal" and texts.has(key):
        return texts.say(key, count=1, found=_found([answer]))
    values = {"node": answer.node_id, "level": level_words(answer.level, texts)}
    why = reasons(answer, texts)
    if not why:
        return texts.say("reading.summary.one", **values)
    return texts.say("reading.summary.one_why", why=_in_a_row(why), **values)


def _in_a_row(why: Sequence[str]) -> str:
    """Words with commas between them; where sentences are among them, as sentences."""
    if not any(each.endswith(".") for each in why):
        return ", ".join(why)
    return " ".join(f"{each.rstrip('.')}." for each in why)


def _found(answers: Sequence[NodeAnswer]) -> int:
    facts = (fact for answer in answers for fact in _facts(answer) if fact.name in _COUNTED)
    return sum(fact.value for fact in facts if isinstance(fact.value, int))


def _calm(job: Job, tone: Tone, texts: Texts) -> Tone:
    """What was only asked for is neither good nor bad."""
    asked = texts.has(f"reading.asked.{job.plan.action}")
    return Tone.NEUTRAL if asked and tone is Tone.GOOD else tone


# --- the nodes -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _View:
    texts: Texts
    whole: bool
    alone: bool  # one node: nothing has to be headed by its name
    summed_up: bool = False  # and the summary above says already why it is bad
    judged: bool = True  # what is as it should be says so

    def heads(self, answer: NodeAnswer) -> str:
        return "" if self.alone else answer.node_id


def reading_sections(job: Job, texts: Texts, *, whole: bool = False) -> list[Section]:
    """Everything below the summary. ``whole``: nothing is left out; for a page, not a chat."""
    answers = answers_of(job)
    view = _View(texts=texts, whole=whole, alone=len(answers) == 1, summed_up=True)
    return _many(answers, view) if len(answers) > LARGE else _few(answers, view)


def _few(answers: Sequence[NodeAnswer], view: _View) -> list[Section]:
    bounds = WHOLE if view.whole else Bounds(rows=60 if len(answers) <= 2 else 20)
    names = _fact_names(answers)
    tabled = not view.alone and len(names) <= _ROW_FACTS and all(map(_tells_once, answers))
    sections: list[Section] = []
    if tabled and (names or any(answer.level != "normal" for answer in answers)):
        sections.append(_table(answers, names, view))
        common = _of_all(answers, view.texts)
        sections += [Notice(text=f"{common}.", tone=_TONES[answers[0].level])] if common else []
    for answer in answers:
        sections += _node(answer, view, bounds=bounds, tabled=tabled)
    return sections


def _many(answers: Sequence[NodeAnswer], view: _View) -> list[Section]:
    names = _important(answers)
    bad = [answer for answer in answers if answer.level != "normal"]
    rest = answers[len(bad) :]
    sections: list[Section] = [_table(bad, names, view)] if bad else []
    common = _of_all(bad, view.texts)
    sections += [Notice(text=f"{common}.", tone=_TONES[bad[0].level])] if common else []
    bounds = WHOLE if view.whole else Bounds(rows=10, lines=10, bad_only=True)
    for answer in bad if view.whole else bad[:_DETAILED]:
        sections += _node(answer, view, bounds=bounds, tabled=True)
    if rest:
        title = view.texts.say("cards.final.rest" if bad else "cards.final.all", count=len(rest))
        sections.append(_table(rest, names, view, title=title, folded=True))
    return sections


def _table(
    answers: Sequence[NodeAnswer],
    names: Sequence[str],
    view: _View,
    *,
    title: str = "",
    folded: bool = False,
) -> Table:
    """A row a node; a column that says nothing of any of them is left out."""
    texts = view.texts
    said = {answer.node_id: _remark_cell(answer, texts) for answer in answers}
    if _of_all(answers, texts):
        said = dict.fromkeys(said, "")
    heads = [texts.say("cards.column.node"), texts.say("cards.column.result")]
    heads += [name_words("fact", name, texts) for name in names]
    heads += [texts.say("cards.column.remark")] if any(said.values()) else []
    rows = []
    for answer in answers:
        row = [answer.node_id, level_words(answer.level, texts)]
        row += [_fact_cell(answer, name, texts) for name in names]
        row += [said[answer.node_id]] if any(said.values()) else []
        rows.append(tuple(row))
    return Table(columns=tuple(heads), rows=tuple(rows), title=title, folded=folded)


def _of_all(answers: Sequence[NodeAnswer], texts: Texts) -> str:
    """What is remarked of each of several nodes in the same words; empty: there is no such."""
    said = {_remark_cell(answer, texts) for answer in answers}
    return said.pop() if len(answers) > 1 and len(said) == 1 else ""


def _remark_cell(answer: NodeAnswer, texts: Texts) -> str:
    told = remarks(answer, texts) or rows_words(answer, texts)
    return ". ".join(said.rstrip(".") for said in told)[:_REMARK_MAX]


def _fact_cell(answer: NodeAnswer, name: str, texts: Texts) -> str:
    fact = next((fact for fact in _facts(answer) if fact.name == name), None)
    return "" if fact is None else fact_words(fact, texts)


def _node(answer: NodeAnswer, view: _View, *, bounds: Bounds, tabled: bool) -> list[Section]:
    """One node: what is wrong, then of each reading its facts, tables and lines."""
    sections = [] if tabled else _remarked(answer, view)
    sections += _output(answer, view)
    for step, reading in answer.readings:
        if not tabled:
            label = step_label(step, view.texts) if len(answer.readings) > 1 else ""
            sections += _fact_section(reading, view, label=label, node=view.heads(answer))
        sections += detail_sections(reading, view.texts, bounds=bounds, node=view.heads(answer))
    return sections


def _remarked(answer: NodeAnswer, view: _View) -> list[Section]:
    bad = remarks(answer, view.texts)
    fine = [said for said in remarks(answer, view.texts, normal=True) if said not in bad]
    if view.alone and view.summed_up:
        bad = [said for said in bad if said not in reasons(answer, view.texts)]
    head = "" if view.alone else f"{answer.node_id} · "
    tone = _TONES[answer.level]
    sections: list[Section] = [Notice(text=f"{head}{said}", tone=tone) for said in bad]
    return [*sections, *([Paragraph(text="\n".join(fine))] if fine else [])]


def _fact_section(reading: Reading, view: _View, *, label: str, node: str) -> list[Section]:
    """The facts of one reading, what is bad on top; a table without a row says that there."""
    facts = sorted(reading.facts, key=lambda fact: fact.level == "normal")
    rows = [
        (name_words("fact", fact.name, view.texts), fact_words(fact, view.texts)) for fact in facts
    ]
    rows += [
        (name_words("grid", grid.name, view.texts), view.texts.say("reading.empty"))
        for grid in reading.grids
        if is_empty(grid)
    ]
    told = not view.alone and (view.judged or reading.level != "normal")
    level = level_words(reading.level, view.texts) if told else ""
    title = " · ".join(part for part in (node, label, level) if part)
    return [Facts(rows=tuple(rows), title=title)] if rows else []


def _output(answer: NodeAnswer, view: _View) -> list[Section]:
    """The last lines of a step that went wrong."""
    lines = [line for _, record in answer.troubles for line in record.lines]
    if not lines:
        return []
    shown = tuple(masked_line(line)[:_REMARK_MAX] for line in lines[-_FAILED_LINES:])
    title = view.texts.say("cards.final.log", node=answer.node_id)
    return [Lines(title=title, lines=shown)]


def _facts(answer: NodeAnswer) -> list[Fact]:
    return [fact for _, reading in answer.readings for fact in reading.facts]


def _tells_once(answer: NodeAnswer) -> bool:
    """Whether a row has room for all its facts: one of each name."""
    names = [fact.name for fact in _facts(answer)]
    return len(names) == len(set(names))


def _fact_names(answers: Sequence[NodeAnswer]) -> list[str]:
    """The names of all facts, in the order in which they were told."""
    return list(dict.fromkeys(fact.name for answer in answers for fact in _facts(answer)))


def _important(answers: Sequence[NodeAnswer]) -> list[str]:
    """Those that are bad at the most nodes, then what people look at first; in their order."""
    names = _fact_names(answers)
    bad = dict.fromkeys(names, 0)
    for answer in answers:
        for fact in _facts(answer):
            bad[fact.name] += fact.level != "normal"
    ranked = sorted(names, key=lambda name: (-bad[name], name not in _HEADLINES))
    chosen = set(ranked[:_MANY_FACTS])
    return [name for name in names if name in chosen]


# --- beside a plan, beside a change --------------------------------------------------------------


def exhibit_sections(plan: Plan, texts: Texts) -> list[Section]:
    """What a plan rests on: the very files and bytes, the difference. Bounded, and it says so."""
    steps = {step.node_id: step for step in plan.wire.steps()}
    shown = [one for one in plan.exhibits if one[0] in steps][:_EXHIBITED]
    view = _View(texts=texts, whole=False, alone=len(plan.exhibits) == 1, judged=False)
    sections: list[Section] = []
    for node_id, reading in shown:
        answer = shown_answer(node_id, reading, steps[node_id])
        sections += _node(answer, view, bounds=Bounds(rows=60, lines=80), tabled=False)
    left = [node_id for node_id, _ in plan.exhibits[len(shown) :]]
    if left:
        named = listed(left, _NAMED, texts)
        said = texts.say("reading.more_exhibits", count=len(left), nodes=named)
        sections.append(Paragraph(text=said))
    return sections


def changed_sections(job: Job, texts: Texts, *, whole: bool) -> list[Section]:
    """What the steps of a change answered: a count where something is bad, then as a look."""
    answers = [answer for answer in answers_of(job) if answer.readings]
    if not answers:
        return []
    view = _View(texts=texts, whole=whole, alone=len(answers) == 1)
    sections = _many(answers, view) if len(answers) > LARGE else _few(answers, view)
    if answers[0].level in {"normal", "failed", "waiting"}:
        return sections
    tone = _TONES[answers[0].level]
    return [Notice(text=level_counts(answers, texts), tone=tone), *sections]


def running_sections(job: Job, texts: Texts) -> list[Section]:
    """Of a look that is under way: how many nodes are how by now, and the bad ones by name."""
    answers = answers_of(job)
    known = [answer for answer in answers if answer.level != "waiting"]
    if not known or len(answers) == 1:
        return []
    counted = texts.say(
        "reading.so_far", done=len(known), total=len(answers), counts=_short_counts(known, texts)
    )
    sections: list[Section] = [Paragraph(text=counted)]
    bad = [answer for answer in known if answer.level != "normal"]
    if bad:
        lines = [_bad_line(answer, texts) for answer in bad[:LARGE]]
        if len(bad) > LARGE:
            lines.append(texts.say("cards.progress.more_bad", count=len(bad) - LARGE))
        sections.append(Notice(text="\n".join(lines), tone=_TONES[bad[0].level]))
    return sections


def _short_counts(answers: Sequence[NodeAnswer], texts: Texts) -> str:
    counts: dict[str, int] = {}
    for answer in answers:
        counts[answer.level] = counts.get(answer.level, 0) + 1
    order = ("normal", "warning", "critical", "unknown", "failed")
    return " · ".join(
        f"{level_words(level, texts)} {counts[level]}" for level in order if level in counts
    )


def _bad_line(answer: NodeAnswer, texts: Texts) -> str:
    why = _in_a_row(reasons(answer, texts))
    head = f"{answer.node_id} · {level_words(answer.level, texts)}"
    return f"{head} · {why}" if why else head
