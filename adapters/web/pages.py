"""The page's own files and its sentences, from the package.

Owns: serving ``static/`` and the page's part of the catalogue. Knows no room and no person.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources

from aiohttp import web

from adapters.web.gate import RequestError
from bot.core.texts import LANGUAGES, Texts, load_texts

PAGE_KEYS = "web."
PLACEHOLDERS = ("count", "label", "limit", "name", "size", "time", "done", "total")
_TYPES = {
    "html": "text/html",
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    content: bytes
    content_type: str
    etag: str


class Pages:
    """Everything that is the same for everybody, read once."""

    def __init__(self, texts: Texts) -> None:
        self._assets = _load_assets()
        self._language = texts.language
        self._texts = {name: _page_texts(load_texts(name)) for name in LANGUAGES}

    async def page(self, request: web.Request) -> web.Response:
        """GET /"""
        return self._asset(request, "index.html")

    async def asset(self, request: web.Request) -> web.Response:
        """GET /static/{name}"""
        return self._asset(request, request.match_info["name"])

    async def texts(self, request: web.Request) -> web.Response:
        """GET /api/texts?lang="""
        language = request.query.get("lang", self._language)
        if language not in self._texts:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return web.json_response({"language": language, "texts": self._texts[language]})

    def _asset(self, request: web.Request, name: str) -> web.Response:
        asset = self._assets.get(name)
        if asset is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == asset.etag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(
            body=asset.content, content_type=asset.content_type, charset="utf-8", headers=headers
        )


def _load_assets() -> dict[str, Asset]:
    assets: dict[str, Asset] = {}
    for file in resources.files("adapters.web").joinpath("static").iterdir():
        suffix = file.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = file.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            assets[file.name] = Asset(content, _TYPES[suffix], etag)
    return assets


def _page_texts(texts: Texts) -> dict[str, str]:
    # The page fills the placeholders itself: each one stands for itself here.
    unfilled = {name: f"{{{name}}}" for name in PLACEHOLDERS}
    return {
        key.removeprefix(PAGE_KEYS): texts.say(key, **unfilled)
        for key in sorted(texts.keys())
        if key.startswith(PAGE_KEYS)
    }
