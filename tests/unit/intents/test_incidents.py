"""Trouble in words that no pattern knows: the classifier, and the model where that is unsure."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from bench.advice import unseen
from bot.core.domain.intent import NONE
from intents.advise import SymptomAdviser
from intents.incidents import SURE, UNSURE, Guess, IncidentClassifier, written_lines
from intents.model import ModelError
from intents.opinion import ModelOpinion, read_topic, topic_form
from intents.symptoms import load_symptoms
from intents.turns import Turns
from tests.fakes.model import ScriptedModel

CASES = Path(__file__).parents[2] / "cases" / "advice"
LINES = written_lines()
TOPICS = tuple(symptom.topic for symptom in load_symptoms().topics)
HALF = "옆 시스템 화면이 이상하네요"  # no pattern's words


class Guessing(IncidentClassifier):
    """A classifier that is as sure as a test says."""

    def __init__(self, probability: float, topic: str = "slow") -> None:
        super().__init__()
        self._guess = Guess(probability=probability, topic=topic)

    async def guess(self, line: str) -> Guess | None:
        return self._guess


class Opinions:
    """An Opinion that says one thing, and counts."""

    def __init__(self, topic: str | None) -> None:
        self._topic = topic
        self.asked: list[str] = []

    async def topic(self, line: str) -> str | None:
        self.asked.append(line)
        return self._topic


async def topic_of(adviser: SymptomAdviser, *said: str) -> str | None:
    advice = await adviser.advise(said)
    return advice.topic if advice else None


# --- the examples ----------------------------------------------------------------------------


def test_there_are_enough_lines_of_every_topic() -> None:
    assert set(LINES) == {*TOPICS, NONE}
    assert sum(map(len, LINES.values())) >= 300
    assert min(map(len, LINES.values())) >= 20
    everything = [line for lines in LINES.values() for line in lines]
    assert [line for line, times in Counter(everything).items() if times > 1] == []


def pairs(text: str) -> frozenset[str]:
    flat = re.sub(r"\s+", "", text.lower())
    return frozenset(flat[at : at + 2] for at in range(len(flat) - 1))


def test_no_line_is_one_of_those_that_it_is_measured_on() -> None:
    told = [
        case["text"]
        for file in ("talk.toml", "styles.toml")
        for case in tomllib.loads((CASES / file).read_text("utf-8"))["talk"]
    ]
    measured = [pairs(text) for text in (*told, *unseen()[NONE], *unseen()["trouble"])]
    for line in (line for lines in LINES.values() for line in lines):
        mine = pairs(line)
        if len(mine) >= 6:
            assert all(len(mine & one) < 0.9 * len(mine | one) for one in measured), line


# --- patterns, classifier, model -------------------------------------------------------------


async def test_false_cards_stay_rare_and_more_trouble_is_found_than_by_patterns() -> None:
    classifier = IncidentClassifier()
    lines = unseen()
    offered = {}
    for name, adviser in (
        ("patterns", SymptomAdviser()),
        ("both", SymptomAdviser(classifier=classifier)),
    ):
        for label, texts in lines.items():
            topics = [await topic_of(adviser, text) for text in texts]
            offered[name, label] = len(texts) - topics.count(None)
    assert offered["both", NONE] <= offered["patterns", NONE] + 3  # of 236
    assert offered["both", "trouble"] >= offered["patterns", "trouble"] + 10  # of 40


async def test_a_sure_classifier_offers_a_check_without_the_model() -> None:
    opinion = Opinions(None)
    adviser = SymptomAdviser(classifier=Guessing(SURE), opinion=opinion)
    assert await topic_of(adviser, HALF) == "slow"
    assert opinion.asked == []


@pytest.mark.parametrize(
    ("says", "topic"), [("slow", "slow"), ("disk_full", "slow"), (NONE, None), (None, None)]
)
async def test_where_it_is_unsure_the_model_confirms_or_drops(
    says: str | None, topic: str | None
) -> None:
    opinion = Opinions(says)
    adviser = SymptomAdviser(classifier=Guessing(UNSURE), opinion=opinion)
    assert await topic_of(adviser, HALF) == topic
    assert opinion.asked == [HALF]


async def test_the_model_names_the_kind_only_where_the_classifier_does_not() -> None:
    unsure = Guessing(UNSURE, "trouble")
    adviser = SymptomAdviser(classifier=unsure, opinion=Opinions("disk_full"))
    assert await topic_of(adviser, HALF) == "disk_full"
    nonsense = SymptomAdviser(classifier=unsure, opinion=Opinions("reboot_everything"))
    advice = await nonsense.advise([HALF])
    assert advice is not None
    assert (advice.topic, advice.checks) == ("trouble", ("check_infra_health",))


async def test_without_a_model_the_unsure_are_let_be() -> None:
    assert await topic_of(SymptomAdviser(classifier=Guessing(SURE - 0.01)), HALF) is None


async def test_the_model_is_not_asked_about_what_is_no_trouble() -> None:
    opinion = Opinions("slow")
    adviser = SymptomAdviser(classifier=Guessing(UNSURE - 0.01), opinion=opinion)
    assert await topic_of(adviser, HALF) is None
    assert opinion.asked == []


async def test_of_what_is_no_system_the_classifier_alone_says_nothing() -> None:
    adviser = SymptomAdviser(classifier=Guessing(1.0))
    assert await topic_of(adviser, "볼펜이 말을 안 듣네요") is None
    assert await topic_of(adviser, "예산 화면 얘기인데요", "말을 안 듣네요") == "slow"


@pytest.mark.parametrize(
    "text",
    [
        "어제 화면이 이상했습니다",
        "화면이 이상했는데 해결됐습니다",
        "만약 화면이 이상하면 알려주세요",
        "프린터 화면이 이상해요",
        "ORA-00942 는 테이블이 없을 때 납니다",
    ],
)
async def test_what_the_patterns_keep_quiet_about_the_classifier_does_not_bring_back(
    text: str,
) -> None:
    assert await topic_of(SymptomAdviser(classifier=Guessing(1.0)), text) is None


async def test_the_line_that_tells_is_quoted_redacted() -> None:
    adviser = SymptomAdviser(classifier=IncidentClassifier())
    advice = await adviser.advise(
        ["안녕하세요\n예산시스템 업무가 마비됐습니다 빨리 봐주세요 password=Hush123!\n부탁드려요"]
    )
    assert advice is not None
    assert advice.evidence[0].startswith("예산시스템 업무가")
    assert "Hush123" not in "".join(advice.evidence)


async def test_the_models_are_kept_and_read_again(tmp_path: Path) -> None:
    lines = {label: texts[:8] for label, texts in LINES.items()}
    first = await IncidentClassifier(cache=tmp_path, lines=lines).guess("와스가 죽었어요")
    kept = sorted(file.name.rpartition("-")[0] for file in tmp_path.iterdir())
    assert kept == ["incidents-alarm", "incidents-topics"]
    assert await IncidentClassifier(cache=tmp_path, lines=lines).guess("와스가 죽었어요") == first


# --- the model's opinion ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ('{"topic": "slow"}', "slow"),
        ('{"topic": "none"}', NONE),
        ('{"topic": "reboot"}', None),
        ('{"topic": ["slow"]}', None),
        ('{"topic": "slow", "run": "restart"}', None),
        ('"slow"', None),
        ("{", None),
        ("느린 것 같습니다", None),
        ("[" * 90, None),
    ],
)
def test_of_an_answer_only_a_known_topic_comes_back(said: str, topic: str | None) -> None:
    assert read_topic(said, (*TOPICS, NONE)) == topic


async def test_the_model_reads_one_redacted_line_as_data() -> None:
    model, turns = ScriptedModel('{"topic": "slow"}'), Turns()
    turns.ready = True
    opinion = ModelOpinion(model, turns, TOPICS)
    assert await opinion.topic("느려요 password=Hush123! <|im_end|>") == "slow"
    messages, _ = model.asked[0]
    assert "Hush123" not in messages[-1]["content"]
    assert "<|" not in messages[-1]["content"]
    assert model.forms == ["topic"]
    assert json.dumps(topic_form(TOPICS).schema)


async def test_a_model_that_fails_has_no_opinion() -> None:
    turns = Turns()
    turns.ready = True
    assert await ModelOpinion(ScriptedModel(ModelError("x")), turns, TOPICS).topic("느려요") is None
