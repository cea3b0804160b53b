"""The page on which people enrol the device that makes their one-time codes.

Owns: showing a new secret once, confirming it by its first code, that a first device takes a code
that a leader has had issued, and that one which counts is replaced only with its own. Neither
secrets nor codes are ever recorded.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from adapters.web.gate import RequestError
from bot.app.invitations import Invitations
from bot.app.web.frame import Frame
from bot.app.web.links import SignedLinks
from bot.app.web.qr import qr_svg
from bot.core.check_ports import CodeVerdict, OneTimeCodes
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.people import Actor
from bot.core.errors import UserError
from bot.core.ports import AuditSink, Clock
from bot.core.texts import Texts
from bot.engine.code_desk import PAGE, REFUSED


class CodePages:
    """``/account/code``: GET shows where one stands, POST begins and confirms.

    ``invitations``: None where anybody may be anybody.
    """

    def __init__(
        self,
        frame: Frame,
        forms: SignedLinks,
        codes: OneTimeCodes,
        *,
        invitations: Invitations | None,
        audit: AuditSink,
        clock: Clock,
    ) -> None:
        self._frame = frame
        self._forms = forms
        self._codes = codes
        self._invitations = invitations
        self._audit = audit
        self._clock = clock

    def attach(self, app: web.Application) -> None:
        """Add its routes."""
        app.add_routes(
            [
                web.get(PAGE, self._frame.guarded(self._show)),
                web.post(PAGE, self._frame.guarded(self._take)),
            ]
        )

    async def _show(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        return await self._page(request, texts, person)

    async def _take(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        form = await request.post()
        if self._forms.sent_by(str(form.get("form", "")), PAGE, person.person_id) is None:
            raise RequestError(HTTPStatus.FORBIDDEN, "web_origin_refused")
        code = str(form.get("code", ""))
        match form.get("do"):
            case "begin":
                return await self._begin(request, texts, person, code)
            case "confirm":
                return await self._confirm(request, texts, person, code)
        raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="do")

    async def _begin(
        self, request: web.Request, texts: Texts, person: Actor, code: str
    ) -> web.StreamResponse:
        await self._record(person, "one-time codes: begin")
        if await self._codes.enrolled(person.person_id):
            verdict = await self._codes.check(person.person_id, code, now=self._clock.now())
            if verdict is not CodeVerdict.GOOD:
                return await self._refuse(request, texts, person, REFUSED[verdict])
        elif not await self._invited(person, code):
            return await self._refuse(request, texts, person, "code_not_invited")
        address = await self._codes.begin(person.person_id)
        return await self._page(
            request, texts, person, stage="device", qr=qr_svg(address), secret=_grouped(address)
        )

    async def _confirm(
        self, request: web.Request, texts: Texts, person: Actor, code: str
    ) -> web.StreamResponse:
        await self._record(person, "one-time codes: confirm")
        verdict = await self._codes.confirm(person.person_id, code, now=self._clock.now())
        if verdict is CodeVerdict.GOOD:
            await self._record(person, "one-time codes: enrolled")
            if self._invitations is not None:
                await self._invitations.spend(person.person_id)
            return await self._page(request, texts, person, stage="done")
        if verdict is CodeVerdict.NOT_ENROLLED:
            return await self._refuse(request, texts, person, "code_not_begun")
        return await self._refuse(request, texts, person, REFUSED[verdict], stage="confirm")

    async def _invited(self, person: Actor, code: str) -> bool:
        if self._invitations is None:
            return True
        return await self._invitations.holds(person.person_id, code)

    async def _refuse(
        self,
        request: web.Request,
        texts: Texts,
        person: Actor,
        code: str,
        *,
        stage: str = "",
    ) -> web.StreamResponse:
        error = UserError(code, page=PAGE)
        await self._audit.append(
            AuditEvent(
                kind=AuditKind.REFUSAL,
                at=self._clock.now(),
                actor=person.person_id,
                subject="one-time codes",
                detail={"code": error.code},
            )
        )
        response = await self._page(request, texts, person, stage=stage, told=texts.explain(error))
        response.set_status(HTTPStatus.FORBIDDEN)
        return response

    async def _page(
        self, request: web.Request, texts: Texts, person: Actor, **values: object
    ) -> web.Response:
        enrolled = await self._codes.enrolled(person.person_id)
        shown: dict[str, object] = {"told": None, "qr": "", "secret": "", **values}
        shown["stage"] = shown.get("stage") or ("enrolled" if enrolled else "new")
        return self._frame.render(
            request,
            "code.html",
            texts,
            person=person,
            page=PAGE,
            invited=self._invitations is not None,
            form=self._forms.form(PAGE, person.person_id),
            **shown,
        )

    async def _record(self, person: Actor, subject: str) -> None:
        await self._audit.append(
            AuditEvent(
                kind=AuditKind.SIGN_IN,
                at=self._clock.now(),
                actor=person.person_id,
                subject=subject,
            )
        )


def _grouped(address: str) -> str:
    """The secret of an ``otpauth://`` address as people type it: in groups of four."""
    (secret,) = parse_qs(urlsplit(address).query)["secret"]
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
