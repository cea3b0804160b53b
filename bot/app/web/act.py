"""The page behind a link that stands in for a button.

Owns: showing what pressing would do, and pressing it once for each person who signs in. Opening
the page does nothing, whoever or whatever opens it. Judges nobody: the press is an inbound value
like any other, and the engine says who may. A yes that takes a one-time code goes to the engine
with the code that was entered here.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from aiohttp import web

from adapters.web.gate import RequestError
from adapters.web.inbound import external
from bot.app.web.frame import Frame
from bot.app.web.links import ACT, Pressed, SignedLinks
from bot.core.cards import plan_card
from bot.core.check_ports import OneTimeCodes
from bot.core.domain.conversation import Click
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.core.domain.report import ButtonStyle, Report
from bot.core.errors import UserError
from bot.core.messenger_ports import MessengerMemory
from bot.core.policy import eligible, needs_code
from bot.core.ports import Clock, Directory, JobStore, Receiver
from bot.core.texts import Texts
from bot.engine.code_desk import APPROVING, PAGE, REFUSED

CONSOLE = "console"  # whose the spent links are in the messengers' memory
TOKEN = r"{token:[A-Za-z0-9_.-]{1,4096}}"  # noqa: S105 - a pattern of addresses, no secret
_ON_JOBS = frozenset({"approve", "approve_at", "reject", "cancel"})
_GRACE = timedelta(seconds=30)  # after which a press that never ended may be made again
_ASK_AGAIN = frozenset(REFUSED.values())
Approve = Callable[[Click, str], Awaitable[None]]  # with a code; raises why it does not count


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """Who has opened which address. ``job``: the one that its button is about; ``coded``: the
    button is a yes that takes a one-time code."""

    person: Actor
    pressed: Pressed
    token: str
    job: Job | None

    @property
    def coded(self) -> bool:
        approving = self.pressed.button.button in APPROVING
        return approving and self.job is not None and needs_code(self.job.plan)

    @property
    def key(self) -> str:
        # By person: two approvers of one card press the same link, and nobody can use it up for
        # them.
        return f"spent:{self.pressed.mark}:{self.person.person_id}"


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
        codes: OneTimeCodes,
    ) -> None:
        self._frame = frame
        self._links = links
        self._presses = presses
        self._jobs = jobs
        self._directory = directory
        self._codes = codes
        self._clock = presses.clock

    def attach(self, app: web.Application, receive: Receiver, approve: Approve) -> None:
        """Add its routes; presses go to ``receive``, those with a code to ``approve``."""

        async def press(request: web.Request, texts: Texts) -> web.StreamResponse:
            opened, form = await self._sent(request)
            if opened.coded:
                code = str(form.get("code", ""))
                return await self._approve(request, texts, opened, lambda c: approve(c, code))
            return await self._press(request, texts, opened, receive)

        app.add_routes(
            [
                web.get(f"/{ACT}/{TOKEN}", self._frame.guarded(self._show)),
                web.post(f"/{ACT}/{TOKEN}", self._frame.guarded(press)),
            ]
        )

    # --- what would be done ------------------------------------------------------------------

    async def _show(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        opened = await self._opened(request)
        if await self._presses.spent(opened.key):
            raise RequestError(HTTPStatus.GONE, "link_used")
        return await self._page(request, texts, opened)

    async def _page(
        self,
        request: web.Request,
        texts: Texts,
        opened: _Opened,
        told: tuple[str, str] | None = None,
    ) -> web.Response:
        person, button = opened.person, opened.pressed.button
        return self._frame.render(
            request,
            "act.html",
            texts,
            pressed=opened.pressed,
            report=await self._report(opened.job, texts),
            said=button.value,
            danger=button.button in ("reject", "cancel") or button.style is ButtonStyle.DANGER,
            person=person,
            form=self._links.form(opened.token, person.person_id),
            coded=opened.coded,
            enrolled=opened.coded and await self._codes.enrolled(person.person_id),
            enrol=PAGE,
            digest=opened.job.plan.digest if opened.job else "",
            told=told,
        )

    async def _report(self, job: Job | None, texts: Texts) -> Report | None:
        """The plan that the button is about, as it stands now; None: it is about no plan."""
        if job is None:
            return None
        people = await self._directory.people()
        return plan_card(job, approvers=eligible(job, people), texts=texts, now=self._clock.now())

    # --- doing it ----------------------------------------------------------------------------

    async def _press(
        self, request: web.Request, texts: Texts, opened: _Opened, receive: Receiver
    ) -> web.StreamResponse:
        click = self._click(opened)
        if not await self._presses.once(opened.key, lambda: receive(click)):
            raise RequestError(HTTPStatus.CONFLICT, "link_used")
        return self._done(
            request,
            texts,
            opened,
            title=texts.say("links.pressed", label=opened.pressed.button.label),
            told=texts.say("links.answer_in_room"),
        )

    async def _approve(
        self,
        request: web.Request,
        texts: Texts,
        opened: _Opened,
        approve: Callable[[Click], Awaitable[None]],
    ) -> web.StreamResponse:
        """At once: whoever enters a code is told here whether it counts."""
        click = self._click(opened)
        try:
            if not await self._presses.once(opened.key, lambda: approve(click)):
                raise RequestError(HTTPStatus.CONFLICT, "link_used")
        except UserError as error:
            if error.code not in _ASK_AGAIN:
                raise
            response = await self._page(request, texts, opened, texts.explain(error))
            response.set_status(HTTPStatus.FORBIDDEN)
            return response
        plan = texts.note(opened.job.plan.title) if opened.job else ""
        return self._done(
            request,
            texts,
            opened,
            title=texts.say("codes.approved", plan=plan),
            told=texts.say("codes.approved_next"),
        )

    def _click(self, opened: _Opened) -> Click:
        pressed, person = opened.pressed, opened.person
        return Click(
            event_id=f"{ACT}:{pressed.mark}:{person.person_id}",
            sender=external(person.person_id),
            conversation=pressed.message,
            button=pressed.button.button,
            value=pressed.button.value,
            at=self._clock.now(),
        )

    def _done(
        self, request: web.Request, texts: Texts, opened: _Opened, **said: str
    ) -> web.StreamResponse:
        job = opened.job.job_id if opened.job else ""
        return self._frame.render(request, "done.html", texts, job=job, **said)

    # --- who has opened what -----------------------------------------------------------------

    async def _sent(self, request: web.Request) -> tuple[_Opened, Mapping[str, object]]:
        """What was sent, after it has been seen to be our own page's form of this person."""
        opened = await self._opened(request)
        form = await request.post()
        given = str(form.get("form", ""))
        if self._links.sent_by(given, opened.token, opened.person.person_id) is None:
            raise RequestError(HTTPStatus.FORBIDDEN, "web_origin_refused")
        return opened, form

    async def _opened(self, request: web.Request) -> _Opened:
        person = await self._frame.signed_in(request)
        token = request.match_info["token"]
        pressed = self._links.pressed(token)
        if pressed is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "link_unknown")
        job = await self._job(pressed, person)
        return _Opened(person=person, pressed=pressed, token=token, job=job)

    async def _job(self, pressed: Pressed, person: Actor) -> Job | None:
        """The job that the button is about; only what this person may see is shown or pressed."""
        if pressed.button.button not in _ON_JOBS:
            return None
        job = await self._jobs.load(pressed.button.value.partition(":")[0])
        if job is None or not person.may_see(job.plan.institution):
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return job
