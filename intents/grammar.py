"""What a local model may answer: one action of the catalogue and parameters that were said.

Owns: the JSON schema that its generation is bound to, reading its answer (strictly, once more:
an endpoint may ignore the schema), and dropping every parameter whose value does not stand in the
text. ``operation`` is no value but the second half of the action's name ("restart" of
"manage_service"); what is done is read from the text by the rules' code all the same.
Must not know which model answers, nor what an action does.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from intents.phrase import read_phrase
from intents.schema import CATALOGUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a model's answer must look like. ``schema`` None: prose; ``tokens`` at most."""

    name: str
    schema: Mapping[str, Any] | None
    tokens: int


LONGEST_VALUE = 60  # characters of one parameter
LONGEST_ANSWER = 1000  # characters; what is longer is no answer
_Value = Annotated[str, StringConstraints(max_length=LONGEST_VALUE)]
OPERATION = "operation"
_WORD = re.compile(r"[0-9a-z]")


class Answer(BaseModel):
    """What a model said, of the right shape; it need not be true."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    action: str
    params: dict[str, _Value]


def answer_schema() -> dict[str, Any]:
    """The JSON schema of an answer: each action with its own parameters, all of them text."""
    return {"anyOf": [_of_action(action, names) for action, names in _parameters().items()]}


INTENT_TOKENS = 160


def intent_form() -> Form:
    """The form of an answer that names an action."""
    return Form(name="intent", schema=answer_schema(), tokens=INTENT_TOKENS)


def read_answer(text: str) -> Answer | None:
    """The answer, or None for anything that the schema does not allow: cut off, a key twice,
    other keys, another action, another action's parameter."""
    if len(text) > LONGEST_ANSWER:
        return None
    try:
        answer = Answer.model_validate(json.loads(text, object_pairs_hook=_each_once))
    except (ValueError, ValidationError, RecursionError):
        return None
    names = _parameters().get(answer.action)
    if names is None or not answer.params.keys() <= set(names):
        return None
    operation = answer.params.get(OPERATION)
    return answer if operation is None or operation in _operations(answer.action) else None


def said_in(text: str, params: Mapping[str, str]) -> dict[str, str]:
    """The parameters whose value stands in the text, as a person wrote it.

    A value that is only part of a longer number or Latin word does not stand there, nor does part
    of what the person quotes: a whole quote does.
    """
    phrase = read_phrase(text)
    said = _plain(phrase.text)
    quotes = {_plain(quote) for quote in phrase.quotes}
    return {
        name: value
        for name, value in params.items()
        if name == OPERATION
        or ((plain := _plain(value)) and (plain in quotes or _stands(plain, said)))
    }


def _parameters() -> dict[str, tuple[str, ...]]:
    # "cancelled" is the person's own word against an open question: never a model's.
    return {
        action: tuple(name for name in spec.params.model_fields if name != "cancelled")
        for action, spec in CATALOGUE.items()
    }


def _operations(action: str) -> tuple[str, ...]:
    field = CATALOGUE[action].params.model_fields.get(OPERATION)
    return get_args(field.annotation) if field else ()


def _of_action(action: str, names: tuple[str, ...]) -> dict[str, Any]:
    value = {"type": "string", "minLength": 1, "maxLength": LONGEST_VALUE}
    operations = {"enum": list(_operations(action))}
    params = {
        "type": "object",
        "properties": {name: operations if name == OPERATION else dict(value) for name in names},
        "required": [OPERATION] if OPERATION in names else [],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"action": {"const": action}, "params": params},
        "required": ["action", "params"],
        "additionalProperties": False,
    }


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key twice")
    return found


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).lower().split())


def _stands(value: str, said: str) -> bool:
    before = r"(?<![0-9a-z])" if _WORD.match(value[0]) else ""
    behind = r"(?![0-9a-z])" if _WORD.match(value[-1]) else ""
    return re.search(f"{before}{re.escape(value)}{behind}", said) is not None
