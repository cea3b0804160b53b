"""What a pure action gets to look at, fetched for it.

Owns: filling an ``ActionRequest`` with what its action says that it needs. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from agent.wire.scripts import ScriptSpec
from bot.core.domain.estate import Target, Vocabulary
from bot.core.domain.intent import Intent
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.core.ports import Action, ActionRequest
from bot.engine.commands import Commands
from bot.engine.knowledge import Knowledge
from bot.engine.reply import Reply
from bot.engine.services import Services
from bot.engine.sourcing import Sourcing

# How far back a person's own looks are handed to an action, which judges itself what is too old:
# so it can say "that was too long ago" rather than "you have never looked".
SEEN = timedelta(minutes=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks in which words, and where the answer goes."""

    job_id: str
    actor: Actor
    text: str
    at: datetime
    reply: Reply


def stands_alone(intent: Intent, action: Action) -> bool:
    """Whether a parameter gives what the target would: ``or:<name>`` among the action's needs."""
    return any(f"or:{name}" in action.needs for name in intent.params)


class Gathering:
    """Fetches what an action may look at."""

    def __init__(self, services: Services, knowledge: Knowledge, sourcing: Sourcing) -> None:
        self._deployments = services.stores.deployments
        self._history = services.stores.history
        self._knowledge = knowledge
        self._sourcing = sourcing
        self._commands = Commands(services)
        self._book = services.scripts

    async def request(
        self, asking: Asking, intent: Intent, action: Action, target: Target | None
    ) -> ActionRequest:
        """Everything but the facts of its survey.

        Raises:
            UserError: the files that it needs are not there or cannot be used.
        """
        artifact = None
        if "files" in action.needs:
            artifact = await self._sourcing.artifact(intent, target, asking.reply)
        guides = None
        if "guides" in action.needs:
            guides = await self._knowledge.answer(asking.text, asking.actor, about=intent.selector)
        return ActionRequest(
            job_id=asking.job_id,
            actor=asking.actor,
            target=target,
            params=intent.params,
            sr=intent.sr,
            artifact=artifact,
            facts={},
            history=await self._deployments.deployments(target.system.code) if target else (),
            now=asking.at,
            guides=guides,
            seen=await self._seen(asking, action),
            permitted=await self._permitted(asking, action),
            scripts=self._scripts(action, target),
        )

    def _scripts(self, action: Action, target: Target | None) -> tuple[ScriptSpec, ...]:
        if "scripts" not in action.needs or target is None or self._book is None:
            return ()
        return self._book.scripts(target.agent)

    async def _permitted(self, asking: Asking, action: Action) -> frozenset[str]:
        if "permitted" not in action.needs:
            return frozenset()
        return frozenset(await self._commands.permitted(asking.actor, Vocabulary()))

    async def _seen(self, asking: Asking, action: Action) -> tuple[Job, ...]:
        if "seen" not in action.needs:
            return ()
        person, since = asking.actor.person_id, asking.at - SEEN
        return await self._history.reads_of(person, action.action_id, since=since)
