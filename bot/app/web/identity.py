"""The page on which people see who they are here, and get the code that links a messenger.

Owns: showing the person, issuing a code. The code is shown once and kept only as its digest.
"""

from __future__ import annotations

from aiohttp import web

from bot.app.web.frame import Frame
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.linking import CODE_LIFE, code_digest, new_code
from bot.core.messenger_ports import IdentityLinks
from bot.core.ports import AuditSink, Clock
from bot.core.texts import Texts


class IdentityPages:
    """``/me``: GET shows, POST issues a code. ``codes``: whether there is a page of one-time codes
    to go on to."""

    def __init__(
        self,
        frame: Frame,
        identities: IdentityLinks,
        *,
        audit: AuditSink,
        clock: Clock,
        codes: bool = False,
    ) -> None:
        self._frame = frame
        self._identities = identities
        self._audit = audit
        self._clock = clock
        self._codes = codes

    def attach(self, app: web.Application) -> None:
        """Add its routes."""
        app.add_routes(
            [
                web.get("/me", self._frame.guarded(self._show)),
                web.post("/me", self._frame.guarded(self._issue)),
            ]
        )

    async def _show(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        return self._frame.render(
            request, "me.html", texts, person=person, code="", codes=self._codes
        )

    async def _issue(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        now = self._clock.now()
        await self._audit.append(
            AuditEvent(
                kind=AuditKind.SIGN_IN, at=now, actor=person.person_id, subject="linking code"
            )
        )
        code = new_code()
        await self._identities.issue(person.person_id, code_digest(code), until=now + CODE_LIFE)
        return self._frame.render(
            request,
            "me.html",
            texts,
            person=person,
            code=code,
            codes=self._codes,
            minutes=int(CODE_LIFE.total_seconds() // 60),
        )
