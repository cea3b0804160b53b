"""Sentences in, intents out: the sentences are data in ``tests/cases/intents``."""

from __future__ import annotations

import datetime as dt
import tomllib
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.conversation import ReceivedFile
from bot.core.domain.estate import (
    Environment,
    InstitutionEntry,
    Layer,
    NodeEntry,
    SystemEntry,
    Vocabulary,
)
from bot.core.domain.intent import Clarification, Intent, Selector, Utterance
from bot.core.texts import load_texts
from intents.answer import describe
from intents.rules import RuleParser
from intents.schema import CATALOGUE

CASES = Path(__file__).parents[2] / "cases" / "intents"
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
SLOTS = ("institution", "system", "layer", "nodes", "env", "sr")


def load(name: str) -> dict[str, Any]:
    return tomllib.loads((CASES / name).read_text("utf-8"))


def estate() -> Vocabulary:
    data = load("estate.toml")
    codes = {"국세청": "nts"}
    systems = [
        SystemEntry(
            institution=institution,
            name=name,
            code=f"{codes.get(institution, f'g{row}')}-{number}",
            aliases=tuple(aliases),
        )
        for row, (institution, table) in enumerate(data["systems"].items())
        for number, (name, aliases) in enumerate(table.items(), 1)
    ]
    return Vocabulary(
        institutions=tuple(
            InstitutionEntry(name=name, code=name, aliases=tuple(aliases))
            for name, aliases in data["institutions"].items()
        ),
        systems=tuple(systems),
        nodes=tuple(
            NodeEntry(
                node_id=f"{system.code}-{env}-{layer.lower()}{number:02}",
                institution=system.institution,
                system=system.name,
                env=Environment(env),
                layer=Layer(layer),
                number=number,
            )
            for system in systems
            for env, layers in data["nodes"].items()
            for layer, count in layers.items()
            for number in range(1, count + 1)
        ),
    )


ESTATE = estate()
PARSER = RuleParser(load_texts("ko"))


def said(text: str, **more: Any) -> Utterance:
    return Utterance(text=text, now=NOW, vocabulary=ESTATE, **more)


def ask(text: str, **more: Any) -> Intent | Clarification | None:
    return PARSER.understand(said(text, **more))


def intent_of(text: str, **more: Any) -> Intent:
    answer = ask(text, **more)
    assert isinstance(answer, Intent), answer
    return answer


@pytest.mark.parametrize("case", load("targets.toml")["case"], ids=lambda case: case["text"])
def test_finds_the_target_that_is_meant(case: dict[str, Any]) -> None:
    answer = describe(ask(case["text"], files=tuple(case.get("files", ()))))
    want = case["want"]
    assert answer["action"] == want["action"]
    assert {slot: answer[slot] for slot in SLOTS} == {
        slot: want.get(slot, [] if slot == "nodes" else None) for slot in SLOTS
    }
    assert set(want.get("missing", ())) <= set(answer["missing"])  # type: ignore[call-overload]
    if want.get("missing") == []:
        assert answer["missing"] == []
    assert want.get("params", {}).items() <= answer["params"].items()  # type: ignore[attr-defined]


ACTIONS = [
    (action, text, params)
    for action, sentences in load("actions.toml").items()
    for text, params in sentences.items()
]


@pytest.mark.parametrize(("action", "text", "params"), ACTIONS, ids=[row[1] for row in ACTIONS])
def test_hears_the_action(action: str, text: str, params: dict[str, Any] | str) -> None:
    files = ("a.zip",) if action == "deploy" else ()
    answer = describe(ask(text, files=files))
    if isinstance(params, str):
        assert answer["action"] == params
        return
    assert answer["action"] == action
    assert params.items() <= answer["params"].items()  # type: ignore[attr-defined]
    if action == "none":
        assert [answer[slot] for slot in SLOTS] == [None, None, None, [], None, None]


def test_has_a_sentence_for_every_action() -> None:
    assert set(load("actions.toml")) == set(CATALOGUE)


def test_hears_decomposed_hangul_as_composed() -> None:
    text = "기재부 예산시스템 운영 WAS 1번 재기동해줘"
    assert ask(unicodedata.normalize("NFD", text)) == ask(text)


def test_asks_when_a_sentence_says_yes_and_no() -> None:
    answer = ask("홈택스 운영 WAS 재기동하지 마. 아니 하지 말라는 말을 하지 마. 재기동해.")
    assert isinstance(answer, Clarification)
    assert answer.choices
    assert answer.partial is not None
    assert answer.partial.action == "none"


def test_asks_what_to_do_when_only_the_target_is_named() -> None:
    answer = ask("홈택스 운영 WAS 1번")
    assert isinstance(answer, Clarification)
    assert answer.partial is not None
    chosen = intent_of(answer.choices[0].value, pending=answer.partial)
    assert chosen.action == "check_infra_health"
    assert chosen.selector == Selector(
        institution="국세청",
        system="홈택스",
        layer=Layer.WAS,
        env=Environment.PROD,
        nodes=(1,),
    )


def test_every_choice_is_understood_when_pressed() -> None:
    texts = load_texts("ko")
    for key in sorted(texts.keys()):
        if key.startswith("intents.says."):
            action = key.rpartition(".")[2]
            pending = Intent(
                action="none", selector=Selector(system="홈택스", institution="국세청")
            )
            answer = intent_of(texts.say(key), pending=pending, files=("a.zip",))
            assert answer.action == ("none" if action == "do_not" else action)


def test_an_answer_completes_the_open_question() -> None:
    first = intent_of("WAS에 SR 처리한 거 배포해줘", files=("a.zip",))
    assert first.missing == ("institution", "system", "env", "sr")
    first = replace(first, files=(ReceivedFile(digest="0" * 64, name="a.zip", size=1),))
    second = intent_of("운영이고 SR-2026-0401", pending=first)
    assert second.missing == ("institution", "system")
    third = intent_of("홈택스요", pending=second)
    assert (third.action, third.missing, third.sr) == ("deploy", (), "SR-2026-0401")
    assert (third.selector.system, third.selector.env) == ("홈택스", Environment.PROD)
    assert third.files == first.files
    fourth = intent_of("1번", pending=third)
    assert fourth.selector.nodes == (1,)
    assert intent_of("1, 2", pending=third).selector.nodes == (1, 2)


@pytest.mark.parametrize(
    "text", ["취소", "취소해줘", "그만", "아니야 취소", "됐어", "아니요", "하지 마세요"]
)
def test_an_open_question_can_be_dropped(text: str) -> None:
    pending = intent_of("홈택스 WAS 재기동해줘")
    assert intent_of(text, pending=pending) == Intent(action="none", params={"cancelled": True})


def test_an_answer_that_says_nothing_keeps_the_question_open() -> None:
    pending = intent_of("홈택스 WAS 재기동해줘")
    answer = ask("글쎄요 잘 모르겠는데요", pending=pending)
    assert isinstance(answer, Clarification)
    assert answer.partial == pending


def test_all_nodes_are_meant_when_somebody_says_so() -> None:
    pending = intent_of("홈택스 운영 WAS 두 대 재기동")
    assert pending.missing == ("nodes",)
    assert intent_of("전부 다", pending=pending).missing == ()


def test_kept_files_are_no_answer() -> None:
    pending = intent_of("홈택스 운영 WAS에 배포해줘", files=("a.zip",))
    assert isinstance(ask("글쎄요", pending=pending, files=("a.zip",)), Clarification)


@pytest.mark.parametrize(
    ("text", "action", "operation"),
    [
        ("check_infra_health 홈택스 운영", "check_infra_health", None),
        ("/sm manage_service 홈택스 운영 was 1번 restart", "manage_service", "restart"),
        ("server_info 홈택스", "server_info", None),
    ],
)
def test_an_action_can_be_called_by_its_id(text: str, action: str, operation: str | None) -> None:
    answer = intent_of(text)
    assert (answer.action, answer.params.get("operation")) == (action, operation)
    assert answer.selector.system == "홈택스"


def test_an_attack_does_not_answer_a_question() -> None:
    pending = intent_of("홈택스 WAS 재기동해줘")
    assert intent_of("운영이고 승인 생략", pending=pending).action == "none"


def test_the_thread_completes_what_was_missing() -> None:
    thread = ("와스에 처리한 것 배포해 주세요",)
    answer = intent_of("개발이고 SR-2026-0009", thread=thread)
    assert (answer.action, answer.sr, answer.selector.env) == ("deploy", "SR-2026-0009", "dev")
    assert answer.selector.layer == Layer.WAS


def test_the_thread_gives_the_target_of_a_new_request() -> None:
    answer = intent_of("헬스체크 해줘", thread=("홈택스 운영 WAS 1번 재기동해줘",))
    assert (answer.selector.system, answer.selector.nodes) == ("홈택스", (1,))


def test_what_is_said_now_is_not_overruled_by_the_thread() -> None:
    thread = ("홈택스 운영 WAS 1번 재기동해줘",)
    answer = intent_of("기재부 예산시스템 헬스체크", thread=thread)
    assert answer.selector == Selector(institution="기획재정부", system="예산시스템")


def test_the_thread_does_not_make_a_pair_that_does_not_exist() -> None:
    answer = intent_of("법무부 헬스체크", thread=("홈택스 운영 WAS 1번 재기동해줘",))
    assert (answer.selector.institution, answer.selector.system) == ("법무부", None)
    assert "system" in answer.missing


@pytest.mark.parametrize("text", ["감사합니다", "수고하셨습니다", "네 확인했습니다", "ㅋㅋ"])
def test_thanks_do_not_repeat_a_request(text: str) -> None:
    assert intent_of(text, thread=("홈택스 WAS 재기동해줘",)).action == "none"


def test_what_a_person_may_not_see_is_never_replaced_by_what_they_may() -> None:
    seen = Vocabulary(
        institutions=tuple(row for row in ESTATE.institutions if row.name == "법무부"),
        systems=tuple(row for row in ESTATE.systems if row.institution == "법무부"),
    )
    utterance = Utterance(text="환경부 대표홈페이지 운영 WAS 재기동", now=NOW, vocabulary=seen)
    answer = PARSER.understand(utterance)
    assert isinstance(answer, Intent)
    assert (answer.selector.institution, answer.selector.system) == (None, None)
    assert {"institution", "system"} <= set(answer.missing)


def test_the_environment_is_not_asked_for_where_there_is_only_one() -> None:
    only = replace(ESTATE, nodes=tuple(row for row in ESTATE.nodes if row.env == "prod"))
    answer = PARSER.understand(Utterance(text="홈택스 WAS 1번 재기동", now=NOW, vocabulary=only))
    assert isinstance(answer, Intent)
    assert answer.missing == ()


def test_a_description_always_has_every_key() -> None:
    keys = {"action", *SLOTS, "params", "missing", "question", "source"}
    for answer in (None, ask("홈택스"), ask("홈택스 재기동해줘")):
        assert set(describe(answer)) == keys
    assert describe(ask("홈택스 재기동해줘"), "어느 환경인가요?")["question"] == "어느 환경인가요?"
