"""A report as messages of Jandi's incoming webhook.

Owns: the format, its limits, and that no text of others becomes a link. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.core.domain.report import (
    Checklist,
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

# https://support.jandi.com/en/articles/6352697
HEADERS = {
    "Accept": "application/vnd.tosslab.jandi-v2+json",
    "Content-Type": "application/json",
}
MAX_CHARACTERS = 5000  # of one message, all of its texts together
PACE_S = 1.0  # 60 messages a minute
_MOST_MESSAGES = 6  # of one report; the rest is on our own page
_TITLE_CHARACTERS = 300
_ROOM = 120  # for "(1/6)" and what Jandi may count besides
_COLOURS = {
    Tone.NEUTRAL: "#8A94A6",
    Tone.RUNNING: "#2F6FED",
    Tone.GOOD: "#1E9E62",
    Tone.WARNING: "#E0A100",
    Tone.BAD: "#D13B3B",
    Tone.ASK: "#6A4FD6",
}
_MARKS = {"succeeded": "✅", "failed": "❌", "running": "▶", "pending": "▫", "skipped": "－"}
_BRACKET = re.compile(r"\[(?=\[)|\](?=\()")  # [[text]](address) is Jandi's link

Json = dict[str, object]
_Block = tuple[str, str]  # title, description


def messages_of(report: Report, texts: Texts) -> list[Json]:
    """The report as messages, each within the limits, in the order to be posted."""
    room = MAX_CHARACTERS - _ROOM - len(_title(report))
    pages = list(_pages(list(_blocks(report, texts)), room))
    if len(pages) > _MOST_MESSAGES:
        # Where one goes on is what people need: it must not be what is cut off.
        links = list(_links(report))
        on = list(_pages([_cut(len(pages), texts), *links], room))
        kept = max(_MOST_MESSAGES - len(on), 1)
        pages = [*pages[:kept], *_pages([_cut(len(pages) - kept, texts), *links], room)]
    return [_message(report, page, number, len(pages)) for number, page in enumerate(pages, 1)]


def _cut(count: int, texts: Texts) -> _Block:
    return "", texts.say("jandi.cut", count=count)


def reply_of(text: str, tone: Tone = Tone.NEUTRAL) -> Json:
    """The answer to an outgoing webhook: Jandi posts it into the topic."""
    return {"body": _plain(text), "connectColor": _COLOURS[tone], "connectInfo": []}


def characters_of(message: Json) -> int:
    """What counts towards the limit."""
    info = message["connectInfo"]
    told = [str(message["body"])]
    for block in info if isinstance(info, list) else []:
        told += [block["title"], block["description"]]
    return sum(len(text) for text in told)


# --- blocks ----------------------------------------------------------------------------------


def _blocks(report: Report, texts: Texts) -> Iterator[_Block]:
    if report.summary and report.summary != report.title and not _repeats(report):
        yield "", _plain(report.summary)
    for section in report.sections:
        yield from _section(section, texts)
    yield from _links(report)
    if report.footer:
        yield "", _plain(report.footer)


def _repeats(report: Report) -> bool:
    """Whether the summary stands in the sections as well."""
    return any(
        isinstance(section, Paragraph) and section.text.startswith(report.summary)
        for section in report.sections
    )


def _links(report: Report) -> Iterator[_Block]:
    for link in (*report.links, *((report.link,) if report.link else ())):
        yield "", _link(link)


def _section(section: Section, texts: Texts) -> Iterator[_Block]:
    match section:
        case Paragraph():
            yield "", _plain(section.text)
        case Notice():
            yield "", f"⚠ {_plain(section.text)}"
        case Facts():
            told = "\n".join(f"{label}: {_one_line(value)}" for label, value in section.rows)
            yield _plain(section.title), _plain(told)
        case Table():
            yield _plain(section.title), _plain(_table(section))
        case Lines():
            yield _plain(section.title), _plain("\n".join(section.lines))
        case Checklist():
            yield _plain(section.title), _plain(_checklist(section, texts))


def _table(table: Table) -> str:
    """Jandi has no columns: each row is a line that names what it tells."""
    head, *rest = table.columns
    rows = []
    for row in table.rows:
        told = [f"{name} {_one_line(cell)}" for name, cell in zip(rest, row[1:], strict=False)]
        rows.append(" · ".join([_one_line(row[0]), *told]))
    return "\n".join(rows) or head


def _checklist(section: Checklist, texts: Texts) -> str:
    rows = []
    for row in section.rows:
        key = f"web.state.{row.state}"
        state = _MARKS.get(row.state) or (texts.say(key) if texts.has(key) else row.state)
        rows.append(" ".join(part for part in (state, row.label, _one_line(row.detail)) if part))
    return "\n".join(rows)


def _one_line(text: str) -> str:
    return ", ".join(line for line in text.split("\n") if line)


def _title(report: Report) -> str:
    """Jandi takes no message without a body."""
    said = (text for text in (report.title, report.summary) if text.strip())
    return _plain(next(said, "GUARDiA")[:_TITLE_CHARACTERS])


def _plain(text: str) -> str:
    """Text that stays text: a zero-width space keeps brackets from becoming a link."""
    return _BRACKET.sub(lambda found: found[0] + "\u200b", text)


def _link(link: Link) -> str:
    label = link.label.replace("[", "(").replace("]", ")")
    return f"[[{label}]]({link.url})"


# --- pages -----------------------------------------------------------------------------------


def _pages(blocks: Sequence[_Block], room: int) -> Iterator[list[_Block]]:
    """Blocks in their order on as few pages as fit; a block that is too long is cut between
    lines, and a line that is too long within."""
    page: list[_Block] = []
    left = room
    for title, text in (piece for block in blocks for piece in _pieces(block, room)):
        need = len(title) + len(text)
        if need > left and page:
            yield page
            page, left = [], room
        page.append((title, text))
        left -= need
    yield page


def _pieces(block: _Block, room: int) -> Iterator[_Block]:
    title, text = block[0][:_TITLE_CHARACTERS], block[1]
    room -= len(title)
    while len(text) > room:
        cut = text.rfind("\n", room // 2, room)
        cut = cut if cut > 0 else room
        yield title, text[:cut]
        text = text[cut:].lstrip("\n")
    yield title, text


def _message(report: Report, page: Sequence[_Block], number: int, count: int) -> Json:
    body = _title(report) + (f" ({number}/{count})" if count > 1 else "")
    return {
        "body": body,
        "connectColor": _COLOURS[report.tone],
        "connectInfo": [{"title": title, "description": text} for title, text in page],
    }
