"""The values of a command's parameters, from text to their type.

Owns: which text is which value, and how what is expected is said. Whatever passes here passes the
catalogue's own types too.
"""

from __future__ import annotations

import datetime as dt
import posixpath
import re
import unicodedata
from collections.abc import Callable, Mapping

from bot.core.domain.command import CommandParameter, CommandSpec, ParameterKind
from bot.core.domain.intent import Param
from bot.core.texts import Texts
from intents.schema import validated

_NUMBER = re.compile(r"-?[0-9]{1,9}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CRON = re.compile(r"[0-9*/,-]{1,30}( [0-9*/,-]{1,30}){4}")
_YES = frozenset({"yes", "true", "on", "1", "예", "네"})
_NO = frozenset({"no", "false", "off", "0", "아니오", "아니요"})
_DAYS_AGO = {"오늘": 0, "today": 0, "어제": 1, "yesterday": 1}
_LONGEST = 200


class WrongValueError(ValueError):
    """The text is none of the parameter's values."""


def read_value(
    spec: CommandSpec, parameter: CommandParameter, text: str, *, now: dt.datetime
) -> Param:
    """The value that the text is.

    Raises:
        WrongValueError: it is none.
    """
    value = _typed(parameter, text, now)
    if spec.script:
        return value
    try:
        validated(spec.command, {parameter.name: value})
    except ValueError as error:
        raise WrongValueError(parameter.name) from error
    return value


def _typed(parameter: CommandParameter, text: str, now: dt.datetime) -> Param:
    if parameter.kind is ParameterKind.TEXT:
        return _text(parameter, unicodedata.normalize("NFC", text))
    plain = unicodedata.normalize("NFKC", text).strip()
    if parameter.kind is ParameterKind.DATE:
        return _date(parameter, plain.lower(), now)
    return _READERS[parameter.kind](parameter, plain)


def _name(parameter: CommandParameter, text: str) -> str:
    return _shaped(parameter, text, _NAME)


def _cron(parameter: CommandParameter, text: str) -> str:
    return _shaped(parameter, text, _CRON)


def _shaped(parameter: CommandParameter, text: str, shape: re.Pattern[str]) -> str:
    if not shape.fullmatch(text):
        raise WrongValueError(parameter.name)
    return text


def _number(parameter: CommandParameter, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise WrongValueError(parameter.name)
    number = int(text)
    above = parameter.most is not None and number > parameter.most
    if above or (parameter.least is not None and number < parameter.least):
        raise WrongValueError(parameter.name)
    return number


def _choice(parameter: CommandParameter, text: str) -> str:
    if text in parameter.choices:
        return text
    fitting = [each for each in parameter.choices if each.lower() == text.lower()]
    if len(fitting) != 1:
        raise WrongValueError(parameter.name)
    return fitting[0]


def _yes_no(parameter: CommandParameter, text: str) -> bool:
    text = text.lower()
    if text not in _YES | _NO:
        raise WrongValueError(parameter.name)
    return text in _YES


def _date(parameter: CommandParameter, text: str, now: dt.datetime) -> str:
    if text in _DAYS_AGO:
        return (now.date() - dt.timedelta(days=_DAYS_AGO[text])).isoformat()
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise WrongValueError(parameter.name) from error


def _text(parameter: CommandParameter, text: str) -> str:
    hidden = any(
        (category := unicodedata.category(character))[0] == "C" or category in ("Zl", "Zp")
        for character in text
    )
    if hidden or not 1 <= len(text) <= _LONGEST:
        raise WrongValueError(parameter.name)
    return text


def _path(parameter: CommandParameter, text: str) -> str:
    if not text.startswith("/") or text.startswith("//") or posixpath.normpath(text) != text:
        raise WrongValueError(parameter.name)
    return _text(parameter, text)


_READERS: Mapping[ParameterKind, Callable[[CommandParameter, str], Param]] = {
    ParameterKind.NUMBER: _number,
    ParameterKind.CHOICE: _choice,
    ParameterKind.YES_NO: _yes_no,
    ParameterKind.PATH: _path,
    ParameterKind.CRON: _cron,
    ParameterKind.NAME: _name,
}


def expected(parameter: CommandParameter, texts: Texts) -> str:
    """What the parameter takes, in words."""
    if parameter.choices:
        return " | ".join(parameter.choices)
    key = f"command.kind.{parameter.kind.value}"
    if parameter.kind is ParameterKind.NUMBER and parameter.least is not None:
        most = "…" if parameter.most is None else parameter.most
        return texts.say("command.kind.between", least=parameter.least, most=most)
    return texts.say(key)
