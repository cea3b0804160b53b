"""A local model that words the state of a room from its summary and its latest messages.

Owns: what the model is shown (never the whole room), and what is left of what it writes: a few
sentences of plain text, without links, addresses, and without a word on what was run, which only
the job store tells. Its words are shown and never acted upon.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.core.redaction import redact
from intents.fewshot import Message, neutralised
from intents.grammar import Form
from intents.model import Model, ModelError
from intents.turns import Turns
from prompts import read_prompt

_LOG = structlog.get_logger(__name__)
_PROSE = Form(name="summary", schema=None, tokens=240)
_LINE_CHARACTERS = 200  # of one line that the model is shown
_MOST_CHARACTERS = 600  # of what it writes
_RESERVED_TOKENS = 700  # of the context: the instructions, and the answer
_CHARACTER_TOKENS = 3  # at most, of a Korean character in a vocabulary that knows none
_SENTENCE = re.compile(r"(?<=[.!?다요음임])\s+(?=\S)|\n+")
_WHOLE = re.compile(r".*[.!?다요음임]", re.DOTALL)
_LINK = re.compile(r"(?:https?|ftp)://\S+|www\.\S+|\[[^\]]*\]\([^)]*\)|<[^>]*>", re.IGNORECASE)
_DEEDS = (
    r"재기동|재시작|리스타트|restart|배포|반영|롤백|원복|백업|덤프|실행|종료|중지|기동|정리|삭제"
    r"|승인|반려|점검|적용|kill|deploy"
)
# "재기동했습니다", "배포가 완료되었고", "restarted": what ran is told from the job store only.
_RAN = re.compile(
    rf"(?:{_DEEDS})\s*(?:작업|이|가|은|는|을|를|도)?\s*(?:모두|전부|다시|이미|성공적으로|정상적으로)?\s*"
    r"(?:했|하였|됐|되었|완료|끝|성공|실패|ed\b|마쳤|진행)"
    r"|J\d{6}-[A-Z0-9]{6}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NarratorLimits:
    """``deadline_s`` from the wish to the words, waiting included; ``context`` in tokens."""

    deadline_s: float = 30.0
    context: int = 4096

    @property
    def characters(self) -> int:
        """How much a model of that context may be shown."""
        return max(200, (self.context - _RESERVED_TOKENS) // _CHARACTER_TOKENS)


class ModelNarrator:
    """``Narrator`` by a local model; None where it is away, late or writes nothing usable."""

    def __init__(self, model: Model, turns: Turns, limits: NarratorLimits | None = None) -> None:
        self._model = model
        self._turns = turns
        self._limits = limits or NarratorLimits()
        self._system = read_prompt("summary_system.txt").strip()

    async def narrate(self, summary: Sequence[str], latest: Sequence[str]) -> str | None:
        """See ``Narrator``."""
        if not summary and not latest:
            return None
        messages = self._shown(summary, latest)
        try:
            async with self._turns.own(self._limits.deadline_s):
                said = await self._model.complete(messages, attempt=0, form=_PROSE)
        except TimeoutError:
            _LOG.warning("narrator_late", deadline_s=self._limits.deadline_s)
            return None
        except ModelError as error:
            _LOG.warning("narrator_failed", reason=str(error))
            return None
        return worded(said) or None

    def _shown(self, summary: Sequence[str], latest: Sequence[str]) -> list[Message]:
        """The newest of both that fit; the latest messages before the summary."""
        left = self._limits.characters
        said, left = _newest(latest, left)
        known, _ = _newest(summary, left)
        data = json.dumps({"summary": known, "latest": said}, ensure_ascii=False)
        return [{"role": "system", "content": self._system}, {"role": "user", "content": data}]


def worded(said: str) -> str:
    """What may be shown of a model's words: whole sentences that claim nothing about jobs."""
    plain = _LINK.sub(" ", "".join(c for c in said if c.isprintable() or c == "\n"))
    whole = _WHOLE.match(plain)
    sentences = _SENTENCE.split(whole[0]) if whole else []
    kept: list[str] = []
    for sentence in (" ".join(redact(one).split()) for one in sentences):
        if not sentence or _RAN.search(sentence) or sentence in kept:
            continue
        if sum(map(len, kept)) + len(sentence) > _MOST_CHARACTERS:
            break
        kept.append(sentence)
    return " ".join(kept)


def _newest(lines: Sequence[str], characters: int) -> tuple[list[str], int]:
    kept: list[str] = []
    for line in reversed(lines):
        plain = neutralised(redact(line))[:_LINE_CHARACTERS]
        if len(plain) + 4 > characters:  # quotes, comma, space
            break
        kept.append(plain)
        characters -= len(plain) + 4
    return kept[::-1], characters
