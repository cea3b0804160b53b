"""Which layer is at fault, of every way in which web servers and WAS can answer."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent.wire.readings import Fact, Level, Reading
from bot.core.cards.layers import Standing, concluded, standing_of, through
from bot.core.domain.report import Tone
from bot.core.texts import load_texts

CASES = tomllib.loads((Path(__file__).parents[2] / "cases" / "layers.toml").read_text("utf-8"))[
    "case"
]
WELL, BEHIND, ILL, UNKNOWN = Standing


def answer(port: str | int = 3, page: int | str | None = 200, level: Level = "normal") -> Reading:
    facts = [Fact(name="port", value=port, level="critical" if port == "closed" else "normal")]
    if page is not None:
        facts.append(Fact(name="health_page", value=page, level=level))
    return Reading(level=level, facts=tuple(facts))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_names_the_layer_at_fault(case: dict[str, Any]) -> None:
    web = {node: Standing(how) for node, how in case.get("web", {}).items()}
    was = {node: Standing(how) for node, how in case.get("was", {}).items()}
    made = concluded(web, was)
    assert made.code == case["code"]
    assert made.tone is Tone(case["tone"])
    assert [*made.web, *made.was] == case.get("faulty", [])


@pytest.mark.parametrize("language", ["ko", "en"])
def test_every_conclusion_has_its_sentence(language: str) -> None:
    texts = load_texts(language)
    codes = {case["code"] for case in CASES}
    assert len(codes) == 13
    assert all(texts.has(f"layers.{code}") for code in codes)


@pytest.mark.parametrize(
    ("reading", "standing"),
    [
        (answer(), WELL),
        (answer(page=None), WELL),
        (answer("closed", None), ILL),
        (answer(page="no_answer", level="critical"), ILL),
        (answer(page=500, level="critical"), ILL),
        (answer(page=404, level="warning"), ILL),
        (answer(page=502, level="warning"), BEHIND),
        (answer(page=504, level="warning"), BEHIND),
        (None, UNKNOWN),
        (Reading(level="unknown"), UNKNOWN),
    ],
)
def test_how_one_server_stands(reading: Reading | None, standing: Standing) -> None:
    assert standing_of(reading) is standing


def test_a_web_server_that_gets_no_answer_from_behind_is_cut() -> None:
    cut = answer(page=502, level="warning")
    assert through(WELL, [cut]) is BEHIND
    assert through(WELL, [answer(page="no_answer", level="critical")]) is BEHIND
    assert through(ILL, [cut]) is ILL
    closed = answer(page=403, level="warning")  # a page that is not for the outside
    assert through(WELL, [closed, None]) is WELL
