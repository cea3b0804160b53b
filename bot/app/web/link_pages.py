"""The pages behind the links that messengers without buttons or files are given.

Owns: which pages there are, and what they are made of.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from bot.app.invitations import Invitations
from bot.app.web.act import ActPage, Approve, Presses
from bot.app.web.code_pages import CodePages
from bot.app.web.download import DownloadPage
from bot.app.web.frame import Frame
from bot.app.web.links import SignedLinks
from bot.app.web.upload import UploadPage
from bot.core.check_ports import OneTimeCodes
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import (
    AuditSink,
    Clock,
    Directory,
    FileStore,
    HistoryStore,
    Inventory,
    JobStore,
    Receiver,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkParts:
    """What the pages look at."""

    links: SignedLinks
    memory: MessengerMemory
    jobs: JobStore
    history: HistoryStore
    directory: Directory
    inventory: Inventory
    files: FileStore
    codes: OneTimeCodes
    invitations: Invitations | None
    audit: AuditSink
    clock: Clock
    max_bytes: int


class LinkPages:
    """Act, upload, download, and the account's one-time codes."""

    def __init__(self, frame: Frame, parts: LinkParts) -> None:
        presses = Presses(memory=parts.memory, clock=parts.clock)
        self._act = ActPage(
            frame,
            parts.links,
            presses,
            jobs=parts.jobs,
            directory=parts.directory,
            codes=parts.codes,
        )
        self._codes = CodePages(
            frame,
            parts.links,
            parts.codes,
            invitations=parts.invitations,
            audit=parts.audit,
            clock=parts.clock,
        )
        self._upload = UploadPage(
            frame,
            parts.links,
            files=parts.files,
            inventory=parts.inventory,
            clock=parts.clock,
            max_bytes=parts.max_bytes,
        )
        self._download = DownloadPage(
            frame,
            parts.links,
            files=parts.files,
            inventory=parts.inventory,
            history=parts.history,
        )

    def attach(self, app: web.Application, receive: Receiver, approve: Approve) -> None:
        """Add every route; what people press and drop goes to ``receive``, what they approve with
        a code to ``approve``."""
        self._act.attach(app, receive, approve)
        self._codes.attach(app)
        self._upload.attach(app, receive)
        self._download.attach(app)
