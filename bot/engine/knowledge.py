"""What is written down: the guides' answer to a question, and whom to ask where there is none.

Owns: looking for a guide with the rights of the person who asks. The text that is found goes to
people only, never back into understanding.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from bot.core.domain.guide import GuideAnswer
from bot.core.domain.intent import NONE, Choice, Clarification, Selector
from bot.core.domain.people import Actor, Role
from bot.core.redaction import redact
from bot.engine.services import Services

_NAMED_AT_MOST = 3
_VERB = "access_guide"
_CALLED = re.compile(rf"\s*/?(?:sm\s+)?{_VERB}\b")  # by its id, as the button below does


class Knowledge:
    """Guides, as one person may read them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, question: str, actor: Actor, *, about: Selector) -> GuideAnswer:
        """The passages that answer the question, or who may know."""
        found = await self._search(question, actor, about)
        if found.passages or found.institution is None:
            return found
        return replace(found, contacts=await self._leaders(found.institution, actor))

    async def offered(self, asked: Clarification, text: str, actor: Actor) -> Clarification:
        """A question back with the fitting guide as its first choice, where it is open what the
        person wants at all: many ask how something is done without a word that says so."""
        if asked.partial is not None and asked.partial.action != NONE:
            return asked
        about = asked.partial.selector if asked.partial else Selector()
        found = await self._search(text, actor, about)
        if not found.passages:
            return asked
        label = self._services.texts.say(
            "guides.choice", title=redact(found.passages[0].guide.title)
        )
        choice = Choice(label=label, value=f"{_VERB} {text}")
        return replace(asked, choices=(choice, *asked.choices))

    async def _search(self, question: str, actor: Actor, about: Selector) -> GuideAnswer:
        vocabulary = await self._services.inventory.vocabulary(actor)
        guides = await self._services.stores.guides.guides(actor)
        bare = _CALLED.sub("", question, count=1)
        return await asyncio.to_thread(
            self._services.guide_search.search, bare, guides, vocabulary=vocabulary, about=about
        )

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
