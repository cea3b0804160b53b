"""Files to and from Slack.

Owns: downloading with the bot's token, and to nobody but Slack; seeing a sign-in page for what it
is; uploading. Must not know what a file is for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.calls import in_our_words
from adapters.slack.inbound import SharedFile, to_file
from adapters.slack.settings import SLACK_HOSTS, SlackSettings
from bot.core.domain.conversation import ConversationRef, ReceivedFile
from bot.core.errors import OperationError, UserError
from bot.core.ports import FileStore

CHUNK_BYTES = 256 * 1024
READ_BYTES = 1 << 20
MAX_UPLOAD_BYTES = 64 << 20  # the client library holds an upload in memory
_SILENCE = aiohttp.ClientTimeout(total=None, connect=10, sock_read=30)
# Links, and Slack's own documents, which come as a page and not as what somebody made.
_NOT_HERE = frozenset({"external", "email", "post", "space", "list", "canvas", "quip", "docs"})
_GONE = frozenset({"tombstone", "hidden_by_limit"})


class SlackFiles:
    """Downloads and uploads of one workspace."""

    def __init__(self, settings: SlackSettings, client: AsyncWebClient, store: FileStore) -> None:
        self._settings = settings
        self._client = client
        self._store = store

    async def download(self, file: SharedFile) -> ReceivedFile:
        """Bring a file into the store.

        Raises:
            UserError: it is not in Slack, too large, gone, or Slack sent something else for it.
            OperationError: Slack could not be reached (``chat_unavailable``).
        """
        if file.unseen:
            file = await self._looked_up(file)
        self._check(file)
        with in_our_words():
            async with (
                aiohttp.ClientSession(timeout=_SILENCE) as session,
                session.get(
                    file.url,
                    headers={"Authorization": f"Bearer {self._client.token}"},
                    # The sign-in page is elsewhere; and the token goes to nobody else.
                    allow_redirects=False,
                    proxy=self._client.proxy,
                ) as answer,
            ):
                _check_answer(answer, file)
                chunks = _whole(answer.content.iter_chunked(CHUNK_BYTES), file)
                return await self._store.receive(file.name, chunks)

    async def upload(self, name: str, content: bytes, *, to: ConversationRef) -> None:
        """Share a file in a thread, or in a direct conversation.

        Raises:
            OperationError: as posting a message.
        """
        with in_our_words():
            await self._client.files_upload_v2(
                filename=name,
                title=name,
                content=content,
                channel=to.channel,
                thread_ts=to.thread,
            )

    async def stored(self, digest: str, size: int) -> bytes:
        """A file of ours, whole.

        Raises:
            OperationError: it is too large to be shared, or not there.
        """
        if size > MAX_UPLOAD_BYTES:
            raise OperationError("slack_refused", reason="file_too_large")
        content = bytearray()
        while piece := await self._store.read(digest, len(content), READ_BYTES):
            content += piece
        return bytes(content)

    async def _looked_up(self, file: SharedFile) -> SharedFile:
        with in_our_words():
            answer = await self._client.files_info(file=file.file_id)
        return to_file(answer["file"])

    def _check(self, file: SharedFile) -> None:
        if file.mode in _GONE:
            raise UserError("slack_file_gone", file=file.name)
        if file.mode in _NOT_HERE or not self._at_slack(file.url):
            raise UserError("slack_file_elsewhere", file=file.name)
        if file.size is not None and file.size > self._settings.max_file_mb << 20:
            raise UserError("file_too_large", file=file.name, limit=self._settings.max_file_mb)

    def _at_slack(self, url: str) -> bool:
        parts = urlsplit(url)
        if self._settings.api_host not in SLACK_HOSTS:
            return parts.scheme == "http" and parts.netloc == self._settings.api_host
        host = parts.hostname or ""
        return parts.scheme == "https" and any(host.endswith(f".{own}") for own in SLACK_HOSTS)


def _check_answer(answer: aiohttp.ClientResponse, file: SharedFile) -> None:
    if answer.status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise UserError("slack_file_gone", file=file.name)
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise UserError("slack_file_page", file=file.name)
    if answer.status != HTTPStatus.OK:
        raise OperationError("chat_unavailable", adapter="slack")
    # Without files:read Slack answers 200 and its sign-in page.
    if answer.content_type == "text/html" and file.media_type != "text/html":
        raise UserError("slack_file_page", file=file.name)


async def _whole(chunks: AsyncIterator[bytes], file: SharedFile) -> AsyncIterator[bytes]:
    """The bytes, if they are as many as Slack has said: no half file, no page instead of one."""
    seen = 0
    async for chunk in chunks:
        seen += len(chunk)
        if file.size is not None and seen > file.size:
            break
        yield chunk
    if file.size is not None and seen != file.size:
        raise UserError("slack_file_cut", file=file.name)
