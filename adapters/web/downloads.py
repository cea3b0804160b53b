"""Handing out a file that the bot has made.

Owns: streaming it from the file store, and that no browser ever opens it as a page of ours: only
what is a picture by its own first bytes is called one. Who may have it is the caller's.
"""

from __future__ import annotations

import urllib.parse

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
    piece = await files.read(digest, 0, _PIECE)
    response = web.StreamResponse(headers={**SECURITY_HEADERS, "Cache-Control": "no-store"})
    response.content_type = _PNG if piece.startswith(_PNG_BEGINS) else _BYTES
    quoted = urllib.parse.quote(name, safe="")
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quoted}"
    await response.prepare(request)
    offset = 0
    while piece:
        await response.write(piece)
        offset += len(piece)
        piece = await files.read(digest, offset, _PIECE)
    await response.write_eof()
    return response
