"""People whom a messenger names and we do not know yet.

Owns: linking an identity by a code, what strangers are told, and the pause after wrong codes.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import replace
from datetime import datetime, timedelta

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

_FAILURES = 5
_PAUSE = timedelta(minutes=10)
_REMEMBERED = 1000  # identities with failures

Said = Mention | Command


class Identities:
    """Strangers, and how they stop being strangers."""

    def __init__(self, services: Services, chronicle: Chronicle) -> None:
        self._services = services
        self._chronicle = chronicle
        self._failures: OrderedDict[ExternalId, deque[datetime]] = OrderedDict()

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
            return self._told("identity.already", actor, sender)
        if self._paused(sender):
            return self._refused(sender, "link_paused", minutes=int(_PAUSE.total_seconds() // 60))
        now = self._services.clock.now()
        # Before the code is spent: nobody comes in unrecorded.
        await self._record(AuditKind.REQUEST, f"{sender.adapter}:{sender.user_id}", sender, key)
        person_id = await self._services.stores.identities.redeem(
            code_digest(code), sender, now=now
        )
        person = await self._services.directory.person(person_id) if person_id else None
        if person is None:
            self._failed(sender)
            await self._record(AuditKind.REFUSAL, f"{sender.adapter}:{sender.user_id}", sender, key)
            return self._refused(sender, "link_refused")
        await self._record(AuditKind.SIGN_IN, person.person_id, sender, key)
        return self._told("identity.linked", person, sender)

    async def _record(self, kind: AuditKind, who: str, sender: ExternalId, key: str) -> None:
        await self._chronicle.record(
            kind,
            who,
            subject=key,
            linking=f"{sender.adapter}:{sender.tenant}:{sender.user_id}",
            **({"code": "link_refused"} if kind is AuditKind.REFUSAL else {}),
        )

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

    # --- wrong codes -----------------------------------------------------------------------

    def _paused(self, sender: ExternalId) -> bool:
        since = self._services.clock.now() - _PAUSE
        recent = [at for at in self._failures.get(sender, ()) if at > since]
        return len(recent) >= _FAILURES

    def _failed(self, sender: ExternalId) -> None:
        times = self._failures.setdefault(sender, deque(maxlen=_FAILURES))
        times.append(self._services.clock.now())
        self._failures.move_to_end(sender)
        while len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    # --- words -----------------------------------------------------------------------------

    def _told(self, key: str, person: Actor, sender: ExternalId) -> Report:
        said = self._services.texts.say(key, name=person.name)
        return replace(plain_report(said, tone=Tone.GOOD), only_for=sender.user_id)

    def _refused(self, sender: ExternalId, code: str, **values: object) -> Report:
        error = UserError(code, page=self._page(), **values)
        return refusal_report(error, texts=self._services.texts, only_for=sender.user_id)

    def _page(self) -> str:
        return f"{self._services.settings.console_url or ''}/me"
