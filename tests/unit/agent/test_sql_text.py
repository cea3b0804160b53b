"""Statements of others without the values in them: tests/cases/operations/statements.toml."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.operations.sql_text import without_values

CASES = tomllib.loads(
    (Path(__file__).parents[2] / "cases/operations/statements.toml").read_text("utf-8")
)["case"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["sql"][:30])
def test_shows_the_statement_without_its_values(case: dict[str, str]) -> None:
    assert without_values(case["sql"]) == case["shown"]


@given(st.text(alphabet="ab'\"$\\-/* \n19e.", max_size=60))
def test_any_text_becomes_one_line_without_digits_of_its_own(text: str) -> None:
    shown = without_values(text)
    assert "\n" not in shown
    assert len(shown) <= 300


@given(st.text(alphabet=st.characters(exclude_characters="'\\\0", exclude_categories=["Cs"])))
def test_no_literal_is_ever_shown(value: str) -> None:
    assert without_values(f"select '{value}', x") == "select ?, x"


def test_a_long_statement_is_cut() -> None:
    assert without_values("select " + "column_name, " * 100).endswith("…")
