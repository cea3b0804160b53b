"""What is written down: the guides' answer to a question, and whom to ask where there is none.

Owns: looking for a guide with the rights of the person who asks. The text that is found goes to
people only, never back into understanding.
"""

from __future__ import annotations

from dataclasses import replace

from bot.core.domain.guide import GuideAnswer
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor, Role
from bot.engine.services import Services

_NAMED_AT_MOST = 3


class Knowledge:
    """Guides, as one person may read them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, question: str, actor: Actor, *, about: Selector) -> GuideAnswer:
        """The passages that answer the question, or who may know."""
        vocabulary = await self._services.inventory.vocabulary(actor)
        guides = await self._services.stores.guides.guides(actor)
        found = self._services.guide_search.search(
            question, guides, vocabulary=vocabulary, about=about
        )
        if found.passages or found.institution is None:
            return found
        return replace(found, contacts=await self._leaders(found.institution, actor))

    async def _leaders(self, institution: str, actor: Actor) -> tuple[str, ...]:
        """The part leaders who look after an institution, those of few institutions first."""
        if not actor.may_see(institution):
            return ()
        leaders = [
            person
            for person in await self._services.directory.people()
            if person.role is Role.PART_LEADER and person.may_see(institution)
        ]
        leaders.sort(key=lambda person: (person.all_institutions, len(person.institutions)))
        return tuple(person.name for person in leaders[:_NAMED_AT_MOST])
