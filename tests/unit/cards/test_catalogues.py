"""Korean and English say the same things, in all files."""

from __future__ import annotations

import string
import tomllib
from collections import Counter
from importlib import resources
from typing import Any, get_args

from agent.wire.operations import CHANGING, Operation
from bot.core.domain.job import JobState
from bot.core.domain.people import Role
from bot.core.texts import LANGUAGES, load_texts

KOREAN, ENGLISH = load_texts("ko"), load_texts("en")


def _leaves(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        deeper = isinstance(value, dict)
        found |= _leaves(value, f"{prefix}{name}.") if deeper else {prefix + name: str(value)}
    return found


def _files(language: str) -> list[dict[str, str]]:
    folder = resources.files("bot.core").joinpath("locales", language)
    return [_leaves(tomllib.loads(file.read_text("utf-8"))) for file in folder.iterdir()]


def _sentences(language: str) -> dict[str, str]:
    return {key: text for file in _files(language) for key, text in file.items()}


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert KOREAN.keys() ^ ENGLISH.keys() == frozenset()


def test_both_languages_have_the_same_placeholders() -> None:
    korean, english = _sentences("ko"), _sentences("en")
    differing = {
        key
        for key in korean.keys() & english.keys()
        if _placeholders(korean[key]) != _placeholders(english[key])
    }
    assert differing == set()


def test_every_placeholder_is_a_plain_name() -> None:
    odd = {
        (language, key, name)
        for language in LANGUAGES
        for key, sentence in _sentences(language).items()
        for name in _placeholders(sentence)
        if not name.isidentifier()
    }
    assert odd == set()


def test_both_languages_have_the_same_files() -> None:
    folder = resources.files("bot.core").joinpath("locales")
    named = {
        language: {file.name for file in folder.joinpath(language).iterdir()}
        for language in LANGUAGES
    }
    assert named["ko"] == named["en"]


def test_no_key_is_given_by_two_files() -> None:
    keys = Counter(key for file in _files("ko") for key in file)
    assert [key for key, count in keys.items() if count > 1] == []


def test_every_state_of_a_job_has_its_titles() -> None:
    for state in JobState:
        assert KOREAN.has(f"cards.plan.title.{state.value}")


def test_every_role_has_a_name() -> None:
    assert all(KOREAN.has(f"role.{role.value}") for role in Role)


def test_every_operation_has_a_name() -> None:
    models = get_args(get_args(Operation)[0])
    kinds = {model.model_fields["kind"].default for model in models}
    assert kinds >= CHANGING
    missing = {kind for kind in kinds - {"drain_member"} if not KOREAN.has(f"steps.kind.{kind}")}
    assert missing == set()
