"""Reports, messages and people as the JSON that the page and programs read.

Owns: the shape of that JSON (docs/web-api.md describes it). Pure. All text stays plain text:
escaping is the business of whoever puts it on a screen, and our page only ever sets text nodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.core.domain.conversation import ReceivedFile
from bot.core.domain.people import Actor
from bot.core.domain.report import (
    Button,
    Checklist,
    Facts,
    Lines,
    Link,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
)
from bot.core.domain.room import Room, RoomMessage

Json = dict[str, object]


def report_body(report: Report) -> Json:
    """The body of a message of the bot."""
    return {
        "kind": "report",
        "title": report.title,
        "summary": report.summary,
        "tone": report.tone.value,
        "sections": [_section(section) for section in report.sections],
        "buttons": [_button(button) for button in report.buttons],
        "footer": report.footer,
        "link": _link(report.link) if report.link else None,
        "links": [_link(link) for link in report.links],
        "files": [
            {"digest": f.digest, "name": f.name, "size": f.size, "media_type": f.media_type}
            for f in report.files
        ],
    }


def text_body(text: str, files: Sequence[ReceivedFile], *, author: Actor, client_id: str) -> Json:
    """The body of a person's message. The name is the one at the time of writing."""
    return {
        "kind": "text",
        "text": text,
        "files": [{"digest": f.digest, "name": f.name, "size": f.size} for f in files],
        "author_name": author.name,
        "author_role": author.role.value,
        "client_id": client_id,
    }


def message_json(message: RoomMessage) -> Json:
    """A message as the stream and the room's list give it."""
    return {
        "type": "message",
        "id": message.message_id,
        "room": message.room,
        "thread": message.thread,
        "author": message.author,
        "private": message.only_for is not None,
        "posted_at": message.posted_at.isoformat(),
        "revision": message.revision,
        "position": message.position,
        "body": dict(message.body),
    }


def person_json(actor: Actor) -> Json:
    """A person as sign-in and session give them."""
    return {
        "id": actor.person_id,
        "name": actor.name,
        "role": actor.role.value,
        "institutions": sorted(actor.institutions),
        "all_institutions": actor.all_institutions,
    }


def room_json(room: Room) -> Json:
    """A room in the list of rooms."""
    return {"id": room.room_id, "name": room.name, "members": len(room.members)}


def visible_to(message: RoomMessage, person_id: str) -> bool:
    """Whether this person may know of the message at all."""
    return message.only_for is None or message.only_for == person_id


def has_button(body: Mapping[str, object], button: str, value: str) -> bool:
    """Whether the message, as it stands now, offers exactly this button."""
    buttons = body.get("buttons", ())
    return any(
        row.get("button") == button and row.get("value") == value
        for row in (buttons if isinstance(buttons, list | tuple) else ())
        if isinstance(row, Mapping)
    )


def made_file(body: Mapping[str, object], digest: str) -> tuple[str, int] | None:
    """Name and size of that file, if this message of the bot carries it."""
    rows = body.get("files", ())
    for row in rows if isinstance(rows, list | tuple) else ():
        if isinstance(row, Mapping) and row.get("digest") == digest:
            return str(row["name"]), int(row["size"])
    return None


def _link(link: Link) -> Json:
    return {"url": link.url, "label": link.label}


def _button(button: Button) -> Json:
    return {
        "button": button.button,
        "value": button.value,
        "label": button.label,
        "style": button.style.value,
        "confirm": button.confirm,
        **({"opens": button.opens} if button.opens else {}),
    }


def _section(section: Section) -> Json:
    match section:
        case Paragraph():
            return {"kind": "paragraph", "text": section.text}
        case Facts():
            return {
                "kind": "facts",
                "title": section.title,
                "rows": [list(row) for row in section.rows],
            }
        case Table():
            return {
                "kind": "table",
                "title": section.title,
                "columns": list(section.columns),
                "rows": [list(row) for row in section.rows],
                "folded": section.folded,
            }
        case Checklist():
            return _checklist(section)
        case Lines():
            return {"kind": "lines", "title": section.title, "lines": list(section.lines)}
        case Notice():
            return {"kind": "notice", "text": section.text, "tone": section.tone.value}


def _checklist(section: Checklist) -> Json:
    rows = [
        {"state": r.state, "label": r.label, "detail": r.detail, "elapsed_ms": r.elapsed_ms}
        for r in section.rows
    ]
    return {"kind": "checklist", "title": section.title, "rows": rows}
