"""What the shared stories need beside an engine: degraded reports, and a code from the console.

Owns: nothing of its own; it puts the parts together as the composition root does.
"""

from __future__ import annotations

from bot.core.degradation import Place, degraded
from bot.core.domain.conversation import ConversationRef
from bot.core.domain.report import Report
from bot.core.linking import CODE_LIFE, code_digest, new_code
from bot.core.ports import Capabilities
from bot.engine.outbound import Shape
from tests.fakes.messenger_driver import Driver, Parts


def shape_for(driver: Driver, parts: Parts) -> Shape:
    """As wired: by the one table, with the links that the driver's pages are behind."""

    def shape(report: Report, capabilities: Capabilities, at: ConversationRef) -> Report:
        place = Place(conversation=at, texts=parts.texts, links=driver.links)
        return degraded(report, capabilities, place)

    return shape


async def console_code(parts: Parts, person_id: str) -> str:
    """The code that the console has shown to that person."""
    code = new_code()
    until = parts.clock.now() + CODE_LIFE
    await parts.links.issue(person_id, code_digest(code), until=until)
    return code
