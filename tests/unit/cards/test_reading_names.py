"""Every name that an operation answers with has its sentence, and so has every word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import agent.operations
from bot.core.texts import load_texts

KO = load_texts("ko")
SOURCES = {
    path.name: path.read_text("utf-8")
    for path in Path(agent.operations.__file__ or "").parent.glob("*.py")
}
FOR_PROGRAMS = {"ticks"}  # a column that nobody is shown
SAID_AS: dict[str, tuple[str, ...]] = {
    "fact": (r"\bFact\(\s*name=\"([^\"]+)\"",),
    "grid": (r"\bGrid\(\s*name=\"([^\"]+)\"",),
    "column": (r"\bColumn\(\s*name=\"([^\"]+)\"",),
    "excerpt": (r"\bExcerpt\(\s*name=\"([^\"]+)\"",),
    "series": (r"\bSeries\(\s*name=\"([^\"]+)\"",),
    "remark": (r"\bRemark\(\s*code=\"([^\"]+)\"", r"\b_?remark\(\s*\"([a-z0-9_]+)\""),
    "word": (r"value=\"([a-z0-9_]+)\",\s*unit=\"word\"",),
}


def names_of(kind: str) -> set[str]:
    found = {
        name
        for source in SOURCES.values()
        for pattern in SAID_AS[kind]
        for name in re.findall(pattern, source)
    }
    return found - FOR_PROGRAMS


@pytest.mark.parametrize("kind", SAID_AS)
def test_every_name_of_an_operation_has_its_sentence(kind: str) -> None:
    named = names_of(kind)
    missing = {name for name in named if not KO.has(f"reading.{kind}.{name}")}
    assert missing == set()


def test_the_names_are_found_at_all() -> None:
    assert {"cpu", "memory", "disk", "login"} <= names_of("fact")
    assert {"disks", "sessions"} <= names_of("grid")
    assert "port_closed" in names_of("remark")
