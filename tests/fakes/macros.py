"""A MacroStore in memory."""

from __future__ import annotations

from bot.core.check_ports import Macro
from bot.core.domain.conversation import ConversationRef
from bot.core.macros import MOST_MACROS, name_key, seen_by


class MemoryMacros:
    """``MacroStore`` that forgets with the process."""

    def __init__(self) -> None:
        self.macros: dict[tuple[str, str, str], Macro] = {}

    async def keep(self, macro: Macro) -> bool:
        key = (macro.owner.value, macro.owner_key, name_key(macro.name))
        others = [one for one in self.macros if one[:2] == key[:2] and one != key]
        if len(others) >= MOST_MACROS:
            return False
        self.macros[key] = macro
        return True

    async def of(self, person_id: str, room: ConversationRef) -> tuple[Macro, ...]:
        return seen_by(self.macros.values(), person_id, room)

    async def find(self, macro_id: str) -> Macro | None:
        return next((one for one in self.macros.values() if one.macro_id == macro_id), None)

    async def drop(self, macro_id: str) -> bool:
        found = [key for key, one in self.macros.items() if one.macro_id == macro_id]
        for key in found:
            del self.macros[key]
        return bool(found)
