"""People whom a messenger names and we do not know yet.

Owns: linking an identity by a code, and what strangers are told. Wrong codes are counted where
codes are kept.
"""

from __future__ import annotations

from dataclasses import replace

from bot.core.cards import plain_report, refusal_report
from bot.core.domain.audit import AuditKind
from bot.core.domain.conversation import Command, Mention
from bot.core.domain.people import Actor, ExternalId
from bot.core.domain.report import Report, Tone
from bot.core.errors import UserError
from bot.core.linking import code_digest, code_said
from bot.core.redaction import redact
from bot.engine.chronicle import Chronicle
from bot.engine.services import Services

Said = Mention | Command


class Identities:
    """Strangers, and how they stop being strangers."""

    def __init__(self, services: Services, chronicle: Chronicle) -> None:
        self._services = services
        self._chronicle = chronicle

    async def answer(self, message: Said, actor: Actor | None, *, key: str) -> Report | None:
        """What somebody who links, or whom nobody knows, is told; None: go on."""
        code = code_said(message.text)
        if code is not None:
            return await self._linked(message.sender, actor, code, key=key)
        if actor is None:
            return await self._stranger(message, key=key)
        return None

    def unknown(self, sender: ExternalId) -> UserError:
        """The refusal of somebody whom nobody knows."""
        return UserError(
            "person_unmapped",
            page=self._page(),
            adapter=sender.adapter,
            tenant=sender.tenant,
            user=sender.user_id,
        )

    # --- linking ---------------------------------------------------------------------------

    async def _linked(
        self, sender: ExternalId, actor: Actor | None, code: str, *, key: str
    ) -> Report:
        if actor is not None:  # or the very message that has linked them, handled again
            await self._services.stores.identities.void(code_digest(code))
            return self._told("identity.already", actor, sender)
        who = f"{sender.adapter}:{sender.user_id}"
        # Before the code is spent: nobody comes in unrecorded.
        await self._record(AuditKind.REQUEST, who, sender, key=key)
        try:
            person = await self._redeemed(code, sender)
        except UserError as error:
            await self._record(AuditKind.REFUSAL, who, sender, key=key, code=error.code)
            return self._refused(sender, error)
        await self._record(AuditKind.SIGN_IN, person.person_id, sender, key=key)
        return self._told("identity.linked", person, sender)

    async def _redeemed(self, code: str, sender: ExternalId) -> Actor:
        now = self._services.clock.now()
        links = self._services.stores.identities
        person_id = await links.redeem(code_digest(code), sender, now=now)
        person = await self._services.directory.person(person_id) if person_id else None
        if person is None:
            raise UserError("link_refused")
        return person

    async def _record(
        self, kind: AuditKind, who: str, sender: ExternalId, *, key: str, **more: str
    ) -> None:
        linking = f"{sender.adapter}:{sender.tenant}:{sender.user_id}"
        await self._chronicle.record(kind, who, subject=key, linking=linking, **more)

    async def _stranger(self, message: Said, *, key: str) -> Report:
        sender = message.sender
        await self._chronicle.record(
            AuditKind.REFUSAL,
            f"{sender.adapter}:{sender.user_id}",
            subject=key,
            code="person_unmapped",
            text=redact(message.text[:200]),
        )
        return refusal_report(
            self.unknown(sender), texts=self._services.texts, only_for=sender.user_id
        )

    # --- words -----------------------------------------------------------------------------

    def _told(self, key: str, person: Actor, sender: ExternalId) -> Report:
        said = self._services.texts.say(key, name=person.name)
        return replace(plain_report(said, tone=Tone.GOOD), only_for=sender.user_id)

    def _refused(self, sender: ExternalId, error: UserError) -> Report:
        shown = UserError(error.code, page=self._page(), **error.values)
        return refusal_report(shown, texts=self._services.texts, only_for=sender.user_id)

    def _page(self) -> str:
        return f"{self._services.settings.console_url or ''}/me"
