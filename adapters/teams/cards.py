"""Reports as Adaptive Cards, version 1.5.

Owns: the shape of a card and its limits. Pure. What people, servers and files have said stands in
text runs only: unlike text blocks they read no markdown, so nobody's words become a link.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from adapters.teams.inbound import DATA
from bot.core.domain.report import (
    Button,
    ButtonStyle,
    Checklist,
    ChecklistRow,
    Facts,
    Lines,
    Link,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
    Tone,
)
from bot.core.texts import Texts

Json = dict[str, object]

CARD = "application/vnd.microsoft.card.adaptive"
# https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages: about
# 100 KB of UTF-16 are refused, 80 KB are said to be safe; something surrounds the card.
MAX_CARD_BYTES = 72_000
# The same page said 40 KB before, and 28 KB before that (microsoft/BotFramework-Services#228).
SMALL_CARD_BYTES = 20_000
PRIMARY_ACTIONS = 6  # more are shown behind "…"
MAX_LABEL_CHARACTERS = 60
MAX_CELL_CHARACTERS = 2_000
MAX_TABLE_ROWS = 60
MAX_LINES = 80
_COLORS = {
    Tone.ASK: "accent",
    Tone.RUNNING: "accent",
    Tone.GOOD: "good",
    Tone.WARNING: "warning",
    Tone.BAD: "attention",
}
_BACKGROUNDS = {
    Tone.ASK: "accent",
    Tone.GOOD: "good",
    Tone.WARNING: "warning",
    Tone.BAD: "attention",
}
_MARKS = {
    "succeeded": "✓",
    "running": "▶",
    "failed": "✕",
    "skipped": "–",
    "cancelled": "–",
    "unknown": "?",
}


def card_of(report: Report, texts: Texts, limit: int = MAX_CARD_BYTES) -> tuple[Json, bool]:
    """The card, and whether everything stands in it: what is too long for a message is cut, and
    says so. ``limit``: bytes in UTF-16."""
    card = _card(report, report.sections, texts)
    if size_of(card) <= limit:
        return card, not any(_is_cut(section) for section in report.sections)
    kept: list[Section] = []
    note = Notice(text=texts.say("teams.cut"), tone=Tone.NEUTRAL)
    for section in report.sections:
        if size_of(_card(report, (*kept, section, note), texts)) > limit:
            short = _shortened(section)
            if short and size_of(_card(report, (*kept, short, note), texts)) <= limit:
                kept.append(short)
            break
        kept.append(section)
    return _card(report, (*kept, note), texts), False


def activity_of(report: Report, texts: Texts, limit: int = MAX_CARD_BYTES) -> Json:
    """The message activity. The summary is what notifications show."""
    return message_of(card_of(report, texts, limit)[0], report.summary)


def message_of(card: Json, summary: str) -> Json:
    """A message that is one card."""
    return {
        "type": "message",
        "summary": summary[:500],
        "attachments": [{"contentType": CARD, "content": card}],
    }


def size_of(value: object) -> int:
    """Bytes of its JSON in UTF-16, as Teams counts."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-16-le"))


def plain_text(report: Report) -> str:
    """Everything the report says, as lines of text: for the file that goes with a cut card."""
    lines = [report.title, report.summary, ""]
    for section in report.sections:
        title = getattr(section, "title", "")
        lines += ["", f"[{title}]"] if title else [""]
        lines += _plain(section)
    return "\n".join([*lines, "", report.footer]).strip() + "\n"


# --- the card --------------------------------------------------------------------------------


def _card(report: Report, sections: Sequence[Section], texts: Texts) -> Json:
    head = _words(report.title[:300], weight="bolder", size="medium", color=_color(report.tone))
    body = [head]
    if report.summary and report.summary != report.title:
        body.append(_words(report.summary[:3000], spacing="small"))
    for section in sections:
        body += _section(section, texts)
    if report.footer:
        body.append(_words(report.footer[:500], isSubtle=True, size="small"))
    card: Json = {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.5",
        "msteams": {"width": "Full"},
        "fallbackText": report.summary[:500],
        "body": body,
    }
    if actions := _actions(report, texts):
        card["actions"] = actions
    return card


def _actions(report: Report, texts: Texts) -> list[Json]:
    actions = [_button(button, texts) for button in report.buttons]
    links = [*([report.link] if report.link else []), *report.links]
    actions += [_open(link) for link in links]
    for action in actions[PRIMARY_ACTIONS:]:
        action["mode"] = "secondary"
    return actions


def _button(button: Button, texts: Texts) -> Json:
    if not button.confirm:
        return _press(button, button.label)
    # Cards know no question before an action: a small card unfolds that asks it.
    again = replace(button, confirm="")
    asking: Json = {
        "type": "AdaptiveCard",
        "version": "1.5",
        "body": [_words(button.confirm[:1000])],
        "actions": [_press(again, texts.say("teams.confirm", label=button.label))],
    }
    return {"type": "Action.ShowCard", "title": _label(button.label), "card": asking} | _style(
        button
    )


def _press(button: Button, label: str) -> Json:
    data = {DATA: {"button": button.button, "value": button.value}}
    title = _label(label)
    fallback = {"type": "Action.Submit", "title": title, "data": data} | _style(button)
    return {
        "type": "Action.Execute",
        "title": title,
        "verb": DATA,
        "data": data,
        "fallback": fallback,
    } | _style(button)


def _open(link: Link) -> Json:
    return {"type": "Action.OpenUrl", "title": _label(link.label), "url": link.url}


def _style(button: Button) -> Json:
    styles = {ButtonStyle.PRIMARY: "positive", ButtonStyle.DANGER: "destructive"}
    return {"style": styles[button.style]} if button.style in styles else {}


def _label(text: str) -> str:
    kept = MAX_LABEL_CHARACTERS
    return text if len(text) <= kept else text[: kept - 1] + "…"


# --- sections --------------------------------------------------------------------------------


def _section(section: Section, texts: Texts) -> list[Json]:
    match section:
        case Paragraph():
            return _paragraph(section.text)
        case Notice():
            return [_notice(section)]
        case Facts():
            return _titled(section.title, [_fact(label, value) for label, value in section.rows])
        case Table():
            return _titled(section.title, _data_table(section, texts))
        case Checklist():
            return _titled(section.title, [_check(row) for row in section.rows])
        case Lines():
            return _titled(section.title, _log(section.lines, texts))


def _titled(title: str, blocks: list[Json]) -> list[Json]:
    return [_words(title[:200], weight="bolder"), *blocks] if title else blocks


def _paragraph(text: str) -> list[Json]:
    """One block a line: a text run has no line breaks of its own."""
    lines = text.split("\n")
    return [
        _words(line, spacing="default" if index == 0 else "none")
        for index, line in enumerate(lines)
        if line.strip()
    ]


def _notice(section: Notice) -> Json:
    box: Json = {"type": "Container", "items": _paragraph(section.text), "bleed": False}
    if section.tone in _BACKGROUNDS:
        box["style"] = _BACKGROUNDS[section.tone]
    return box


def _fact(label: str, value: str) -> Json:
    """Beside each other. No table: Teams makes its first row a heading whatever it is told
    (microsoft/AdaptiveCards#8599)."""
    cells = ((2, _run(label, isSubtle=True)), (5, _run(value)))
    columns = [{"type": "Column", "width": width, "items": [_block(run)]} for width, run in cells]
    return {"type": "ColumnSet", "spacing": "small", "columns": columns}


def _data_table(section: Table, texts: Texts) -> list[Json]:
    head = tuple(_run(column, weight="bolder") for column in section.columns)
    shown = section.rows[:MAX_TABLE_ROWS]
    rows = [head, *(tuple(_run(cell) for cell in row) for row in shown)]
    table: Json = {
        "type": "Table",
        "columns": [{"width": 1} for _ in section.columns],
        "rows": [_row(row) for row in rows],
    }
    left = len(section.rows) - len(shown)
    return [table, _words(texts.say("teams.more", count=left), isSubtle=True)] if left else [table]


def _row(cells: Sequence[Json]) -> Json:
    """The first one of a table is its heading: so it is where nothing is said of it."""
    return {
        "type": "TableRow",
        "cells": [{"type": "TableCell", "items": [_block(run)]} for run in cells],
    }


def _check(row: ChecklistRow) -> Json:
    took = f"  {row.elapsed_ms / 1000:.1f}s" if row.elapsed_ms is not None else ""
    runs = [_run(f"{_MARKS.get(row.state, '·')} {row.label}{took}")]
    if row.detail:
        runs.append(_run(f"  {row.detail}", isSubtle=True))
    return _block(*runs, spacing="none")


def _log(lines: Iterable[str], texts: Texts) -> list[Json]:
    every = list(lines)
    shown = every[-MAX_LINES:]  # the end of a log says how it went
    blocks = [_block(_run(line or " ", fontType="monospace"), spacing="none") for line in shown]
    left = len(every) - len(shown)
    return (
        [_words(texts.say("teams.before", count=left), isSubtle=True), *blocks] if left else blocks
    )


def _words(text: str, **style: object) -> Json:
    spacing = style.pop("spacing", None)
    return _block(_run(text, **style), **({"spacing": spacing} if spacing else {}))


def _run(text: str, **style: object) -> Json:
    short = text if len(text) <= MAX_CELL_CHARACTERS else text[: MAX_CELL_CHARACTERS - 1] + "…"
    return {"type": "TextRun", "text": short} | style


def _block(*runs: Json, **style: object) -> Json:
    return {"type": "RichTextBlock", "inlines": list(runs)} | style


def _color(tone: Tone) -> str:
    return _COLORS.get(tone, "default")


# --- what is too long ------------------------------------------------------------------------


def _is_cut(section: Section) -> bool:
    match section:
        case Table():
            cells = (cell for row in section.rows for cell in row)
            return len(section.rows) > MAX_TABLE_ROWS or _any_long(cells)
        case Lines():
            return len(section.lines) > MAX_LINES or _any_long(section.lines)
        case Facts():
            return _any_long(value for _, value in section.rows)
        case Paragraph() | Notice():
            return _any_long(section.text.split("\n"))
        case Checklist():
            return False


def _any_long(texts: Iterable[str]) -> bool:
    return any(len(text) > MAX_CELL_CHARACTERS for text in texts)


def _shortened(section: Section) -> Section | None:
    """As much of it as is sure to fit where little else stands."""
    match section:
        case Table():
            return replace(section, rows=section.rows[:10])
        case Checklist():
            return replace(section, rows=section.rows[-15:])
        case Facts():
            return replace(section, rows=section.rows[:15])
        case Lines():
            return replace(section, lines=section.lines[-20:])
        case Paragraph() | Notice():
            return replace(section, text=section.text[:1500] + "…")


def _plain(section: Section) -> list[str]:
    match section:
        case Paragraph() | Notice():
            return section.text.split("\n")
        case Facts():
            return [f"{label}: {value}" for label, value in section.rows]
        case Table():
            rows = (section.columns, *section.rows)
            return ["\t".join(row) for row in rows]
        case Checklist():
            marks = [_MARKS.get(row.state, "·") for row in section.rows]
            return [
                f"{mark} {row.label} {row.detail}".rstrip()
                for mark, row in zip(marks, section.rows, strict=True)
            ]
        case Lines():
            return list(section.lines)
