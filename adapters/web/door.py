"""The door of the web room: who comes in, as whom, and what every request must satisfy.

Owns: the session routes, the guard around every route, and turning a cookie into a person. The
cookie only names the person; the directory is asked anew at each request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from adapters.web.gate import (
    SECURITY_HEADERS,
    FailureLimit,
    RequestError,
    check_loopback_host,
    check_origin,
    guardia_response,
    read_model,
    refusal_response,
)
from adapters.web.outbound import Json, person_json
from adapters.web.session import COOKIE, EndedSessions, Sessions, code_digest
from adapters.web.settings import MAX_FILES, MAX_TEXT_CHARACTERS, WebSettings
from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.domain.people import Actor
from bot.core.errors import GuardiaError
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import AuditSink, Clock, Directory
from bot.core.redaction import redact
from bot.core.room_ports import RoomStore, SignInStore
from bot.core.texts import Texts

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class _SignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    person_id: str | None = Field(default=None, max_length=200)
    code: str | None = Field(default=None, max_length=200)


class Door:
    """Everything between the network and a known person."""

    def __init__(
        self,
        settings: WebSettings,
        directory: Directory,
        *,
        rooms: RoomStore,
        audit: AuditSink,
        sign_in: SignInStore | None,
        memory: MessengerMemory,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._rooms = rooms
        self._audit = audit
        self._sign_in = sign_in
        self._texts = texts
        self._clock = clock
        self._sessions = Sessions(settings.secret.get_secret_value(), hours=settings.session_hours)
        self._ended = EndedSessions(memory)
        self._failures = FailureLimit()

    def routes(self) -> list[web.RouteDef]:
        """The session routes, guarded."""
        return [
            web.get("/api/session", self.guard(self._show_session)),
            web.post("/api/session", self.guard(self._open_session)),
            web.delete("/api/session", self.guard(self._end_session)),
            web.get("/api/people", self.guard(self._list_people)),
        ]

    def guard(self, handler: Handler) -> Handler:
        """The handler behind host and origin checks; refusals told; security headers set."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            response: web.StreamResponse
            try:
                if self._settings.sign_in == "cards":
                    check_loopback_host(request)
                if request.method not in ("GET", "HEAD"):
                    check_origin(request, public_origin=self._settings.public_origin)
                response = await handler(request)
            except RequestError as refusal:
                response = refusal_response(refusal, self._texts)
            except GuardiaError as error:
                response = guardia_response(error, self._texts)
            if not response.prepared:
                response.headers.update(SECURITY_HEADERS)
                response.headers.setdefault("Cache-Control", "no-store")
            return response

        return guarded

    async def person(self, request: web.Request) -> Actor | None:
        """Who sends this request; None: nobody that may."""
        token = request.cookies.get(COOKIE, "")
        person_id = self._sessions.person(token, now=self._clock.now())
        if person_id is None or await self._ended.has(token):
            return None
        return await self._directory.person(person_id)

    async def signed_in(self, request: web.Request) -> Actor:
        """As ``person``.

        Raises:
            RequestError: nobody is signed in.
        """
        person = await self.person(request)
        if person is None:
            raise RequestError(HTTPStatus.UNAUTHORIZED, "web_sign_in_required")
        return person

    async def _show_session(self, request: web.Request) -> web.Response:
        person = await self.person(request)
        return web.json_response(self._session_json(person))

    async def _open_session(self, request: web.Request) -> web.Response:
        claim = await read_model(request, _SignIn)
        person_id = await self._claimed_person(claim, request.remote or "")
        person = await self._directory.person(person_id) if person_id else None
        await self._note(person, request.remote or "")
        if person is None:
            raise RequestError(HTTPStatus.UNAUTHORIZED, "web_sign_in_failed")
        response = web.json_response(self._session_json(person))
        response.set_cookie(
            COOKIE,
            self._sessions.issue(person.person_id, now=self._clock.now()),
            max_age=int(self._sessions.lifetime.total_seconds()),
            httponly=True,
            samesite="Strict",
            secure=self._over_tls(request),
            path="/",
        )
        return response

    async def _note(self, person: Actor | None, address: str) -> None:
        """Who came in, or that somebody tried: nobody comes in unrecorded."""
        await self._audit.append(
            AuditEvent(
                kind=AuditKind.SIGN_IN if person else AuditKind.REFUSAL,
                at=self._clock.now(),
                actor=person.person_id if person else "unknown",
                subject="web room",
                detail={"way": self._settings.sign_in, "from": redact(address)},
            )
        )

    async def _end_session(self, request: web.Request) -> web.Response:
        token, now = request.cookies.get(COOKIE, ""), self._clock.now()
        if self._sessions.person(token, now=now):  # nobody fills our memory with what is no session
            await self._ended.end(token, now=now)
        response = web.json_response(self._session_json(None))
        response.del_cookie(
            COOKIE,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._over_tls(request),
        )
        return response

    async def _list_people(self, _request: web.Request) -> web.Response:
        if self._settings.sign_in != "cards":
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        people = [
            person
            for person in await self._directory.people()
            if await self._rooms.rooms(person.person_id)
        ]
        return web.json_response({"people": [person_json(person) for person in people]})

    async def _claimed_person(self, claim: _SignIn, address: str) -> str | None:
        if self._settings.sign_in == "cards":
            return claim.person_id
        now = self._clock.now()
        if self._failures.paused(address, now=now):
            raise RequestError(HTTPStatus.TOO_MANY_REQUESTS, "web_sign_in_paused")
        person_id = None
        if claim.code and self._sign_in is not None:
            person_id = await self._sign_in.redeem(code_digest(claim.code), now=now)
        if person_id is None:
            self._failures.failed(address, now=now)
        return person_id

    def _session_json(self, person: Actor | None) -> Json:
        return {
            "person": person_json(person) if person else None,
            "sign_in": self._settings.sign_in,
            "language": self._texts.language,
            "limits": {
                "text_characters": MAX_TEXT_CHARACTERS,
                "upload_bytes": self._settings.max_upload_bytes,
                "files": MAX_FILES,
            },
        }

    def _over_tls(self, request: web.Request) -> bool:
        origin = self._settings.public_origin or ""
        return request.secure or origin.startswith("https://")
