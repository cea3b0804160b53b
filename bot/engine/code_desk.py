"""Where a yes to something dangerous is proved with a one-time code.

Owns: taking a code, and telling whoever pressed a button instead where the code is entered. Judges
neither plans nor rights: it is asked last, so that no code is used up in vain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.core.cards import moment, read_stamp, refusal_report
from bot.core.check_ports import CodeVerdict
from bot.core.degradation import ACTION_LIFE
from bot.core.domain.conversation import Click, ConversationRef
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.core.domain.report import Button, ButtonStyle, Link, Report
from bot.core.errors import GuardiaError, UserError
from bot.engine.services import Services

PAGE = "/account/code"  # where people enrol their device
APPROVING = frozenset({"approve", "approve_at"})
_ASKED = frozenset({"code_needed", "code_not_enrolled"})
REFUSED: Mapping[CodeVerdict, str] = {
    CodeVerdict.WRONG: "code_wrong",
    CodeVerdict.USED: "code_used",
    CodeVerdict.LOCKED: "code_locked",
    CodeVerdict.NOT_ENROLLED: "code_not_enrolled",
}


class CodeDesk:
    """Takes codes, and says where they are taken."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._codes = services.stores.codes

    async def take(self, job: Job, actor: Actor, code: str | None) -> None:
        """Use up the person's code.

        Raises:
            UserError: there is none, or it does not count: ``code_needed``, ``code_page_missing``,
                ``code_not_enrolled``, ``code_wrong``, ``code_used``, ``code_locked``.
        """
        if self._services.links is None:
            raise UserError("code_page_missing", job=job.job_id)
        if code is None:
            enrolled = await self._codes.enrolled(actor.person_id)
            raise self._error("code_needed" if enrolled else "code_not_enrolled", job)
        now = self._services.clock.now()
        verdict = await self._codes.check(actor.person_id, code, now=now)
        if verdict is not CodeVerdict.GOOD:
            raise self._error(REFUSED[verdict], job)

    def invitation(self, error: GuardiaError, click: Click) -> Report | None:
        """What a press without a code is answered with; None: the error is about no code."""
        links, texts = self._services.links, self._services.texts
        if links is None or error.code not in _ASKED:
            return None
        entry = Link(
            url=links.action(self._button(click), click.conversation, life=ACTION_LIFE),
            label=texts.say("codes.enter"),
        )
        enrol = Link(url=self._page(), label=texts.say("codes.enrol"))
        report = refusal_report(error, texts=texts, only_for=click.sender.user_id)
        return replace(
            report,
            title=texts.say("codes.title"),
            links=(enrol, entry) if error.code == "code_not_enrolled" else (entry,),
        )

    def opening(self, card: Report, job: Job, place: ConversationRef) -> Report:
        """The card, its approving buttons with the page on which the code is entered, as long as
        the job waits."""
        links = self._services.links
        if links is None:
            return card
        life = max(ACTION_LIFE, job.expires_at - self._services.clock.now())
        pages = {
            button: links.action(button, place, life=life)
            for button in card.buttons
            if button.button in APPROVING
        }
        opening = (replace(each, opens=pages.get(each, "")) for each in card.buttons)
        return replace(card, buttons=tuple(opening))

    def _button(self, click: Click) -> Button:
        """The pressed button as the page shows it."""
        texts = self._services.texts
        label = texts.say("codes.approve")
        at = read_stamp(click.value.rpartition(":")[2])
        if at is not None:
            label = texts.say("codes.approve_at", time=moment(at, texts))
        return Button(
            button=click.button, value=click.value, label=label, style=ButtonStyle.PRIMARY
        )

    def _error(self, code: str, job: Job) -> UserError:
        return UserError(code, job=job.job_id, page=self._page())

    def _page(self) -> str:
        return f"{self._services.settings.console_url or ''}{PAGE}"
