"""The conversation that a local model is shown: what it is for, examples, and the text last.

Owns: the order and the wording's place (``prompts/intent_*.txt``). Everything before the text is
byte for byte the same in every call, so that the model's prefix cache serves it. The text goes in
as one JSON string without the characters that chat templates are made of: it cannot open a turn.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from importlib import resources

from intents.grammar import read_answer

Message = dict[str, str]
# What the special tokens of chat templates are written with: <|im_start|>, [INST], <<SYS>>, </s>.
_BRACKETS = str.maketrans({"<": "(", ">": ")", "[": "(", "]": ")", "{": "(", "}": ")", "|": "/"})
_HEADING = re.compile(r"#{2,}")  # "### Assistant:"; one # names a server: "WAS #2"
_ROLE = re.compile(r"\b(system|user|assistant|human|instruction|response)\s*[:：]", re.IGNORECASE)


def neutralised(text: str) -> str:
    """The text on one line, without control characters and template markers."""
    plain = unicodedata.normalize("NFKC", text)
    plain = "".join(
        " " if unicodedata.category(character)[0] in "CZ" else character for character in plain
    )
    plain = _HEADING.sub("#", plain.translate(_BRACKETS))
    return " ".join(_ROLE.sub(r"\1 ", plain).split())


@dataclass(frozen=True, slots=True)
class Prompt:
    """The static part of the conversation."""

    prefix: tuple[Message, ...]

    def asking(self, text: str) -> list[Message]:
        """The whole conversation for one text; the prefix never changes."""
        return [*(dict(message) for message in self.prefix), _said(text)]


def load_prompt(examples: int) -> Prompt:
    """The prompt of this version with that many of its examples, from the first on.

    Raises:
        ValueError: an example's answer is none that the schema allows.
    """
    messages: list[Message] = [{"role": "system", "content": _piece("intent_system.txt").strip()}]
    lines = _piece("intent_fewshot.txt").splitlines()
    for text, answer in list(zip(lines[::2], lines[1::2], strict=True))[:examples]:
        if read_answer(answer) is None:
            raise ValueError(f"prompts/intent_fewshot.txt: {answer}")
        messages += [_said(text), {"role": "assistant", "content": answer}]
    return Prompt(tuple(messages))


def _said(text: str) -> Message:
    return {"role": "user", "content": json.dumps(neutralised(text), ensure_ascii=False)}


def _piece(name: str) -> str:
    return resources.files("prompts").joinpath(name).read_text("utf-8")
