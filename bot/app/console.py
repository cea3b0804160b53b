"""Our own pages put together: jobs, accounts, and what stands behind messengers' links.

Owns: which pages this bot serves beside the web room. Knows no page's content.
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from adapters.web.adapter import WebAdapter
from bot.app.invitations import Invitations
from bot.app.web.act import Approve
from bot.app.web.checks import CheckPages
from bot.app.web.identity import IdentityPages
from bot.app.web.link_pages import LinkPages, LinkParts
from bot.app.web.links import SignedLinks
from bot.app.web.pages import ConsolePages
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import Receiver
from bot.engine.commands import Commands
from bot.engine.services import Services


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Every page of ours. ``behind_links``: None where nobody has said how browsers reach us."""

    jobs: ConsolePages
    account: IdentityPages
    checks: CheckPages
    behind_links: LinkPages | None

    def attach(self, app: web.Application, receive: Receiver, approve: Approve) -> None:
        """Add every route; what people press and drop goes to ``receive``, what they approve with
        a code to ``approve``."""
        self.jobs.attach(app)
        self.account.attach(app)
        self.checks.attach(app)
        if self.behind_links is not None:
            self.behind_links.attach(app, receive, approve)


def open_console(
    room: WebAdapter,
    services: Services,
    *,
    links: SignedLinks | None,
    memory: MessengerMemory,
    max_upload_bytes: int,
) -> Console:
    """The pages, behind the room's door."""
    stores, clock = services.stores, services.clock
    jobs = ConsolePages(
        door=room.door,
        jobs=stores.jobs,
        deployments=stores.deployments,
        directory=services.directory,
        outputs=stores.outputs,
        texts=services.texts,
        clock=clock,
    )
    account = IdentityPages(
        jobs.frame, stores.identities, audit=stores.audit, clock=clock, codes=links is not None
    )
    checks = CheckPages(jobs.frame, room, Commands(services), inventory=services.inventory)
    if links is None:
        return Console(jobs=jobs, account=account, checks=checks, behind_links=None)
    parts = LinkParts(
        links=links,
        memory=memory,
        jobs=stores.jobs,
        history=stores.history,
        directory=services.directory,
        inventory=services.inventory,
        files=stores.files,
        codes=stores.codes,
        invitations=Invitations(memory, clock) if room.proves_people else None,
        audit=stores.audit,
        clock=clock,
        max_bytes=max_upload_bytes,
    )
    behind_links = LinkPages(jobs.frame, parts)
    return Console(jobs=jobs, account=account, checks=checks, behind_links=behind_links)
