"""A file that the bot has made, for people whose messenger shows none.

Owns: who may fetch it. The address says which file of which conversation; whoever may not see the
institution that the conversation is about gets the same answer as for no file at all.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from adapters.web.downloads import send_download
from adapters.web.gate import RequestError
from bot.app.web.act import TOKEN
from bot.app.web.frame import Frame
from bot.app.web.links import FILE, SignedLinks
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.people import Actor
from bot.core.ports import FileStore, HistoryStore, Inventory
from bot.core.texts import Texts


class DownloadPage:
    """GET sends the file."""

    def __init__(
        self,
        frame: Frame,
        links: SignedLinks,
        *,
        files: FileStore,
        inventory: Inventory,
        history: HistoryStore,
    ) -> None:
        self._frame = frame
        self._links = links
        self._files = files
        self._inventory = inventory
        self._history = history

    def attach(self, app: web.Application) -> None:
        """Add its route."""
        app.router.add_get(f"/{FILE}/{TOKEN}", self._frame.guarded(self._send))

    async def _send(self, request: web.Request, _texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        fetched = self._links.fetched(request.match_info["token"])
        if fetched is None or not await self._may_fetch(person, fetched.conversation):
            raise RequestError(HTTPStatus.NOT_FOUND, "link_unknown")
        return await send_download(request, self._files, digest=fetched.digest, name=fetched.name)

    async def _may_fetch(self, person: Actor, conversation: ConversationRef) -> bool:
        """By the institution that the channel, or else its latest job, is about. Where neither
        says one, only those who see everything."""
        if person.all_institutions:
            return True
        system = await self._inventory.system_of(conversation)
        if system is not None:
            return person.may_see(system.institution)
        job = await self._history.latest_job(conversation)
        return job is not None and person.may_see(job.plan.institution)
