"""Handing out a file that the bot has made.

Owns: streaming it from the file store, and that no browser ever opens it as a page of ours: only
what is a picture by its own first bytes is called one. Who may have it is the caller's.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import AsyncIterator

from aiohttp import web

from adapters.web.gate import SECURITY_HEADERS
from bot.core.ports import FileStore

_PIECE = 256 * 1024
_BYTES, _PNG = "application/octet-stream", "image/png"
_PNG_BEGINS = b"\x89PNG\r\n\x1a\n"


async def send_download(
    request: web.Request, files: FileStore, *, digest: str, name: str
) -> web.StreamResponse:
    """The stored file under its name, to be saved.

    Raises:
        OperationError: it is not there any more (``file_missing``).
    """
    begins = await files.read(digest, 0, len(_PNG_BEGINS))
    kind = _PNG if begins == _PNG_BEGINS else _BYTES
    return await send_pieces(request, _stored(files, digest), name=name, content_type=kind)


async def send_pieces(
    request: web.Request, pieces: AsyncIterator[bytes], *, name: str, content_type: str = _BYTES
) -> web.StreamResponse:
    """Pieces as one file of that name, to be saved."""
    response = web.StreamResponse(headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})
    response.content_type = content_type
    quoted = urllib.parse.quote(name, safe="")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quoted}"
    await response.prepare(request)
    async for piece in pieces:
        await response.write(piece)
    await response.write_eof()
    return response


async def _stored(files: FileStore, digest: str) -> AsyncIterator[bytes]:
    offset = 0
    while piece := await files.read(digest, offset, _PIECE):
        yield piece
        offset += len(piece)
