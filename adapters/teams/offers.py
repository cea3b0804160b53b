"""Files that the bot offers in personal chats: Teams takes none that nobody has agreed to.

Owns: consent cards and what follows them. An offer lies in the memory under a random id; that id
is all that a card carries, so no card can be turned into a key to other files.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from adapters.teams.connector import Connector
from adapters.teams.files import TeamsFiles
from adapters.teams.inbound import ADAPTER, Consent, address_of
from adapters.teams.references import Reference
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Attachment
from bot.core.errors import OperationError, UserError
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Clock
from bot.core.texts import Texts

CONSENT_CARD = "application/vnd.microsoft.teams.card.file.consent"
FILE_CARD = "application/vnd.microsoft.teams.card.file.info"


class Offers:
    """Making and keeping offers."""

    def __init__(
        self,
        connector: Connector,
        files: TeamsFiles,
        memory: MessengerMemory,
        *,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._connector = connector
        self._files = files
        self._memory = memory
        self._texts = texts
        self._clock = clock

    async def make(
        self, file: Attachment, place: ConversationRef, reference: Reference, *, key: str
    ) -> None:
        """Ask whether the person wants the file; once for each key and file.

        Raises:
            OperationError: as ``Connector.send``.
        """
        made = f"offered:{hashlib.sha256(f'{key}/{file.digest}/{file.name}'.encode()).hexdigest()}"
        if await self._memory.recall(ADAPTER, made):
            return
        offer, now = secrets.token_urlsafe(24), self._clock.now()
        value: dict[str, object] = {
            "digest": file.digest,
            "name": file.name,
            "size": file.size,
            "channel": place.channel,
        }
        await self._memory.keep(ADAPTER, f"offer:{offer}", value, at=now)
        card = _message(CONSENT_CARD, file.name, self._asked(file, offer))
        await self._connector.send(reference.service_url, place.channel, card)
        await self._memory.keep(ADAPTER, made, {"offer": offer}, at=now)

    async def answer(self, consent: Consent, reference: Reference) -> None:
        """Send the file, or forget the offer; the card that asked goes either way.

        Raises:
            UserError: there is no such offer in this chat any more (``teams_offer_gone``).
            OperationError: as ``TeamsFiles.send`` and ``Connector.send``.
        """
        offer = await self._memory.recall(ADAPTER, f"offer:{consent.offer}")
        if offer is None or offer.get("channel") != consent.conversation.channel:
            raise UserError("teams_offer_gone")
        if consent.accepted:
            await self._deliver(offer, consent, reference)
        await self._take_back(consent, reference)

    async def _deliver(
        self, offer: Mapping[str, object], consent: Consent, reference: Reference
    ) -> None:
        name, size = str(offer["name"]), int(str(offer["size"]))
        await self._files.send(str(offer["digest"]), size, consent.upload.get("uploadUrl", ""))
        content: dict[str, object] = {
            key: consent.upload.get(key, "") for key in ("uniqueId", "fileType")
        }
        message = _message(FILE_CARD, name, content)
        message["attachments"][0]["contentUrl"] = consent.upload.get("contentUrl", "")
        await self._connector.send(reference.service_url, address_of(consent.conversation), message)

    async def _take_back(self, consent: Consent, reference: Reference) -> None:
        if consent.card is None:
            return
        try:
            await self._connector.delete(
                reference.service_url, address_of(consent.conversation), consent.card
            )
        except OperationError:
            return  # the card stays; pressed again, it sends the same file again

    def _asked(self, file: Attachment, offer: str) -> dict[str, object]:
        context = {"offer": offer}
        return {
            "description": self._texts.say("teams.offer"),
            "sizeInBytes": file.size,
            "acceptContext": context,
            "declineContext": context,
        }


def _message(content_type: str, name: str, content: dict[str, object]) -> dict[str, Any]:
    attachment = {"contentType": content_type, "name": name, "content": content}
    return {"type": "message", "attachments": [attachment]}
