"""What a person asked for, before anything is looked up on a server.

Owns: the intent of the closed catalogue, the selector of its target, and the question that is
asked back. An intent carries no authority: risk, rights and targets are computed from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bot.core.domain.conversation import ReceivedFile
from bot.core.domain.estate import Environment, Layer, Vocabulary

Param = str | int | bool
NONE = "none"  # small talk, refused, or out of scope


class Source(StrEnum):
    """Which of the parsers made the intent."""

    RULES = "rules"
    CLASSIFIER = "classifier"
    LLM = "llm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which nodes are meant. None: not said. No numbers: all of that layer and environment."""

    institution: str | None = None  # official name
    system: str | None = None  # official name
    layer: Layer | None = None
    env: Environment | None = None
    nodes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One action of the catalogue with what the text gives for it.

    ``missing`` names the slots that the action needs and the text does not give
    (``institution``, ``system``, ``layer``, ``env``, ``sr``, ``files`` or a parameter).
    ``action`` may be ``none``: then nothing is done, and ``question`` may say what to ask back.
    """

    action: str
    selector: Selector = field(default_factory=Selector)
    sr: str | None = None
    params: Mapping[str, Param] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    source: Source = Source.RULES
    open_target: bool = False  # no word says which system; the place it is said in may imply it
    files: tuple[ReceivedFile, ...] = ()  # put in by the pipeline, kept through questions
    corrects: str = ""  # the waiting job whose place this one takes, by id; the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """An answer offered as a button. ``value`` is what pressing it says, as text."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clarification:
    """A question back. ``partial`` is what is understood so far, kept until it is answered."""

    question: str
    choices: tuple[Choice, ...] = ()
    partial: Intent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """Everything an intent may rest on. ``thread`` holds the earlier messages of the same person
    in the same thread, oldest first; ``pending`` the intent of an unanswered question;
    ``planned`` that of this person's plan in this thread which still waits for approval;
    ``vocabulary`` only what the asking person may see."""

    text: str
    now: datetime
    vocabulary: Vocabulary
    files: tuple[str, ...] = ()
    thread: tuple[str, ...] = ()
    pending: Intent | None = None
    planned: Intent | None = None
    addressed: bool = True  # a mention or command; overheard chat is False
