"""The message catalogues: everything the bot says, in Korean first and English second.

Owns: looking a sentence up by its key and filling it, with the particle that fits the value. The
sentences are in ``locales/<language>/<area>.toml``; the key ``deploy.title`` is entry ``title`` of
table ``deploy``, whatever the file.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from bot.core.domain.plan import Note
from bot.core.errors import GuardiaError

LANGUAGES = ("ko", "en")
# As a sentence has it behind a value: after a final consonant, after none.
_PARTICLES = {
    "을(를)": ("을", "를"),
    "은(는)": ("은", "는"),
    "이(가)": ("이", "가"),
    "(이)라": ("이라", "라"),
    "(으)로": ("으로", "로"),
}
_BEHIND_VALUE = re.compile(r"\{(\w+)\}([’'”\"`]*)(" + "|".join(map(re.escape, _PARTICLES)) + ")")
_HANGUL, _LAST_HANGUL, _FINALS, _RIEUL = ord("가"), ord("힣"), 28, 8
_READ_AS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))


class _Particles(string.Formatter):
    """``str.format`` without attribute or index access, so that values stay values."""

    def get_field(self, field_name: str, args: object, kwargs: Mapping[str, object]) -> object:
        return kwargs[field_name], field_name


class Texts:
    """One language's sentences."""

    def __init__(self, sentences: Mapping[str, str], language: str) -> None:
        self._sentences = dict(sentences)
        self.language = language
        self._formatter = _Particles()

    def say(self, key: str, /, **values: object) -> str:
        """The sentence of that key, filled.

        Raises:
            KeyError: there is no such sentence, or it wants a value that is not given.
        """
        sentence = _BEHIND_VALUE.sub(lambda found: _fitted(found, values), self._sentences[key])
        return self._formatter.vformat(sentence, (), values)

    def note(self, note: Note) -> str:
        """A plan's note in words."""
        return self.say(note.key, **dict(note.values))

    def has(self, key: str) -> bool:
        return key in self._sentences

    def keys(self) -> frozenset[str]:
        return frozenset(self._sentences)

    def explain(self, error: GuardiaError) -> tuple[str, str]:
        """Summary and hint of an error. An error without a sentence still says its code."""
        key = f"errors.{error.code}"
        if not self.has(f"{key}.summary"):
            return self.say("errors.other.summary", code=error.code), ""
        values = self._worded(error.values)
        hint = self.say(f"{key}.hint", **values) if self.has(f"{key}.hint") else ""
        return self.say(f"{key}.summary", **values), hint

    def _worded(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of an error, an action's id replaced by what people call it."""
        named = f"action.{values.get('action')}"
        return {**values, "action": self.say(named)} if self.has(named) else values


def _fitted(found: re.Match[str], values: Mapping[str, object]) -> str:
    """The place of a value with the particle that its last syllable wants.

    Nobody knows how a word of Latin letters is read aloud: behind it both forms stay.
    """
    name, quotes, particle = found.groups()
    last = str(values.get(name, ""))[-1:]
    syllable = _READ_AS.get(last, last)
    if not syllable or not _HANGUL <= ord(syllable) <= _LAST_HANGUL:
        return found[0]
    final = (ord(syllable) - _HANGUL) % _FINALS
    bare = final == 0 or (particle == "(으)로" and final == _RIEUL)
    return f"{{{name}}}{quotes}{_PARTICLES[particle][bare]}"


def load_texts(language: str) -> Texts:
    """The catalogue of one language, from the package's own files.

    Raises:
        ValueError: the language is unknown, or two files give the same key.
    """
    if language not in LANGUAGES:
        raise ValueError(f"no catalogue for {language!r}")
    sentences: dict[str, str] = {}
    folder = resources.files("bot.core").joinpath("locales", language)
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".toml"):
            for key, sentence in _flatten(tomllib.loads(file.read_text("utf-8"))):
                if key in sentences:
                    raise ValueError(f"{file.name} gives {key} a second time")
                sentences[key] = sentence
    return Texts(sentences, language)


def _flatten(table: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            rows += _flatten(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", str(value)))
    return rows
