"""The verb ``access_guide``: what the guides say, with their source.

Owns: how an answer from the guides is shown. A guide's text is quoted, masked like everything that
people read, and is never taken for a request. The search itself is behind ``GuideSearch``.
"""

from __future__ import annotations

from collections.abc import Sequence

from agent.wire.operations import Operation
from bot.core.domain.guide import GuideAnswer, Passage
from bot.core.domain.plan import Risk
from bot.core.domain.report import Facts, Paragraph, Report, Section, Tone
from bot.core.errors import OperationError
from bot.core.ports import ActionRequest
from bot.core.redaction import redact
from bot.core.texts import Texts

_SUMMARY = 120  # characters of the passage that stand in for it


class AccessGuide:
    """The best passage, where it stands, and what else may help."""

    action_id = "access_guide"
    risk = Risk.READ
    needs: frozenset[str] = frozenset({"guides"})
    reaches_nodes = False

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def survey(self, request: ActionRequest) -> Sequence[Operation]:
        return []

    def plan(self, request: ActionRequest) -> Report:
        """The answer itself.

        Raises:
            OperationError: nobody has looked into the guides (``guides_not_read``).
        """
        if request.guides is None:
            raise OperationError("guides_not_read")
        if not request.guides.passages:
            return self._nothing(request.guides)
        return self._quoted(request.guides.passages)

    def _quoted(self, passages: Sequence[Passage]) -> Report:
        say = self._texts.say
        best, *others = passages
        title, text = redact(best.guide.title), redact(best.text)
        source = Facts(
            rows=(
                (say("guides.source"), f"{title} ({best.guide.source})"),
                (say("guides.institution"), best.guide.institution or say("guides.everybody")),
            )
        )
        sections: list[Section] = [Paragraph(text=say("guides.quote", text=text)), source]
        if others:
            sections.append(Facts(title=say("guides.others"), rows=tuple(map(self._hint, others))))
        short = text if len(text) <= _SUMMARY else f"{text[:_SUMMARY]}…"
        return Report(
            title=say("guides.title", title=title),
            summary=say("guides.summary", title=title, text=short),
            tone=Tone.GOOD,
            sections=tuple(sections),
        )

    def _hint(self, passage: Passage) -> tuple[str, str]:
        guide = passage.guide
        return guide.institution or self._texts.say("guides.everybody"), redact(guide.title)

    def _nothing(self, answer: GuideAnswer) -> Report:
        say = self._texts.say
        if answer.contacts:
            names = ", ".join(answer.contacts)
            whom = say("guides.ask", institution=answer.institution, names=names)
        else:
            whom = say("guides.ask_nobody")
        return Report(
            title=say("guides.nothing_title"),
            summary=f"{say('guides.nothing')} {whom}",
            tone=Tone.WARNING,
            sections=(Paragraph(text=say("guides.nothing")), Paragraph(text=whom)),
        )
