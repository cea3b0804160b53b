"""Taking dropped files off a request and into the file store, as a stream.

Owns: the two forms of an upload (raw body, multipart) and the size limit on the way in. Never
holds a file in memory, never makes a path of a name.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import AsyncIterator
from http import HTTPStatus

from aiohttp import BodyPartReader, web

from adapters.web.gate import RequestError
from adapters.web.settings import MAX_FILES, MAX_JSON_BYTES, MAX_TEXT_CHARACTERS
from bot.core.domain.conversation import ReceivedFile
from bot.core.errors import UserError
from bot.core.inbound_text import clean_name
from bot.core.ports import FileStore

CHUNK_BYTES = 256 * 1024


async def receive_uploads(
    request: web.Request,
    files: FileStore,
    *,
    max_bytes: int,
    fields: dict[str, str] | None = None,
) -> list[ReceivedFile]:
    """Every file of the request, stored.

    Args:
        fields: filled with the form's other values, where there is a form.

    Raises:
        UserError: too large, or what the store says of it.
        RequestError: there is no file in the request.
    """
    if (request.content_length or 0) > max_bytes + 64 * 1024:  # multipart has some words around it
        raise _too_large(max_bytes)
    if request.content_type == "multipart/form-data":
        received = await _parts(request, files, max_bytes, fields)
    else:
        name = clean_name(request.query.get("name") or _header_name(request) or "file")
        chunks = _bounded(request.content.iter_chunked(CHUNK_BYTES), max_bytes)
        received = [await files.receive(name, chunks)]
    if not received:
        raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="file")
    return received


async def _parts(
    request: web.Request, files: FileStore, max_bytes: int, fields: dict[str, str] | None
) -> list[ReceivedFile]:
    try:
        reader = await request.multipart()
        received: list[ReceivedFile] = []
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.filename:
                if len(received) == MAX_FILES:
                    raise RequestError(
                        HTTPStatus.BAD_REQUEST, "web_too_many_files", limit=MAX_FILES
                    )
                chunks = _bounded(_part_chunks(part), max_bytes)
                received.append(await files.receive(clean_name(part.filename), chunks))
            elif isinstance(part, BodyPartReader) and fields is not None and part.name:
                fields[part.name] = await _field(part)
    except ValueError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="multipart") from error
    return received


async def _field(part: BodyPartReader) -> str:
    value = b""
    while chunk := await part.read_chunk(CHUNK_BYTES):
        value += chunk
        if len(value) > MAX_JSON_BYTES:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "web_text_too_long", limit=MAX_TEXT_CHARACTERS
            )
    return value.decode()


async def _part_chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(CHUNK_BYTES):
        yield bytes(chunk)


async def _bounded(chunks: AsyncIterator[bytes], max_bytes: int) -> AsyncIterator[bytes]:
    seen = 0
    async for chunk in chunks:
        seen += len(chunk)
        if seen > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _header_name(request: web.Request) -> str:
    return urllib.parse.unquote(request.headers.get("X-File-Name", ""))


def _too_large(max_bytes: int) -> UserError:
    return UserError("upload_too_large", limit_mb=max(1, max_bytes // (1024 * 1024)))
