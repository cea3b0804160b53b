"""Questions that wait for an answer.

Owns: one open question per person and thread.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.domain.conversation import ConversationRef
from bot.core.domain.intent import Intent
from cmdb.engine import reading, writing
from cmdb.models import DialogueRow
from cmdb.rows import upsert
from cmdb.serial import INTENT

KEY = ("adapter", "channel", "thread", "person_id")


class SqlDialogueStore:
    """DialogueStore on SQLite or PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(
        self, conversation: ConversationRef, person_id: str, partial: Intent, *, until: datetime
    ) -> None:
        adapter, channel, thread, person = _key(conversation, person_id)
        row = DialogueRow(
            adapter=adapter,
            channel=channel,
            thread=thread,
            person_id=person,
            partial=INTENT.dump(partial),
            until=until,
        )
        async with writing(self._engine) as session:
            await upsert(session, [row], by=KEY)

    async def pending(
        self, conversation: ConversationRef, person_id: str, *, now: datetime
    ) -> Intent | None:
        async with reading(self._engine) as session:
            row = await session.get(DialogueRow, _key(conversation, person_id))
            return INTENT.load(row.partial) if row is not None and now < row.until else None

    async def drop(self, conversation: ConversationRef, person_id: str) -> None:
        async with writing(self._engine) as session:
            row = await session.get(DialogueRow, _key(conversation, person_id))
            if row is not None:
                await session.delete(row)


def _key(conversation: ConversationRef, person_id: str) -> tuple[str, str, str, str]:
    return (conversation.adapter, conversation.channel, conversation.thread or "", person_id)
