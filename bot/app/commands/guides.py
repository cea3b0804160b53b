"""``guardia guides search``: the passages that answer a question, as chat would quote them.

Owns: the JSON of an answer. Reads the guides from a folder of CSV files or from the database.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.app.local_model import embedding_of
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_database
from bot.core.domain.estate import Vocabulary
from bot.core.domain.guide import Guide, Passage
from bot.core.domain.intent import Selector
from bot.core.domain.people import Actor
from bot.core.errors import UserError
from bot.core.redaction import redact
from cmdb.guides import SqlGuideStore, visible_guides
from cmdb.importers.estate_csv import people_of, read_estate, vocabulary_of
from cmdb.inventory import SqlInventory
from cmdb.people import SqlDirectory
from intents.guides import GuideFinder

NOTHING = "nothing fits"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sight:
    """What one person sees."""

    guides: tuple[Guide, ...]
    vocabulary: Vocabulary


async def search_guides(
    question: str, *, settings: GuardiaSettings, cmdb: Path | None, user: str | None
) -> dict[str, Any]:
    """The answer to a question, JSON-able; ``user`` None sees every guide.

    Raises:
        UserError: there is no such user.
        ConfigurationError: the folder is no estate, or the database is not up to date.
    """
    sight = _from_files(cmdb, user) if cmdb is not None else await _from_database(settings, user)
    async with embedding_of(settings.guides) as embedding:
        found = await asyncio.to_thread(
            GuideFinder(embedding).search,
            question,
            sight.guides,
            vocabulary=sight.vocabulary,
            about=Selector(),
        )
    return {
        "query": question,
        "results": [_row(passage) for passage in found.passages],
        "note": None if found.passages else NOTHING,
    }


def _row(passage: Passage) -> dict[str, Any]:
    guide = passage.guide
    return {
        "id": guide.guide_id,
        "title": redact(guide.title),
        "institution": guide.institution,
        "score": passage.score,
        "passage": redact(passage.text),
        "source": guide.source,
    }


def _from_files(folder: Path, user: str | None) -> _Sight:
    estate = read_estate(folder)
    viewer = None if user is None else _known(people_of(estate).get(user), user)
    return _Sight(
        guides=visible_guides(estate.guides or (), viewer),
        vocabulary=vocabulary_of(estate, viewer),
    )


async def _from_database(settings: GuardiaSettings, user: str | None) -> _Sight:
    async with open_database(settings) as engine:
        viewer = None if user is None else _known(await SqlDirectory(engine).person(user), user)
        return _Sight(
            guides=await SqlGuideStore(engine).guides(viewer),
            vocabulary=await SqlInventory(engine).vocabulary(viewer),
        )


def _known(actor: Actor | None, user: str) -> Actor:
    if actor is None:
        raise UserError("intent_user_unknown", user=user)
    return actor
