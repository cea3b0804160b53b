"""What all our own pages have in common: the door, the language, and refusals in words.

Owns: rendering a template in the reader's language, and answering whoever may not see a page.
Knows no page by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

import aiohttp_jinja2
from aiohttp import web

from adapters.web.door import Door
from adapters.web.gate import RequestError
from bot.core.domain.people import Actor
from bot.core.errors import GuardiaError, OperationError
from bot.core.texts import LANGUAGES, Texts, load_texts

_COMPRESSED_FROM = 8 * 1024  # bytes
Handler = Callable[[web.Request, Texts], Awaitable[web.StreamResponse]]


class Frame:
    """Around every page. ``aiohttp_jinja2`` is set up by the console's own pages."""

    def __init__(self, door: Door, texts: Texts) -> None:
        self._door = door
        self._language = texts.language
        self._texts = {name: load_texts(name) for name in LANGUAGES}

    async def signed_in(self, request: web.Request) -> Actor:
        """Who reads the page.

        Raises:
            RequestError: nobody is signed in.
        """
        return await self._door.signed_in(request)

    def guarded(self, handler: Handler) -> Callable[..., Awaitable[web.StreamResponse]]:
        """As the door's guard, with refusals that people can read."""

        async def told(request: web.Request) -> web.StreamResponse:
            texts = self._texts[self._language_of(request)]
            try:
                return await handler(request, texts)
            except RequestError as refusal:
                return self._refused(request, texts, refusal.error, refusal.status)
            except GuardiaError as error:
                beyond_reach = isinstance(error, OperationError)
                status = HTTPStatus.SERVICE_UNAVAILABLE if beyond_reach else HTTPStatus.BAD_REQUEST
                return self._refused(request, texts, error, status)

        return self._door.guard(told)

    def render(
        self, request: web.Request, template: str, texts: Texts, **values: object
    ) -> web.Response:
        """The template, filled, in that language."""
        context = {"say": texts.say, "language": texts.language, **values}
        body = aiohttp_jinja2.render_string(template, request, context)
        response = web.Response(text=body, content_type="text/html", charset="utf-8")
        if len(body) > _COMPRESSED_FROM:
            response.enable_compression()
        return response

    def _refused(
        self, request: web.Request, texts: Texts, error: GuardiaError, status: HTTPStatus
    ) -> web.StreamResponse:
        if request.path.endswith("/live"):
            return web.Response(headers={"HX-Refresh": "true"})
        summary, hint = texts.explain(error)
        response = self.render(
            request,
            "message.html",
            texts,
            summary=summary,
            hint=hint,
            sign_in=request.path if status is HTTPStatus.UNAUTHORIZED else "",
        )
        response.set_status(status)
        return response

    def _language_of(self, request: web.Request) -> str:
        """What was chosen on the page, else what the browser prefers, else the bot's own."""
        chosen = request.query.get("lang", "")
        if chosen in LANGUAGES:
            return chosen
        for wish in request.headers.get("Accept-Language", "").split(","):
            language = wish.split(";")[0].strip().lower()[:2]
            if language in LANGUAGES:
                return language
        return self._language
