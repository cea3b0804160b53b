"""What people read, before any messenger has shaped it.

Owns: the report as a value. Text in it is plain text in the reader's language; adapters escape
and shape it. Anything that came from a server, a file name or a person is only ever text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tone(StrEnum):
    NEUTRAL = "neutral"
    ASK = "ask"  # somebody has to answer
    RUNNING = "running"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Label and value pairs, in order."""

    rows: tuple[tuple[str, str], ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``columns`` heads, ``rows`` cells. ``folded``: long tables start closed where possible."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Checklist:
    """Steps with their state (a StepState value), a label, a detail and the time taken."""

    rows: tuple[ChecklistRow, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistRow:
    state: str
    label: str
    detail: str = ""
    elapsed_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Lines of a log or an output, verbatim and monospaced."""

    lines: tuple[str, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A sentence that must not be overlooked."""

    text: str
    tone: Tone = Tone.WARNING


Section = Paragraph | Facts | Table | Checklist | Lines | Notice


class ButtonStyle(StrEnum):
    PLAIN = "plain"
    PRIMARY = "primary"
    DANGER = "danger"


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """``button`` and ``value`` come back in the Click. ``confirm``: ask once more before it.

    ``opens``: a page of ours on which the press is finished. A messenger that can opens it; a
    press that comes back instead is answered with the way there.
    """

    button: str
    value: str
    label: str
    style: ButtonStyle = ButtonStyle.PLAIN
    confirm: str = ""
    opens: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A page of our own console. Who opens it signs in there; the address carries no secret."""

    url: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with a report; its bytes lie in the file store under ``digest``.

    ``size`` is in bytes, ``media_type`` e.g. ``image/png``.
    """

    digest: str
    name: str
    size: int
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One message of the bot. ``summary`` stands alone: notifications and screen readers get it.

    ``only_for`` (a messenger user id) asks for a message that nobody else sees, where the
    messenger can; ``footer`` carries job id and time. ``links`` stand for what the messenger
    cannot do itself: the shared degradation puts them there. ``wants_files``: it asks for files.
    """

    title: str
    summary: str
    tone: Tone = Tone.NEUTRAL
    sections: tuple[Section, ...] = ()
    buttons: tuple[Button, ...] = ()
    footer: str = ""
    only_for: str | None = None
    link: Link | None = None
    files: tuple[Attachment, ...] = ()
    links: tuple[Link, ...] = ()
    wants_files: bool = False
