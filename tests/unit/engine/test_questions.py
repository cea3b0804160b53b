"""What is asked for first, and which answers are offered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.domain.estate import Environment, Layer, SrEntry, SystemEntry, Vocabulary
from bot.core.domain.intent import Intent, Selector
from bot.engine.questions import first_missing, question_for
from tests.fakes.engine import MOEF, MOIS, TEXTS, a_vocabulary
from tests.fakes.planning import SYSTEM


def asks(*missing: str, selector: Selector | None = None, vocabulary: Vocabulary | None = None):
    intent = Intent(action="deploy", selector=selector or Selector(), missing=missing)
    return question_for(intent, vocabulary or a_vocabulary(), TEXTS)


def an_sr(number: int, status: str = "개발완료", institution: str = MOEF) -> SrEntry:
    return SrEntry(
        sr_id=f"SR-2026-{number:04}",
        institution=institution,
        system=SYSTEM.name,
        title=f"변경 {number}",
        status=status,
    )


@pytest.mark.parametrize(
    ("missing", "first"),
    [
        (("files", "sr", "env", "system", "institution"), "institution"),
        (("files", "sr", "env", "system"), "system"),
        (("files", "nodes", "layer", "env"), "env"),
        (("files", "nodes", "layer"), "layer"),
        (("files", "sr", "nodes"), "nodes"),
        (("files", "sr"), "sr"),
        (("files",), "files"),
        (("operation",), "operation"),
        (("operation", "files"), "files"),
    ],
)
def test_asks_first_for_what_narrows_the_rest(missing: tuple[str, ...], first: str):
    assert first_missing(missing) == first
    assert first_missing(reversed(missing)) == first


def test_offers_only_names_of_the_vocabulary():
    question = asks("institution")
    assert [choice.value for choice in question.choices] == [MOEF, MOIS]
    seen = replace(a_vocabulary(), systems=(SYSTEM,))
    assert [choice.value for choice in asks("institution", vocabulary=seen).choices] == [MOEF]


def test_offers_systems_of_the_named_institution():
    question = asks("system", selector=Selector(institution=MOEF))
    assert [choice.value for choice in question.choices] == [SYSTEM.name]


def test_offers_institutions_that_have_the_named_system():
    both = SystemEntry(institution=MOIS, name=SYSTEM.name, code="MOIS-BUDGET")
    vocabulary = replace(a_vocabulary(), systems=(*a_vocabulary().systems, both))
    question = asks("institution", selector=Selector(system=SYSTEM.name), vocabulary=vocabulary)
    assert [choice.value for choice in question.choices] == [MOEF, MOIS]


def test_offers_layers_and_environments_that_exist():
    where = Selector(institution=MOEF, system=SYSTEM.name)
    assert [choice.value for choice in asks("layer", selector=where).choices] == ["WEB", "WAS"]
    assert [choice.value for choice in asks("env", selector=where).choices] == ["운영"]
    nowhere = replace(where, env=Environment.DEV)
    assert asks("layer", selector=nowhere).choices == ()
    web = replace(where, layer=Layer.WEB)
    assert [choice.value for choice in asks("env", selector=web).choices] == ["운영"]


def test_offers_no_closed_request_and_none_of_another_institution():
    rows = (an_sr(1), an_sr(2, "배포완료"), an_sr(3, "반려"), an_sr(4, institution=MOIS))
    vocabulary = replace(a_vocabulary(), srs=rows)
    question = asks("sr", selector=Selector(institution=MOEF), vocabulary=vocabulary)
    assert [choice.value for choice in question.choices] == ["SR-2026-0001"]
    assert question.choices[0].label == "SR-2026-0001 변경 1"


def test_offers_no_buttons_where_nobody_would_read_them():
    vocabulary = replace(a_vocabulary(), srs=tuple(an_sr(number) for number in range(1, 10)))
    assert asks("sr", vocabulary=vocabulary).choices == ()
    eight = replace(vocabulary, srs=vocabulary.srs[:8])
    assert len(asks("sr", vocabulary=eight).choices) == 8


def test_asks_for_files_and_numbers_without_choices():
    for slot in ("files", "nodes"):
        question = asks(slot)
        assert question.choices == ()
        assert question.question == TEXTS.say(f"ask.{slot}")


def test_asks_for_a_parameter_by_its_name_and_keeps_what_is_known():
    question = asks("operation", selector=Selector(system=SYSTEM.name))
    assert "operation" in question.question
    assert question.partial is not None
    assert question.partial.selector.system == SYSTEM.name
