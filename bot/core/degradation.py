"""What becomes of a report where a messenger cannot do what it asks for: one table for all.

Owns: the table, one row per capability, and applying it. Pure: addresses of our own pages come
from ``ConsoleLinks``. An adapter gets what it can show; it never decides by itself what to leave
out. Knows no messenger by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Link, Notice, Paragraph, Report, Tone
from bot.core.messenger_ports import ConsoleLinks
from bot.core.ports import Capabilities
from bot.core.texts import Texts

ACTION_LIFE = timedelta(hours=24)  # what a button does has its own, shorter time
UPLOAD_LIFE = timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a report goes, and what stands in for what is lacking there.

    ``links``: None where nobody has said how browsers reach our pages.
    """

    conversation: ConversationRef
    texts: Texts
    links: ConsoleLinks | None = None


Shape = Callable[[Report, Place], Report]


def degraded(report: Report, capabilities: Capabilities, place: Place) -> Report:
    """The report as that messenger can show it. Complete already: the very same report."""
    for capability, row in TABLE.items():
        if row.shape is not None and not getattr(capabilities, capability):
            report = row.shape(report, place)
    return report


# --- the rows --------------------------------------------------------------------------------


def _for_everybody(report: Report, _: Place) -> Report:
    """What was for one person stands in the open: its sentences only, and nothing to press."""
    if report.only_for is None:
        return report
    sentences = tuple(each for each in report.sections if isinstance(each, Paragraph | Notice))
    return replace(report, only_for=None, sections=sentences, buttons=(), files=(), link=None)


def _buttons_as_links(report: Report, place: Place) -> Report:
    if not report.buttons:
        return report
    if place.links is None:
        labels = ", ".join(button.label for button in report.buttons)
        told = Notice(text=place.texts.say("messengers.no_buttons", labels=labels), tone=Tone.ASK)
        return replace(report, buttons=(), sections=(*report.sections, told))
    links = tuple(
        Link(
            url=place.links.action(button, place.conversation, life=ACTION_LIFE),
            label=button.label,
        )
        for button in report.buttons
    )
    return replace(report, buttons=(), links=(*report.links, *links))


def _files_as_links(report: Report, place: Place) -> Report:
    if place.links is None:
        return _files_named(report, place)
    links = [
        Link(url=place.links.file(file.digest, file.name, place.conversation), label=file.name)
        for file in report.files
    ]
    if report.wants_files:
        upload = place.links.upload(place.conversation, life=UPLOAD_LIFE)
        links.append(Link(url=upload, label=place.texts.say("messengers.upload")))
    return replace(report, files=(), wants_files=False, links=(*report.links, *links))


def _files_named(report: Report, place: Place) -> Report:
    sentences = []
    if report.files:
        names = ", ".join(file.name for file in report.files)
        sentences.append(place.texts.say("messengers.no_files", names=names))
    if report.wants_files:
        sentences.append(place.texts.say("messengers.no_upload"))
    told = tuple(Notice(text=text) for text in sentences)
    return replace(report, files=(), wants_files=False, sections=(*report.sections, *told))


# --- the table -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What happens instead. ``shape``: what it makes of a report; None where it is no matter of
    one report, and ``by`` says whose it is. In words: ``messengers.without.<capability>``."""

    shape: Shape | None = None
    by: str = "report"


TABLE: Mapping[str, Row] = {
    # First: what nobody else may press is not made a link that everybody sees.
    "private_replies": Row(shape=_for_everybody),
    "buttons": Row(shape=_buttons_as_links),
    "files": Row(shape=_files_as_links),
    "edits": Row(by="outbound"),
    "threads": Row(by="adapter"),
    "mentions": Row(by="adapter"),
    "commands": Row(by="adapter"),
    "verified_senders": Row(by="pipeline"),
}
