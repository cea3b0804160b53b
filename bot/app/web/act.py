"""The page behind a link that stands in for a button.

Owns: showing what pressing would do, and pressing it once for each person who signs in. Opening
the page does nothing, whoever or whatever opens it. Judges nobody: the press is an inbound value
like any other, and the engine says who may.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web

from adapters.web.gate import RequestError
from adapters.web.inbound import external
from bot.app.web.frame import Frame
from bot.app.web.links import ACT, Pressed, SignedLinks
from bot.core.cards import plan_card
from bot.core.domain.conversation import Click
from bot.core.domain.people import Actor
from bot.core.domain.report import ButtonStyle, Report
from bot.core.messenger_ports import MessengerMemory
from bot.core.policy import eligible
from bot.core.ports import Clock, Directory, JobStore, Receiver
from bot.core.texts import Texts

CONSOLE = "console"  # whose the spent links are in the messengers' memory
TOKEN = r"{token:[A-Za-z0-9_.-]{1,4096}}"  # noqa: S105 - a pattern of addresses, no secret
_ON_JOBS = frozenset({"approve", "approve_at", "reject", "cancel"})
_GRACE = timedelta(seconds=30)  # after which a press that never ended may be made again


@dataclass(frozen=True, slots=True, kw_only=True)
class Presses:
    """Which links have been pressed by whom, over all replicas."""

    memory: MessengerMemory
    clock: Clock

    async def once(self, key: str, press: Callable[[], Awaitable[None]]) -> bool:
        """Press, unless it has been pressed. False: it has.

        The press itself must be able to bear a repetition: where this process ends between
        pressing and remembering, the next attempt presses again.
        """
        mine = secrets.token_hex(8)
        if not await self._claim(key, mine):
            return False
        state = "open"  # whatever ends the press: the person must be able to try again
        try:
            await press()
            state = "done"
        finally:
            await self._remember(key, mine, state)
        return True

    async def spent(self, key: str) -> bool:
        """Whether it has been pressed."""
        kept = await self.memory.recall(CONSOLE, key)
        return kept is not None and kept.get("state") == "done"

    async def _claim(self, key: str, mine: str) -> bool:
        now = self.clock.now()
        kept = await self.memory.keep(CONSOLE, key, _claim(mine, "claimed", now), at=now)
        if kept.get("by") == mine:
            return True
        if kept.get("state") == "done":
            return False
        left = kept.get("state") == "open"
        if left or now - datetime.fromisoformat(str(kept["at"])) > _GRACE:
            await self._remember(key, mine, "claimed")
            return True
        return False

    async def _remember(self, key: str, mine: str, state: str) -> None:
        now = self.clock.now()
        await self.memory.replace(CONSOLE, key, _claim(mine, state, now), at=now)


def _claim(mine: str, state: str, at: datetime) -> dict[str, object]:
    return {"by": mine, "state": state, "at": at.isoformat()}


class ActPage:
    """GET shows, POST presses."""

    def __init__(
        self,
        frame: Frame,
        links: SignedLinks,
        presses: Presses,
        *,
        jobs: JobStore,
        directory: Directory,
    ) -> None:
        self._frame = frame
        self._links = links
        self._presses = presses
        self._jobs = jobs
        self._directory = directory
        self._clock = presses.clock

    def attach(self, app: web.Application, receive: Receiver) -> None:
        """Add its routes; presses go to ``receive``."""

        async def press(request: web.Request, texts: Texts) -> web.StreamResponse:
            return await self._press(request, texts, receive)

        app.add_routes(
            [
                web.get(f"/{ACT}/{TOKEN}", self._frame.guarded(self._show)),
                web.post(f"/{ACT}/{TOKEN}", self._frame.guarded(press)),
            ]
        )

    # --- what would be done ------------------------------------------------------------------

    async def _show(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person, pressed, token = await self._opened(request)
        if await self._presses.spent(_key(pressed, person)):
            raise RequestError(HTTPStatus.GONE, "link_used")
        return self._frame.render(
            request,
            "act.html",
            texts,
            pressed=pressed,
            report=await self._report(pressed, person, texts),
            said=pressed.button.value,
            danger=pressed.button.button in ("reject", "cancel")
            or pressed.button.style is ButtonStyle.DANGER,
            person=person,
            form=self._links.form(token, person.person_id),
        )

    async def _report(self, pressed: Pressed, person: Actor, texts: Texts) -> Report | None:
        """The plan that the button is about, as it stands now; None: it is about no plan."""
        if pressed.button.button not in _ON_JOBS:
            return None
        job = await self._jobs.load(pressed.button.value.partition(":")[0])
        if job is None or not person.may_see(job.plan.institution):
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        people = await self._directory.people()
        now = self._clock.now()
        return plan_card(job, approvers=eligible(job, people), texts=texts, now=now)

    # --- doing it ----------------------------------------------------------------------------

    async def _press(
        self, request: web.Request, texts: Texts, receive: Receiver
    ) -> web.StreamResponse:
        person, pressed, token = await self._opened(request)
        form = await request.post()
        if self._links.sent_by(str(form.get("form", "")), token, person.person_id) is None:
            raise RequestError(HTTPStatus.FORBIDDEN, "web_origin_refused")
        await self._report(pressed, person, texts)  # only what this person may see is pressed
        click = Click(
            event_id=f"{ACT}:{pressed.mark}:{person.person_id}",
            sender=external(person.person_id),
            conversation=pressed.message,
            button=pressed.button.button,
            value=pressed.button.value,
            at=self._clock.now(),
        )
        if not await self._presses.once(_key(pressed, person), lambda: receive(click)):
            raise RequestError(HTTPStatus.CONFLICT, "link_used")
        return self._frame.render(
            request,
            "done.html",
            texts,
            title=texts.say("links.pressed", label=pressed.button.label),
            told=texts.say("links.answer_in_room"),
            job=self._job_of(pressed),
        )

    async def _opened(self, request: web.Request) -> tuple[Actor, Pressed, str]:
        """Who, which button, which address."""
        person = await self._frame.signed_in(request)
        token = request.match_info["token"]
        pressed = self._links.pressed(token)
        if pressed is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "link_unknown")
        return person, pressed, token

    @staticmethod
    def _job_of(pressed: Pressed) -> str:
        of_job = pressed.button.button in _ON_JOBS
        return pressed.button.value.partition(":")[0] if of_job else ""


def _key(pressed: Pressed, person: Actor) -> str:
    # By person: two approvers of one card press the same link, and nobody can use it up for them.
    return f"spent:{pressed.mark}:{person.person_id}"
