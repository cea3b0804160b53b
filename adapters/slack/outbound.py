"""Reports as Block Kit.

Owns: the shape of a message within Slack's limits; what does not fit becomes a file, never an
error. Pure. Words of reports go into ``rich_text`` and ``plain_text`` only, where Slack reads no
markup, so that nothing in a log, a path or a name can mention, link or format.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from adapters.slack.inbound import BUTTON_PREFIX
from adapters.slack.lines import Line, Part, Run, json_size, parts_of, plain_lines
from bot.core.domain.report import Button, ButtonStyle, Link, Paragraph, Report, Tone
from bot.core.texts import Texts

# https://docs.slack.dev/reference/block-kit/blocks and …/block-elements/button-element
MAX_BLOCKS = 50
MAX_TEXT = 3000  # characters of a section
MAX_HEADER = 150
MAX_BUTTONS = 25  # in one actions block
MAX_LABEL = 75
MAX_VALUE = 200  # of Slack's 2,000: what is longer stays with us, see the adapter
MAX_CONFIRM = 300
MAX_FOOTER = 500
# All blocks together, as JSON. Slack names no figure; ``msg_blocks_too_long`` has been seen from
# some 13,000 characters on (slackapi/bolt-js, issues 2509 and 2867).
MAX_MESSAGE = 10_500
MAX_ALL_BUTTONS = 5000  # characters of them as JSON, of the above
MAX_FALLBACK = 3000

_TONES = {
    Tone.NEUTRAL: "",
    Tone.ASK: "🟡 ",
    Tone.RUNNING: "🔵 ",
    Tone.GOOD: "🟢 ",
    Tone.WARNING: "🟠 ",
    Tone.BAD: "🔴 ",
}

Block = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """A section that did not fit, as a text file."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256: the same words are uploaded once."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped:
    """A report as Slack takes it. ``text`` is what notifications and screen readers get."""

    text: str
    blocks: list[Block]
    spills: tuple[Spill, ...]


def shape(report: Report, texts: Texts) -> Shaped:
    """The message."""
    head = _header(report)
    tail = [*_links(report), *_buttons(report.buttons, texts), *_footer(report.footer)]
    room = _Room(
        size=MAX_MESSAGE - json_size(head) - json_size(tail),
        blocks=MAX_BLOCKS - 1 - len(tail),
        texts=texts,
    )
    body = [
        block
        for number, part in enumerate(_parts(report, texts), start=1)
        for block in room.fit(part, number)
    ]
    return Shaped(
        text=escape(report.summary or report.title)[:MAX_FALLBACK],
        blocks=[head, *body, *tail],
        spills=tuple(room.spills),
    )


def escape(text: str) -> str:
    """For the one place where Slack reads markup: the notification's text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def said_command(user_id: str, command: str) -> Shaped:
    """The message that a slash command's thread hangs on: who asked for what."""
    elements: list[object] = [
        {"type": "user", "user_id": user_id},
        {"type": "text", "text": " "},
        {"type": "text", "text": cut(command, MAX_TEXT), "style": {"code": True}},
    ]
    block: Block = {
        "type": "rich_text",
        "elements": [{"type": "rich_text_section", "elements": elements}],
    }
    return Shaped(text=escape(command)[:MAX_FALLBACK], blocks=[block], spills=())


def cut(text: str, limit: int) -> str:
    """At most so many characters; that something is missing shows."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


# --- what always fits ------------------------------------------------------------------------


def _header(report: Report) -> Block:
    said = (" ".join(each.split()) for each in (report.title, report.summary))
    title = next(filter(None, said), "GUARDiA")
    text = cut(_TONES[report.tone] + title, MAX_HEADER)
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _parts(report: Report, texts: Texts) -> list[Part]:
    """The summary, unless the card says it anyway, and the sections."""
    said = {s.text for s in report.sections if isinstance(s, Paragraph)} | {report.title}
    adds = report.summary.strip() and report.summary not in said
    summary = [Part(lines=[[Run(report.summary)]])] if adds else []
    return [*summary, *parts_of(report.sections, texts)]


def _links(report: Report) -> list[Block]:
    links: list[Link] = [*([report.link] if report.link else []), *report.links]
    elements: list[Block] = []
    for link in links:
        elements += [{"type": "text", "text": " · "}] if elements else []
        label = cut(link.label, MAX_LABEL)
        elements.append({"type": "link", "url": link.url[:MAX_TEXT], "text": label})
    if not elements:
        return []
    section: Block = {"type": "rich_text_section", "elements": elements}
    return [{"type": "rich_text", "elements": [section]}]


def _buttons(buttons: Sequence[Button], texts: Texts) -> list[Block]:
    """As many as a message has room for; that there are more is said."""
    elements: list[Block] = []
    room = MAX_ALL_BUTTONS
    for number, button in enumerate(buttons):
        element = _button(number, button, texts)
        room -= json_size(element)
        if room < 0:
            break
        elements.append(element)
    rows: list[Block] = [
        {"type": "actions", "elements": elements[at : at + MAX_BUTTONS]}
        for at in range(0, len(elements), MAX_BUTTONS)
    ]
    if len(elements) < len(buttons):
        more = texts.say("slack.more_buttons", count=len(buttons) - len(elements))
        rows += _rich(Part(lines=[[Run(more)]]))
    return rows


def _button(number: int, button: Button, texts: Texts) -> Block:
    element: Block = {
        "type": "button",
        "action_id": f"{BUTTON_PREFIX}{number}.{button.button}"[:255],
        "text": _plain(button.label or button.button, MAX_LABEL),
    }
    if button.value:
        element["value"] = button.value
    if button.style is not ButtonStyle.PLAIN:
        element["style"] = button.style.value
    if button.confirm:
        element["confirm"] = {
            "title": _plain(button.label, 100),
            "text": _plain(button.confirm, MAX_CONFIRM),
            "confirm": _plain(button.label, 30),
            "deny": _plain(texts.say("slack.not_now"), 30),
        }
    return element


def _footer(footer: str) -> list[Block]:
    return [{"type": "context", "elements": [_plain(footer, MAX_FOOTER)]}] if footer else []


def _plain(text: str, limit: int) -> Block:
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


# --- what may not fit ------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class _Room:
    """What is left of a message while its sections are put in one after the other."""

    size: int
    blocks: int
    texts: Texts
    spills: list[Spill] = field(default_factory=list)

    def fit(self, part: Part, number: int) -> list[Block]:
        """The section as blocks; as much of it as there is room for, and the whole in a file."""
        whole = _rich(part)
        if part.shown is None and self._take(whole):
            return whole
        name = self._spill(part, number)
        for count in _halving(part.shown or len(part.lines)):
            shorter = _rich(part.only(count, self._rest(len(part.lines) - count, name)))
            if self._take(shorter):
                return shorter
        return []

    def _take(self, blocks: list[Block]) -> bool:
        size = json_size(blocks)
        if size > self.size or len(blocks) > self.blocks:
            return False
        self.size -= size
        self.blocks -= len(blocks)
        return True

    def _spill(self, part: Part, number: int) -> str:
        words = "".join(c if c.isalnum() else "-" for c in part.title).strip("-")[:40]
        name = f"{number:02d}-{words}.txt" if words else f"{number:02d}.txt"
        content = "\n".join([part.title, "", *plain_lines(part)]).strip() + "\n"
        self.spills.append(Spill(name=name, content=content.encode()))
        return name

    def _rest(self, count: int, name: str) -> Line:
        return [Run(self.texts.say("slack.rest", count=count, file=name))]


def _halving(count: int) -> Iterator[int]:
    while count > 0:
        yield count
        count //= 2
    yield 0


def _rich(part: Part) -> list[Block]:
    """Blocks of at most ``MAX_TEXT`` characters each."""
    blocks: list[Block] = []
    for lines in _chunks(part.lines):
        title = part.title if not blocks else ""
        elements = [*_title(title), *_body(lines, verbatim=part.verbatim)]
        blocks += [{"type": "rich_text", "elements": elements}] if elements else []
    if part.notes:
        blocks += [{"type": "rich_text", "elements": _body(part.notes, verbatim=False)}]
    return blocks


def _chunks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    chunk: list[Line] = []
    size = 0
    for line in (piece for whole in lines for piece in _pieces(whole)):
        length = sum(len(run.text) for run in line) + 1
        if chunk and size + length > MAX_TEXT - MAX_HEADER:
            yield chunk
            chunk, size = [], 0
        chunk.append(line)
        size += length
    if chunk:
        yield chunk


def _pieces(line: Line) -> Iterator[Line]:
    """A line too long for any block, in pieces."""
    step = MAX_TEXT - MAX_HEADER - 1
    if sum(len(run.text) for run in line) <= step:
        yield line
        return
    for run in line:
        for at in range(0, len(run.text), step):
            yield [Run(run.text[at : at + step], run.style)]


def _title(title: str) -> list[Block]:
    if not title:
        return []
    run = Run(cut(title, MAX_HEADER), "bold")
    return [{"type": "rich_text_section", "elements": [run.element()]}]


def _body(lines: Sequence[Line], *, verbatim: bool) -> list[Block]:
    if verbatim:
        text = "\n".join("".join(run.text for run in line) for line in lines)
        element = {"type": "text", "text": text or " "}
        return [{"type": "rich_text_preformatted", "elements": [element]}]
    elements: list[Block] = []
    for line in lines:
        elements += [{"type": "text", "text": "\n"}] if elements else []
        elements += [run.element() for run in line if run.text]
    return [{"type": "rich_text_section", "elements": elements}] if elements else []
