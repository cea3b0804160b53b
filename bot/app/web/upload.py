"""The page where files are dropped for a conversation whose messenger takes none.

Owns: taking the files and a text, and handing them on as a mention of the person who signed in.
Knows no messenger.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from aiohttp import web

from adapters.web.gate import RequestError
from adapters.web.inbound import external
from adapters.web.settings import MAX_FILES, MAX_TEXT_CHARACTERS
from adapters.web.uploads import receive_uploads
from bot.app.web.act import TOKEN
from bot.app.web.frame import Frame
from bot.app.web.links import UPLOAD, SignedLinks
from bot.core.domain.conversation import ConversationRef, Mention
from bot.core.domain.people import Actor
from bot.core.inbound_text import clean_text
from bot.core.ports import Clock, FileStore, Inventory, Receiver
from bot.core.texts import Texts


class UploadPage:
    """GET shows the form, POST takes what was dropped."""

    def __init__(
        self,
        frame: Frame,
        links: SignedLinks,
        *,
        files: FileStore,
        inventory: Inventory,
        clock: Clock,
        max_bytes: int,
    ) -> None:
        self._frame = frame
        self._links = links
        self._files = files
        self._inventory = inventory
        self._clock = clock
        self._max_bytes = max_bytes

    def attach(self, app: web.Application, receive: Receiver) -> None:
        """Add its routes; what is dropped goes to ``receive``."""

        async def take(request: web.Request, texts: Texts) -> web.StreamResponse:
            return await self._take(request, texts, receive)

        app.add_routes(
            [
                web.get(f"/{UPLOAD}/{TOKEN}", self._frame.guarded(self._show)),
                web.post(f"/{UPLOAD}/{TOKEN}", self._frame.guarded(take)),
            ]
        )

    async def _show(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person, conversation = await self._opened(request)
        # The form carries its own name: sent twice, it is one mention.
        form = self._links.form(
            request.match_info["token"], person.person_id, nonce=secrets.token_hex(12)
        )
        return self._frame.render(
            request,
            "upload.html",
            texts,
            person=person,
            form=form,
            place=conversation.channel,
            limit_mb=max(1, self._max_bytes >> 20),
            limit_files=MAX_FILES,
        )

    async def _take(
        self, request: web.Request, texts: Texts, receive: Receiver
    ) -> web.StreamResponse:
        person, conversation = await self._opened(request)
        if request.content_type != "multipart/form-data":
            raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="file")
        fields: dict[str, str] = {}
        received = await receive_uploads(
            request, self._files, max_bytes=self._max_bytes, fields=fields
        )
        nonce = self._links.sent_by(
            fields.get("form", ""), request.match_info["token"], person.person_id
        )
        if nonce is None:
            raise RequestError(HTTPStatus.FORBIDDEN, "web_origin_refused")
        text = clean_text(fields.get("text", ""))
        if len(text) > MAX_TEXT_CHARACTERS:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "web_text_too_long", limit=MAX_TEXT_CHARACTERS
            )
        await receive(
            Mention(
                event_id=f"{UPLOAD}:{nonce}",
                sender=external(person.person_id),
                conversation=conversation,
                text=text,
                files=tuple(received),
                at=self._clock.now(),
            )
        )
        names = ", ".join(file.name for file in received)
        return self._frame.render(
            request,
            "done.html",
            texts,
            title=texts.say("links.uploaded", names=names),
            told=texts.say("links.answer_in_room"),
            job="",
        )

    async def _opened(self, request: web.Request) -> tuple[Actor, ConversationRef]:
        person = await self._frame.signed_in(request)
        conversation = self._links.dropped(request.match_info["token"])
        if conversation is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "link_unknown")
        system = await self._inventory.system_of(conversation)
        if system is not None and not person.may_see(system.institution):
            raise RequestError(HTTPStatus.NOT_FOUND, "link_unknown")
        return person, conversation
