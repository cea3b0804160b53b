"""``/sm <id> <target> [name=value]…``: a grammar, and nothing beside it.

Owns: reading such a line. Ids are exact or uniquely completed, names of the estate exact, values
typed; whatever does not fit is answered with what exists. No rule, classifier or model is ever
asked about it. Words behind ``/sm`` that begin with no id are talk, and are left to the others.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.core.command_text import (
    ARGUMENT,
    PREFIX,
    SCRIPT,
    CommandWord,
    UnclosedQuoteError,
    quoted,
    split_words,
)
from bot.core.domain.command import CommandParameter, CommandSpec, command_of_script
from bot.core.domain.intent import NONE, Choice, Clarification, Intent, Param, Utterance
from bot.core.texts import Texts
from intents.command_book import BOOK
from intents.command_target import Aim, read_aim
from intents.command_values import WrongValueError, expected, read_value
from intents.pasted import pasted_crontab
from intents.phrase import LONGEST
from intents.schema import CATALOGUE, missing

_COMMAND = re.compile(r"\s*/sm(?:\s+|$)", re.IGNORECASE)
_ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_HELP = frozenset({"?", "help", "도움말", "-h", "--help"})
_MOST_CHOICES = 8
_SAID = 80  # characters of what was said that are said back
_LIKE = 0.5  # how alike an unknown id must be to one that exists
_OPERATION = "operation"
_CRON_CHECKER = "cron_health_checker"
Answer = Intent | Clarification


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One command, taken apart."""

    spec: CommandSpec
    target: tuple[str, ...]
    named: tuple[CommandWord, ...]


class CommandGrammar:
    """Reads ``/sm`` lines."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def read(self, utterance: Utterance) -> Answer | None:
        """What the line asks for, or what is wrong with it. None: it is no such line."""
        match = _COMMAND.match(utterance.text)
        if match is None or not utterance.addressed or len(utterance.text) > LONGEST:
            return None
        pasted = self._pasted(utterance, utterance.text[match.end() :])
        if pasted is not None:
            return pasted
        try:
            words = split_words(utterance.text[match.end() :])
        except UnclosedQuoteError:
            first = utterance.text[match.end() :].split(maxsplit=1)[0]
            return self._say("quote") if _ID.fullmatch(first) else None
        if not words:
            return _help(PREFIX)
        return self._first(words, utterance)

    def unheard(self, utterance: Utterance) -> Clarification | None:
        """The answer to words behind ``/sm`` that nobody has understood; None: it is not called."""
        match = _COMMAND.match(utterance.text)
        if match is None or not utterance.addressed:
            return None
        said = " ".join(utterance.text[match.end() :].split())[:_SAID]
        return self._say("unheard", said=said)

    def _pasted(self, utterance: Utterance, line: str) -> Intent | None:
        """A crontab behind its checker: it is no target and no value, and has quotes of its own."""
        first = line.split(maxsplit=1)[:1]
        crontab = pasted_crontab(utterance.text)
        if not first or crontab is None or _fitting(first[0], BOOK) != [_CRON_CHECKER]:
            return None
        return Intent(action=_CRON_CHECKER, params={"crontab": crontab})

    def _first(self, words: tuple[CommandWord, ...], utterance: Utterance) -> Answer | None:
        first, rest = unicodedata.normalize("NFKC", words[0].text), words[1:]
        book = commands_for(utterance)
        if first.lower() in _HELP:
            return self._help_about(rest, book)
        if words[0].name or words[0].quoted or not _ID.fullmatch(first):
            return None
        if first not in book and first.lower() in CATALOGUE and first.lower() != NONE:
            return None  # no check and no cure: said in words, as ever
        found = _fitting(first, book)
        if len(found) != 1:
            return self._which(first, found, rest, book)
        spec = book[found[0]]
        if any(word.name is None and word.text.lower() in _HELP for word in rest):
            return _help(spec.command)
        line = _Line(
            spec=spec,
            target=tuple(word.text for word in rest if word.name is None),
            named=tuple(word for word in rest if word.name is not None),
        )
        return self._line(line, utterance)

    def _help_about(self, rest: Sequence[CommandWord], book: Mapping[str, CommandSpec]) -> Answer:
        if not rest:
            return _help(PREFIX)
        found = _fitting(rest[0].text, book)
        if len(found) == 1:
            return _help(found[0])
        return self._which(rest[0].text, found, (CommandWord(text="?"),), book)

    # --- the id ----------------------------------------------------------------------------

    def _which(
        self,
        said: str,
        found: Sequence[str],
        rest: Sequence[CommandWord],
        book: Mapping[str, CommandSpec],
    ) -> Clarification:
        behind = "".join(f" {_written(word)}" for word in rest)
        key, ids = ("which", list(found)) if found else ("unknown_near", _nearest(said, book))
        asked = self._say(key if ids else "unknown", ids, f"{{0}}{behind}", said=said)
        named = (
            replace(choice, label=self._called(book[command]))
            for choice, command in zip(asked.choices, ids, strict=False)
        )
        return replace(asked, choices=tuple(named))

    def _called(self, spec: CommandSpec) -> str:
        """What a command is called by people, then its id."""
        title = spec.title if spec.script else self._texts.say(f"action.{spec.command}")
        return f"{title} · {spec.command}" if title else spec.command

    # --- the rest of the line --------------------------------------------------------------

    def _line(self, line: _Line, utterance: Utterance) -> Answer:
        params = self._params(line, utterance)
        if isinstance(params, Clarification):
            return params
        target, operation = _apart(line, params)
        params |= operation
        aim = read_aim(target, utterance.vocabulary)
        intent = _intent(line.spec, aim, params)
        wrong = self._wrong_target(line, aim, intent) or self._absent(line.spec, params)
        if wrong is not None:
            return wrong
        absent = missing(
            intent,
            utterance.vocabulary,
            has_files=bool(utterance.files),
            doubtful=aim.doubtful,
        )
        return replace(intent, missing=tuple(dict.fromkeys((*absent, *aim.unsettled))))

    def _params(self, line: _Line, utterance: Utterance) -> dict[str, Param] | Clarification:
        spec, found = line.spec, {}
        for word in line.named:
            name = (word.name or "").lower()
            parameter = spec.parameter(name)
            if parameter is None:
                return self._no_such(spec, name)
            if name in found:
                return self._say("twice", name=name)
            try:
                found[name] = read_value(spec, parameter, word.text, now=utterance.now)
            except WrongValueError:
                return self._wrong_value(line, parameter, word)
        default = next((each.default for each in spec.parameters if each.name == _OPERATION), "")
        if default and _OPERATION not in found and not spec.script:
            found[_OPERATION] = default
        return found

    def _no_such(self, spec: CommandSpec, name: str) -> Clarification:
        known = ", ".join(each.name for each in spec.parameters)
        if not known:
            return self._say("takes_none", command=spec.command, name=name)
        return self._say("no_parameter", command=spec.command, name=name, known=known)

    def _wrong_value(
        self, line: _Line, parameter: CommandParameter, word: CommandWord
    ) -> Clarification:
        others = [_written(each) for each in line.named if each is not word]
        way = " ".join([line.spec.command, *line.target, *others, f"{parameter.name}={{0}}"])
        asked = self._say(
            "value",
            parameter.choices,
            way,
            command=line.spec.command,
            name=parameter.name,
            said=word.text[:_SAID],
            expected=expected(parameter, self._texts),
        )
        if line.spec.script:
            return asked
        named = (
            replace(choice, label=self._meaning(value))
            for choice, value in zip(asked.choices, parameter.choices, strict=False)
        )
        return replace(asked, choices=tuple(named))

    def _meaning(self, value: str) -> str:
        key = f"command.choice.{value}"
        return f"{self._texts.say(key)} · {value}" if self._texts.has(key) else value

    def _absent(self, spec: CommandSpec, params: Mapping[str, Param]) -> Clarification | None:
        """Of a script nobody can be asked in words: its parameters are given with it."""
        if not spec.script:
            return None
        absent = [each for each in spec.parameters if each.required and each.name not in params]
        if not absent:
            return None
        known = ", ".join(f"{each.name} ({expected(each, self._texts)})" for each in absent)
        return self._say("absent", command=spec.command, known=known)

    def _wrong_target(self, line: _Line, aim: Aim, intent: Intent) -> Clarification | None:
        named = "".join(f" {_written(word)}" for word in line.named)
        if aim.misspelled:
            return self._say("misspelled", aim.misspelled, f"{line.spec.command} {{0}}{named}")
        if aim.offers or aim.rivals:
            names = (aim.offers or aim.rivals)[:_MOST_CHOICES]
            key = "did_you_mean" if aim.offers else "which_first"
            return Clarification(
                question=self._texts.say(f"intents.{key}"),
                choices=tuple(Choice(label=one, value=one) for one in names),
                partial=replace(intent, missing=("institution", "system")),
            )
        if aim.unknown:
            said = " ".join(aim.unknown)[:_SAID]
            return self._say("no_target", command=line.spec.command, said=said)
        return None

    def _say(
        self, key: str, choices: Sequence[str] = (), way: str = "", **values: str
    ) -> Clarification:
        """A sentence; each choice as a button that says the whole command again."""
        return Clarification(
            question=self._texts.say(f"command.{key}", **values),
            choices=tuple(
                Choice(label=each, value=f"{PREFIX} {way.replace('{0}', each)}")
                for each in choices[:_MOST_CHOICES]
            ),
        )


def commands_for(utterance: Utterance) -> dict[str, CommandSpec]:
    """Every command there is for this person: ours, and the scripts of their agents. A script
    never takes the place of one of ours."""
    scripts = {one.script: command_of_script(one) for one in utterance.vocabulary.scripts}
    return {**scripts, **BOOK}


def _fitting(said: str, book: Mapping[str, CommandSpec]) -> list[str]:
    """The id, or those that it begins."""
    for form in (said, said.lower()):
        if form in book:
            return [form]
    return [command for command in book if command.lower().startswith(said.lower())]


def _nearest(said: str, book: Mapping[str, CommandSpec]) -> list[str]:
    low = said.lower()
    within = [command for command in book if len(low) > 2 and low in command.lower()]
    within += [
        name for name, spec in book.items() if any(low in one.choices for one in spec.parameters)
    ]
    alike = difflib.get_close_matches(low, list(book), n=3, cutoff=_LIKE)
    return list(dict.fromkeys([*within, *alike]))[:_MOST_CHOICES]


def _apart(line: _Line, params: Mapping[str, Param]) -> tuple[list[str], dict[str, Param]]:
    """The target, and the operation where a bare word names it: "… 1번 restart"."""
    parameter = None if line.spec.script else line.spec.parameter(_OPERATION)
    told = any(word.name == _OPERATION for word in line.named)
    bare = [word for word in line.target if parameter and word.lower() in parameter.choices]
    if told or len(bare) != 1:
        return list(line.target), {}
    return [word for word in line.target if word not in bare], {_OPERATION: bare[0].lower()}


def _intent(spec: CommandSpec, aim: Aim, params: Mapping[str, Param]) -> Intent:
    given = dict(params)
    if spec.script:
        given = {f"{ARGUMENT}{name}": value for name, value in params.items()}
        given["script"] = spec.command
    return Intent(
        action=SCRIPT if spec.script else spec.command,
        selector=aim.selector,
        params=given,
        open_target=aim.empty,
    )


def _help(about: str) -> Intent:
    return Intent(action="help", params={"about": about})


def _written(word: CommandWord) -> str:
    if word.name is None:
        return quoted(word.text) if word.quoted else word.text
    return f"{word.name}={quoted(word.text)}"
