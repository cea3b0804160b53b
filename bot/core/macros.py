"""What a kept command may be called, and whose it is.

Owns: these rules, for every store and the engine alike. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from bot.core.check_ports import Macro, MacroOwner
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.estate import Vocabulary

MOST_MACROS = 30  # of one owner: more are a list that nobody reads
LONGEST_NAME = 30  # characters
LONGEST_COMMAND = 600  # characters; a button carries it
_NAME = re.compile(r"[^\s/#?=\"'`|<>{}\\@:“”‘’]+(?: [^\s/#?=\"'`|<>{}\\@:“”‘’]+)*")
_RESERVED = frozenset({"help", "도움말", "삭제", "목록", "delete", "list"})


def macro_name(text: str) -> str | None:
    """The name in its one written form; None: it is no name."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    hidden = any(unicodedata.category(character).startswith("C") for character in name)
    if hidden or not 1 <= len(name) <= LONGEST_NAME or not _NAME.fullmatch(name):
        return None
    return None if name_key(name).split()[0] in _RESERVED else name


def name_key(name: str) -> str:
    """By which two names are the same."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def room_key(room: ConversationRef) -> str:
    """How a room owns."""
    return f"{room.adapter}:{room.channel}"


def seen_by(macros: Iterable[Macro], person_id: str, room: ConversationRef) -> tuple[Macro, ...]:
    """Those of this person and this room: their own, then the room's, by name."""
    owners = ((MacroOwner.PERSON, person_id), (MacroOwner.ROOM, room_key(room)))
    kept = list(macros)
    return tuple(
        macro
        for owner in owners
        for macro in sorted(kept, key=lambda one: name_key(one.name))
        if (macro.owner, macro.owner_key) == owner
    )


def told_to(macros: Iterable[Macro], vocabulary: Vocabulary) -> tuple[Macro, ...]:
    """Those that may be shown to whoever has this vocabulary: of a room's, those about a system
    that they see. People of several institutions may share a room."""
    systems = {system.name for system in vocabulary.systems}
    return tuple(
        macro
        for macro in macros
        if macro.owner is MacroOwner.PERSON or any(name in macro.command for name in systems)
    )
