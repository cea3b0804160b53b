"""The classifier's examples: every action, no names, and nothing of what it is tested on."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from intents.agreement import READS, labelled
from intents.schema import CATALOGUE
from prompts import load_examples

CASES = Path(__file__).parents[2] / "cases" / "intents"
EXAMPLES = load_examples()
SENTENCES = [sentence for sentences in EXAMPLES.values() for sentence in sentences]


def pairs(text: str) -> frozenset[str]:
    flat = re.sub(r"[\s□▒]+", "", text.lower())
    return frozenset(flat[at : at + 2] for at in range(len(flat) - 1))


def test_there_are_enough_for_every_action() -> None:
    actions = {label.partition("/")[0] for label in EXAMPLES}
    assert actions == set(CATALOGUE)
    assert len(SENTENCES) >= 1100
    assert min(map(len, EXAMPLES.values())) >= 15
    assert len(EXAMPLES["none"]) >= 200


def test_no_sentence_stands_twice() -> None:
    assert [text for text, times in Counter(SENTENCES).items() if times > 1] == []


def test_labels_are_of_the_catalogue() -> None:
    for label in EXAMPLES:
        action, _, operation = label.partition("/")
        assert labelled(action, operation) == label
    assert set(EXAMPLES) >= READS


def test_no_institution_or_system_is_named() -> None:
    data = tomllib.loads((CASES / "estate.toml").read_text("utf-8"))
    names = {
        name
        for table in (data["institutions"], *data["systems"].values())
        for name, aliases in table.items()
        for name in (name, *aliases)
        if len(name) > 2
    }
    ordinary = {
        "ESB",
        "MES",
        "엠이에스",
        "스마트공장",
        "지보",
    }  # a kind of system that people ask for by its kind
    found = [(name, text) for text in SENTENCES for name in names - ordinary if name in text]
    assert found == []


@pytest.mark.parametrize("file", sorted(CASES.glob("styles*.jsonl")), ids=lambda file: file.name)
def test_no_sentence_is_a_copy_of_a_test_sentence(file: Path) -> None:
    examples = [(text, pairs(text)) for text in SENTENCES]
    copies = []
    for line in file.read_text("utf-8").splitlines():
        tested = json.loads(line)["text"]
        grams = pairs(tested)
        for text, own in examples:
            both = len(own | grams)
            if both and len(own & grams) / both >= 0.85:
                copies.append((tested, text))
    assert copies == []
