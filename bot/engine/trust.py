"""Whose word a messenger can vouch for.

Owns: which senders are proved, and what somebody is asked who wants a change and is not. Where
the service does not prove who speaks, its word is good for reading only: a change goes on when its
person has said the same on a page behind our own sign-in.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.domain.people import ExternalId
from bot.core.domain.plan import Risk
from bot.core.domain.report import Button, ButtonStyle, Paragraph, Report, Tone
from bot.core.errors import UserError
from bot.core.ports import Action, Adapter
from bot.core.texts import Texts

_LONGEST = 400  # characters that a link to the confirmation can carry
_HARMLESS = frozenset({"list_tasks"})  # verbs about the bot's own work that change nothing


def is_proved(sender: ExternalId, adapters: Mapping[str, Adapter]) -> bool:
    """Whether the messenger proves that this sender speaks; our own sign-in does."""
    adapter = adapters.get(sender.adapter)
    return adapter is None or adapter.capabilities.verified_senders


def reads_only(name: str, action: Action | None) -> bool:
    """Whether that verb changes nothing at all, in any of its forms."""
    return name in _HARMLESS or (action is not None and action.risk is Risk.READ)


def confirmation(text: str, texts: Texts) -> Report:
    """The request back, as something to confirm behind our sign-in.

    Raises:
        UserError: it is too long to be confirmed (``sender_unverified``).
    """
    if len(text) > _LONGEST:
        raise UserError("sender_unverified")
    summary, hint = texts.explain(UserError("sender_unverified"))
    label = texts.say("messengers.confirm_yourself")
    return Report(
        title=summary,
        summary=summary,
        tone=Tone.ASK,
        sections=(Paragraph(text=hint), Paragraph(text=text)),
        buttons=(Button(button="choose", value=text, label=label, style=ButtonStyle.PRIMARY),),
    )
