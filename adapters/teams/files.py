"""Files between personal chats and the file store.

Owns: fetching what a person dropped and sending what they have agreed to take, both only from and
to allowed hosts and without the bot's token: these addresses carry their own leave.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import aiohttp

from adapters.teams.inbound import OfferedFile
from adapters.teams.settings import TeamsSettings
from bot.core.domain.conversation import ReceivedFile
from bot.core.errors import OperationError, UserError
from bot.core.ports import FileStore

CHUNK_BYTES = 256 * 1024
# Upload sessions take pieces of a multiple of 320 KiB, below 60 MiB.
PIECE_BYTES = 16 * 320 * 1024
TRANSFER = aiohttp.ClientTimeout(total=600, connect=10, sock_read=30)


class TeamsFiles:
    """Fetching and sending.

    Args:
        session: gives the HTTP client; asked only once the loop runs.
    """

    def __init__(
        self,
        settings: TeamsSettings,
        files: FileStore,
        session: Callable[[], aiohttp.ClientSession],
    ) -> None:
        self._settings = settings
        self._files = files
        self._session = session

    async def fetch(self, file: OfferedFile) -> ReceivedFile:
        """Stream it into the store.

        Raises:
            UserError: from elsewhere (``teams_file_host``), gone or no file
                (``teams_file_gone``), or what the store says of it.
        """
        if not self._settings.trusts_file_host(file.url):
            raise UserError("teams_file_host", name=file.name)
        try:
            async with self._session().get(
                file.url, allow_redirects=False, timeout=TRANSFER
            ) as response:
                if response.status != 200 or response.content_type == "text/html":
                    raise UserError("teams_file_gone", name=file.name)
                chunks = self._bounded(response, file.name)
                return await self._files.receive(file.name, chunks)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UserError("teams_file_gone", name=file.name) from error

    async def send(self, digest: str, size: int, url: str) -> None:
        """Stream it out of the store.

        Raises:
            OperationError: to elsewhere (``teams_upload_host``), or it was not taken
                (``teams_upload_failed``).
        """
        if not self._settings.trusts_file_host(url):
            raise OperationError("teams_upload_host")
        try:
            for offset in range(0, size, PIECE_BYTES):
                piece = await self._files.read(digest, offset, PIECE_BYTES)
                await self._put(url, piece, offset=offset, size=size)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise OperationError("teams_upload_failed") from error

    async def _put(self, url: str, piece: bytes, *, offset: int, size: int) -> None:
        headers = {"Content-Range": f"bytes {offset}-{offset + len(piece) - 1}/{size}"}
        async with self._session().put(
            url, data=piece, headers=headers, allow_redirects=False, timeout=TRANSFER
        ) as response:
            if response.status not in (200, 201, 202):
                raise OperationError("teams_upload_failed")

    async def _bounded(self, response: aiohttp.ClientResponse, name: str) -> AsyncIterator[bytes]:
        limit, seen = self._settings.max_file_mb * 1024 * 1024, 0
        async for chunk in response.content.iter_chunked(CHUNK_BYTES):
            seen += len(chunk)
            if seen > limit:
                raise UserError("file_too_large", file=name, limit=self._settings.max_file_mb)
            yield chunk
