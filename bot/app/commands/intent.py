"""``guardia intent``: what a sentence is understood as, without doing it.

Owns: reading sentences from the command line or JSON Lines, and printing one JSON object each.
Touches no server; reads the CMDB from CSV files or from the database.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from bot.app.commands.input_file import read_lines
from bot.app.local_model import classifier_of, open_model
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_database
from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Intent, Utterance
from bot.core.errors import UserError
from bot.core.ports import IntentParser
from bot.core.texts import load_texts
from bot.engine.questions import question_for
from cmdb.importers.estate_csv import Estate, people_of, read_estate, vocabulary_of
from cmdb.inventory import SqlInventory
from cmdb.people import SqlDirectory
from intents.answer import describe
from intents.chain import build_parser

_LOG = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence to understand. ``user``: None may see the whole CMDB."""

    text: str
    files: tuple[str, ...] = ()
    thread: tuple[str, ...] = ()
    user: str | None = None
    sentence_id: str | None = None


def read_batch(file: Path) -> list[Sentence]:
    """The sentences of a JSON Lines file.

    Raises:
        UserError: the file cannot be read, or a line is no object with ``id`` and ``text``.
    """
    sentences = []
    for number, line in enumerate(read_lines(file), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            sentences.append(
                Sentence(
                    text=str(row["text"]),
                    files=tuple(map(str, row.get("files", ()))),
                    thread=tuple(map(str, row.get("thread", ()))),
                    user=row.get("user"),
                    sentence_id=str(row["id"]),
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError("batch_line", file=file, line=number) from error
    return sentences


async def understand(
    sentences: list[Sentence],
    now: datetime,
    *,
    settings: GuardiaSettings,
    cmdb: Path | None,
) -> AsyncIterator[dict[str, Any]]:
    """One JSON-able object per sentence, in their order.

    Raises:
        UserError: a named user does not exist.
    """
    seen = await _vocabularies({sentence.user for sentence in sentences}, settings, cmdb)
    async with open_model(settings.model) as model:
        proposer = model.proposer if model and await model.proposer.loaded() else None
        if model and proposer is None:
            _LOG.warning("understood_without_model")
        parser = build_parser(classifier=classifier_of(settings), model=proposer)
        await parser.warm()
        for sentence in sentences:
            started = time.perf_counter()
            answer = await _parse(parser, sentence, now, seen[sentence.user])
            if sentence.sentence_id is not None:
                elapsed_ms = round((time.perf_counter() - started) * 1000, 1)
                answer |= {"id": sentence.sentence_id, "elapsed_ms": elapsed_ms}
            yield answer


async def _parse(
    parser: IntentParser, sentence: Sentence, now: datetime, vocabulary: Vocabulary
) -> dict[str, Any]:
    parsed = await parser.parse(
        Utterance(
            text=sentence.text,
            now=now,
            vocabulary=vocabulary,
            files=sentence.files,
            thread=sentence.thread,
        )
    )
    return describe(parsed, _question(parsed, vocabulary))


def _question(parsed: object, vocabulary: Vocabulary) -> str | None:
    """What would be asked back for what is missing."""
    if isinstance(parsed, Intent) and parsed.missing:
        return question_for(parsed, vocabulary, load_texts("ko")).question
    return None


async def _vocabularies(
    users: set[str | None], settings: GuardiaSettings, cmdb: Path | None
) -> dict[str | None, Vocabulary]:
    if cmdb is not None:
        estate = read_estate(cmdb)
        return {user: _from_files(estate, user) for user in users}
    async with open_database(settings) as engine:
        directory, inventory = SqlDirectory(engine), SqlInventory(engine)
        seen: dict[str | None, Vocabulary] = {}
        for user in users:
            viewer = await directory.person(user) if user is not None else None
            if user is not None and viewer is None:
                raise UserError("intent_user_unknown", user=user)
            seen[user] = await inventory.vocabulary(viewer)
        return seen


def _from_files(estate: Estate, user: str | None) -> Vocabulary:
    if user is None:
        return vocabulary_of(estate, None)
    viewer = people_of(estate).get(user)
    if viewer is None:
        raise UserError("intent_user_unknown", user=user)
    return vocabulary_of(estate, viewer)
