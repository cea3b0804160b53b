"""Other people's styles: a test set that no example knows, on the estate of the demo."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from bench.scoring import Tally, percentile, score
from bot.core.domain.intent import Clarification, Intent, Utterance
from bot.core.texts import load_texts
from cmdb.importers.estate import vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.answer import describe
from intents.chain import build_parser
from intents.rules import RuleParser
from intents.schema import CATALOGUE
from prompts import load_examples

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests/cases/intents"


def cases(*patterns: str) -> list[dict[str, Any]]:
    files = [file for pattern in patterns for file in sorted(FOLDER.glob(pattern))]
    return [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]


CASES = cases("styles*.jsonl", "held_out.jsonl")
# Mended after their first run.
STRANGERS = ("held_out_fourth.jsonl", "held_out_fifth.jsonl", "held_out_sixth.jsonl")
BLIND = cases("blind_*.jsonl", *STRANGERS, "neighbours.jsonl")
# Next to nothing was changed because of them.
HELD_OUT = cases("held_out_second.jsonl", "held_out_third.jsonl")
VOCABULARY = vocabulary_of(read_estate(ROOT / "bot/app/demo/data"), None)
NOW = dt.datetime(2026, 5, 23, 10, tzinfo=dt.timezone(dt.timedelta(hours=9)))
RULES = RuleParser(load_texts("ko"))
ALIKE = 0.9  # Jaccard of character bigrams from which two sentences are one

SHORTEST = 4  # bigrams; "도움말" is said in one way


def said(case: dict[str, Any]) -> Utterance:
    files = tuple(case.get("files", ()))
    thread = tuple(case.get("thread", ()))
    return Utterance(text=case["text"], now=NOW, vocabulary=VOCABULARY, files=files, thread=thread)


def pairs(text: str) -> frozenset[str]:
    flat = re.sub(r"[\W_]+", "", text.lower())
    return frozenset(flat[at : at + 2] for at in range(len(flat) - 1))


def test_nearly_all_are_understood_and_no_target_is_wrong():
    tally = Tally()
    for case in CASES:
        answer = describe(RULES.understand(said(case)))
        tally.scores.append(
            score(case["id"], case["expect"], answer, asked=False, milliseconds=0.0)
        )
    assert tally.wrong_targets == []
    assert tally.intents >= 95, tally.confusions
    assert tally.whole >= 95


async def by_the_chain(rows: list[dict[str, Any]]) -> Tally:
    parser, tally = build_parser(), Tally()
    for case in rows:
        answer = describe(await parser.parse(said(case)))
        tally.scores.append(
            score(case["id"], case["expect"], answer, asked=False, milliseconds=0.0)
        )
    return tally


async def test_what_was_once_unseen_stays_understood():
    tally = await by_the_chain(BLIND)
    assert tally.wrong_targets == []
    assert tally.intents >= 98, tally.confusions
    assert tally.whole >= 97


async def test_what_nothing_was_tuned_on_is_understood():
    tally = await by_the_chain(HELD_OUT)
    assert len(tally.scores) >= 100
    assert len(tally.wrong_targets) <= 1
    assert tally.intents >= 95, tally.confusions


def test_every_action_and_none_is_among_them():
    assert {case["expect"]["action"] for case in CASES} == set(CATALOGUE)
    assert len({case["text"] for case in CASES}) == len(CASES) >= 100


def test_no_example_has_one_of_them():
    examples: dict[int, list[frozenset[str]]] = defaultdict(list)  # by how many pairs they have
    for text in (text for texts in load_examples().values() for text in texts):
        examples[len(pairs(text))].append(pairs(text))
    for case in (*CASES, *BLIND, *HELD_OUT):
        mine = pairs(case["text"])
        if len(mine) < SHORTEST:
            continue
        sizes = range(int(len(mine) * ALIKE), int(len(mine) / ALIKE) + 2)  # no other is so near
        near = (one for size in sizes for one in examples.get(size, ()))
        nearest = max((len(mine & one) / max(1, len(mine | one)) for one in near), default=0.0)
        assert nearest < ALIKE, case["text"]


FIRST = [case for case in CASES if case["id"].startswith("s0")][:40:4]


@pytest.mark.parametrize("case", FIRST, ids=lambda case: case["id"])
def test_code_reads_the_same_slots_for_an_action_that_another_source_chose(case: dict[str, Any]):
    answer = RULES.understand(said(case))
    known = answer.partial if isinstance(answer, Clarification) else answer
    assert isinstance(known, Intent)
    other = RULES.intent_for("check_infra_health", said(case))
    assert other.action == "check_infra_health"
    assert (other.selector.institution, other.selector.system) == (
        known.selector.institution,
        known.selector.system,
    )
    assert RULES.intent_for(known.action, said(case)) == known


def test_no_intent_is_made_for_an_action_outside_the_catalogue():
    with pytest.raises(ValueError, match="no action"):
        RULES.intent_for("format_disk", said(CASES[0]))


def test_a_gap_is_no_wrong_target_and_another_system_is():
    expect = {"action": "deploy", "institution": "국세청", "system": "홈택스"}
    empty = {"action": "deploy", "institution": "국세청", "system": None, "params": {}}
    gap = score("a", expect, empty, asked=True, milliseconds=1.0)
    other = score("b", expect, {**empty, "system": "나라장터"}, asked=False, milliseconds=1.0)
    assert (gap.bad, gap.wrong_target, gap.lost) == (("system",), (), 1)
    assert other.wrong_target == ("system",)
    assert (other.hits, other.extra, other.lost) == (1, 1, 1)


def test_a_percentile_is_a_value_that_was_measured():
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(number) for number in range(1, 101)], 95) == 95.0
    assert percentile([], 95) == 0.0
