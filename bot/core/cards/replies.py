"""The bot's short replies: refusals, questions, and that it is at work.

Owns: reports that do not tell of a job's run.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.cards.wording import approval_words, failure_words
from bot.core.domain.decision import Approval
from bot.core.domain.intent import Clarification
from bot.core.domain.report import Button, Paragraph, Report, Tone
from bot.core.errors import GuardiaError, UserError
from bot.core.texts import Texts


def refusal_report(
    error: GuardiaError, *, texts: Texts, only_for: str | None = None, job_id: str | None = None
) -> Report:
    """Why a request is not followed, and what to do next."""
    summary, hint = texts.explain(error)
    if error.code == "survey_failed":
        summary = _why_not_read(error.values, texts)
    return Report(
        title=texts.say(
            "cards.refusal.asked" if isinstance(error, UserError) else "cards.refusal.failed"
        ),
        summary=summary,
        tone=Tone.WARNING if isinstance(error, UserError) else Tone.BAD,
        sections=tuple(Paragraph(text=text) for text in (summary, hint) if text),
        footer=texts.say("cards.footer_job", job=job_id) if job_id else "",
        only_for=only_for,
    )


def _why_not_read(values: Mapping[str, str], texts: Texts) -> str:
    """What a server answered instead of telling what lies there, as a step's failure is told."""
    node, code = values["node"], values["code"]
    details = [(name, value) for name, value in values.items() if name != "code"]
    why = failure_words(code, details, texts, node=node)
    return texts.say("cards.refusal.survey", node=node, why=why)


def denial_report(
    code: str, *, texts: Texts, only_for: str | None = None, job_id: str | None = None
) -> Report:
    """Why somebody may not: the codes of policy (``no_right``, ``own_request``, …)."""
    return refusal_report(UserError(code), texts=texts, only_for=only_for, job_id=job_id)


def question_report(clarification: Clarification, *, texts: Texts) -> Report:
    """The question back; its choices are buttons that say what they are labelled with."""
    return Report(
        title=texts.say("cards.question"),
        summary=clarification.question,
        tone=Tone.ASK,
        sections=(Paragraph(text=clarification.question),),
        buttons=tuple(
            Button(button="choose", value=choice.value, label=choice.label)
            for choice in clarification.choices
        ),
        wants_files=clarification.partial is not None and "files" in clarification.partial.missing,
    )


def working_report(texts: Texts) -> Report:
    """The servers are being read; the plan follows."""
    said = texts.say("cards.working")
    return Report(
        title=texts.say("cards.working_title"),
        summary=said,
        tone=Tone.RUNNING,
        sections=(Paragraph(text=said),),
    )


def decided_note(approval: Approval, *, texts: Texts) -> Report:
    """That somebody has decided, as a message of its own."""
    said = approval_words(approval, texts)
    return Report(
        title=said,
        summary=said,
        footer=texts.say("cards.footer_job", job=approval.job_id),
    )


def plain_report(text: str, *, tone: Tone = Tone.NEUTRAL) -> Report:
    """One sentence, already in the reader's words."""
    return Report(title=text, summary=text, tone=tone)
