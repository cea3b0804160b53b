"""A command as text: split into words, and written from an intent.

Owns: the quoting of ``/sm <id> <target> name=value``. What is written here is read back as the
same intent. Pure; knows neither the catalogue nor the estate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.core.domain.estate import Environment
from bot.core.domain.intent import Intent, Param, Selector

PREFIX = "/sm"
SCRIPT = "run_script"  # the action behind a site's script; its id is the parameter "script"
ARGUMENT = "arg."  # before the name of a script's own parameter
_SAID = {Environment.PROD: "운영", Environment.STAGE: "스테이징", Environment.DEV: "개발"}
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_NAME = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,31})=")
_CALL = re.compile(rf"\s*{PREFIX}(?:\s|$)", re.IGNORECASE)
_PLAIN = re.compile(r"[^\s\"'“”‘’\\]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandWord:
    """One word. ``name``: it is ``name=text``; ``quoted``: its text stood in quotes."""

    text: str
    name: str | None = None
    quoted: bool = False


def is_command(text: str) -> bool:
    """Whether a line calls the bot as ``/sm`` does; it may still be talk behind that."""
    return _CALL.match(text) is not None


class UnclosedQuoteError(ValueError):
    """A quote is opened and never closed."""


def split_words(text: str) -> tuple[CommandWord, ...]:
    """The words of a command. Within double quotes a backslash takes the next character as it is.

    Raises:
        UnclosedQuoteError: a quote is not closed.
    """
    words: list[CommandWord] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        named = _NAME.match(text, at)
        start = named.end() if named else at
        if start < len(text) and text[start] in _QUOTES:
            value, at = _quoted(text, start)
            quoted = True
        else:
            at = next((i for i in range(start, len(text)) if text[i].isspace()), len(text))
            value, quoted = text[start:at], False
        words.append(CommandWord(text=value, name=named[1] if named else None, quoted=quoted))
    return tuple(words)


def _quoted(text: str, start: int) -> tuple[str, int]:
    closing, escapes = _QUOTES[text[start]], text[start] == '"'
    value: list[str] = []
    at = start + 1
    while at < len(text):
        if text[at] == "\\" and escapes and at + 1 < len(text):
            value.append(text[at + 1])
            at += 2
        elif text[at] == closing:
            return "".join(value), at + 1
        else:
            value.append(text[at])
            at += 1
    raise UnclosedQuoteError(text[start:])


def quoted(value: str) -> str:
    """The value as a command carries it."""
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def command_text(intent: Intent) -> str:
    """The one command that is read as this intent: "<id> <target> name=value", without ``/sm``."""
    script = intent.action == SCRIPT
    first = str(intent.params.get("script", "")) if script else intent.action
    given = {
        name.removeprefix(ARGUMENT) if script else name: value
        for name, value in intent.params.items()
        if not (script and name == "script")
    }
    words = [f"{name}={quoted(_written(value))}" for name, value in sorted(given.items())]
    return " ".join(filter(None, (first, target_text(intent.selector), *words)))


def target_text(selector: Selector) -> str:
    """The target as people write it: institution, system, environment, layer, numbers."""
    numbers = ",".join(str(number) for number in selector.nodes)
    parts = (
        selector.institution,
        selector.system,
        selector.env and _SAID[selector.env],
        selector.layer and selector.layer.value,
        (numbers if selector.layer else f"#{numbers}") if numbers else None,
    )
    return " ".join(str(part) for part in parts if part)


def _written(value: Param) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
