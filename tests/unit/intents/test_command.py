"""``/sm`` lines in, intents out: the lines are data in ``tests/cases/commands``."""

from __future__ import annotations

import datetime as dt
import tomllib
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.wire.scripts import ScriptParameter, ScriptSpec
from bot.app.demo.nodes import DATA
from bot.core.command_text import command_text, quoted, split_words, target_text
from bot.core.domain.command import CommandParameter, CommandSpec, ParameterKind
from bot.core.domain.intent import Clarification, Intent, Param, Selector, Utterance
from bot.core.texts import load_texts
from cmdb.importers.estate_csv import read_estate, vocabulary_of
from intents.chain import Chain
from intents.command import CommandGrammar
from intents.command_book import BOOK, FAMILIES
from intents.rules import RuleParser
from intents.schema import CATALOGUE, validated

FILE = Path(__file__).parents[2] / "cases" / "commands" / "grammar.toml"
CASES: list[dict[str, Any]] = tomllib.loads(FILE.read_text("utf-8"))["case"]
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
SCRIPT = ScriptSpec(
    script="clear-cache",
    sha256="0" * 64,
    title="캐시 비우기",
    risk="change",
    parameters=(
        ScriptParameter(name="area", choices=("web", "was")),
        ScriptParameter(name="keep", kind="number", required=False, least=1, most=9),
    ),
)
ESTATE = replace(vocabulary_of(read_estate(DATA), None), scripts=(SCRIPT,))
TEXTS = load_texts("ko")
GRAMMAR = CommandGrammar(TEXTS)


def said(text: str) -> Utterance:
    return Utterance(text=text, now=NOW, vocabulary=ESTATE)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"])
def test_reads_the_line_as_the_grammar_says(case: dict[str, Any]) -> None:
    answer = GRAMMAR.read(said(case["text"]))
    if case.get("talk"):
        assert answer is None
    elif "asks" in case:
        assert isinstance(answer, Clarification)
        assert case["asks"] in answer.question
        assert [one.value for one in answer.choices] == case.get("buttons", [])
    else:
        assert isinstance(answer, Intent)
        assert answer.action == case["action"]
        assert target_text(answer.selector) == case.get("target", "")
        assert dict(answer.params) == case.get("params", {})
        assert list(answer.missing) == case.get("missing", [])


@pytest.mark.parametrize(
    "case", [case for case in CASES if "buttons" in case and "/sm" in case["buttons"][0]]
)
def test_what_a_button_says_is_read_again(case: dict[str, Any]) -> None:
    answers = [GRAMMAR.read(said(button)) for button in case["buttons"]]
    assert all(answer is not None and answer != GRAMMAR.read(said("/sm")) for answer in answers)


def test_a_button_says_in_words_what_it_stands_for() -> None:
    which = GRAMMAR.read(said("/sm check_d 예산시스템"))
    assert isinstance(which, Clarification)
    assert which.choices[0].label == f"{TEXTS.say('action.check_disk_space')} · check_disk_space"
    value = GRAMMAR.read(said("/sm manage_service 예산시스템 운영 WAS 1 operation=foo"))
    assert isinstance(value, Clarification)
    assert value.choices[-1].label == f"{TEXTS.say('command.choice.restart')} · restart"


async def test_nobody_else_is_asked_about_a_command() -> None:
    class Asked:
        def __init__(self) -> None:
            self.texts: list[str] = []

        async def propose(self, utterance: Utterance) -> None:
            self.texts.append(utterance.text)

    classifier, model = Asked(), Asked()
    chain = Chain(RuleParser(TEXTS), TEXTS, classifier=classifier, model=model)
    for case in CASES:
        if not case.get("talk"):
            await chain.parse(said(case["text"]))
    assert classifier.texts == model.texts == []


async def test_words_behind_it_that_nobody_understands_are_answered() -> None:
    answer = await Chain(RuleParser(TEXTS), TEXTS).parse(said("/sm 야간점검"))
    assert isinstance(answer, Clarification)
    assert "`야간점검`" in answer.question


async def test_an_overheard_command_is_none() -> None:
    heard = replace(said("/sm check_infra_health 예산시스템"), addressed=False)
    assert GRAMMAR.read(heard) is None
    assert await Chain(RuleParser(TEXTS), TEXTS).parse(heard) is None


def test_a_script_never_takes_the_place_of_one_of_ours() -> None:
    impostor = replace(ESTATE, scripts=(SCRIPT.model_copy(update={"script": "backup_db"}),))
    line = replace(said("/sm backup_db 예산시스템 운영"), vocabulary=impostor)
    answer = GRAMMAR.read(line)
    assert isinstance(answer, Intent)
    assert answer.action == "backup_db"


def test_somebody_who_sees_no_system_is_told_nothing_of_it() -> None:
    nobody = replace(ESTATE, institutions=(), systems=(), nodes=())
    answer = GRAMMAR.read(replace(said("/sm check_infra 기재부 예산시스템"), vocabulary=nobody))
    assert isinstance(answer, Clarification)
    assert "기재부 예산시스템" in answer.question


def test_every_system_management_action_is_a_command_with_words() -> None:
    listed = {action for actions in FAMILIES.values() for action in actions}
    assert listed <= set(CATALOGUE)
    for command in BOOK:
        assert TEXTS.has(f"command.about.{command}")
        assert TEXTS.has(f"command.family.{BOOK[command].family}")
        assert all(TEXTS.has(f"command.parameter.{one.name}") for one in BOOK[command].parameters)


# --- text and back -----------------------------------------------------------------------------

WORDS = st.text(
    alphabet=st.characters(blacklist_categories=("C",)), min_size=1, max_size=40
).filter(lambda text: text.strip() == text)


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_quoted_words_are_split_as_they_were(values: list[str]) -> None:
    line = " ".join(f"name={quoted(value)}" for value in values)
    assert [word.text for word in split_words(line)] == values


def value_of(parameter: CommandParameter) -> st.SearchStrategy[Param]:
    if parameter.choices:
        return st.sampled_from(parameter.choices)
    if parameter.kind is ParameterKind.NUMBER:
        return st.integers(parameter.least or 0, parameter.most or 99)
    return {
        ParameterKind.TEXT: st.text(
            alphabet=st.characters(blacklist_categories=("C",)), min_size=1, max_size=60
        ).map(lambda text: text),
        ParameterKind.DATE: st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1)).map(
            lambda day: day.isoformat()
        ),
        ParameterKind.PATH: st.sampled_from(["/app", "/app/log.d", "/var/log-1"]),
        ParameterKind.CRON: st.sampled_from(["0 3 * * *", "*/10 9-18 * * 1-5"]),
        ParameterKind.NAME: st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True),
        ParameterKind.YES_NO: st.booleans(),
    }[parameter.kind]


@st.composite
def intents(draw: st.DrawFn) -> Intent:
    spec: CommandSpec = draw(st.sampled_from(list(BOOK.values())))
    params = {
        one.name: draw(value_of(one))
        for one in spec.parameters
        if one.required or one.name == "operation" or draw(st.booleans())
    }
    node = draw(st.sampled_from(ESTATE.nodes))
    depth = draw(st.integers(0, 2))
    selector = Selector(
        institution=node.institution,
        system=node.system,
        env=node.env if depth > 0 else None,
        layer=node.layer if depth > 1 else None,
        nodes=(node.number,) if depth > 1 and draw(st.booleans()) else (),
    )
    return Intent(action=spec.command, selector=selector, params=params)


def read_back(intent: Intent) -> Intent:
    answer = GRAMMAR.read(said(f"/sm {command_text(intent)}"))
    assert isinstance(answer, Intent), answer
    return replace(answer, missing=())


@settings(max_examples=300, deadline=None)
@given(intents())
def test_the_text_of_an_intent_is_read_as_the_same_intent(intent: Intent) -> None:
    composed = {
        name: unicodedata.normalize("NFC", value) if isinstance(value, str) else value
        for name, value in intent.params.items()
    }
    assert read_back(intent) == replace(intent, params=composed)
    assert validated(intent.action, intent.params) == intent.params


def test_the_text_of_any_system_leads_back_to_it() -> None:
    for system in ESTATE.systems:
        selector = Selector(institution=system.institution, system=system.name)
        intent = Intent(action="check_infra_health", selector=selector)
        assert read_back(intent) == intent


def test_a_scripts_intent_leads_back_to_it() -> None:
    params: dict[str, Param] = {"script": "clear-cache", "arg.area": "web", "arg.keep": 3}
    node = next(node for node in ESTATE.nodes if node.node_id == "moef-budget-prod-was01")
    selector = Selector(
        institution=node.institution, system=node.system, env=node.env, layer=node.layer, nodes=(1,)
    )
    intent = Intent(action="run_script", selector=selector, params=params)
    assert read_back(intent) == intent


@pytest.mark.parametrize(
    ("line", "answer", "params"),
    [
        (
            "/sm clear-cache 예산시스템 WAS 1 area=web",
            "운영",
            {"script": "clear-cache", "arg.area": "web"},
        ),
        ("/sm backup_db 예산시스템", "운영", {}),
        ("/sm kill_session 예산시스템 WAS 1 pid=4242", "운영", {"pid": 4242}),
    ],
)
def test_what_is_missing_is_asked_for_and_the_answer_completes_the_command(
    line: str, answer: str, params: dict[str, Param]
) -> None:
    asked = GRAMMAR.read(said(line))
    assert isinstance(asked, Intent)
    assert asked.missing == ("env",)
    whole = RuleParser(TEXTS).understand(replace(said(answer), pending=asked))
    assert isinstance(whole, Intent)
    assert (whole.action, dict(whole.params), whole.missing) == (asked.action, params, ())
    assert whole.selector == replace(asked.selector, env=whole.selector.env)
