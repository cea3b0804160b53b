"""Whether a person may ask for a verb at a place at all, before a server is looked at.

Owns: that question. The plan is decided again when it is made, and once more before it runs.
"""

from __future__ import annotations

from bot.core.domain.decision import Deny
from bot.core.domain.estate import Target
from bot.core.domain.people import Actor
from bot.core.domain.plan import Risk
from bot.core.errors import UserError
from bot.core.policy import Asked, decide
from bot.core.ports import Action
from bot.engine.services import Services


async def require_right(
    services: Services, actor: Actor, action: Action, target: Target, *, changes: bool
) -> None:
    """An action's own risk is its highest, so its milder forms count here too: reading, unless it
    is known that something ``changes``.

    Raises:
        UserError: no rule lets this person ask for it here.
    """
    rules = await services.directory.rules()
    denials = []
    for risk in {Risk.CHANGE if changes else Risk.READ, action.risk}:
        asked = Asked(
            action=action.action_id,
            risk=risk,
            institution=target.system.institution,
            environments=tuple(env.value for env in target.environments),
        )
        decision = decide(asked, actor, rules)
        if not isinstance(decision, Deny):
            return
        denials.append(decision)
    raise UserError(denials[0].code, action=action.action_id)
