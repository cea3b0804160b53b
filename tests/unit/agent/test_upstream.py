"""Upstream editing: a data file per case in tests/cases/agent/upstream."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.operations import upstream

CASES = sorted((Path(__file__).parents[2] / "cases/agent/upstream").glob("*.json"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    if "refused" in case:
        with pytest.raises(getattr(upstream, case["refused"])):
            upstream.set_member(case["before"], case["member"], case["state"])
    else:
        after = upstream.set_member(case["before"], case["member"], case["state"])
        assert after == case["after"], case["why"]


def test_down_and_up_again_is_the_same_text() -> None:
    text = "upstream a {\n  server was1:8080  weight=5 ;\n  server was2:8080;\n}\n"
    down = upstream.set_member(text, "was1:8080", "down")
    assert down != text
    assert upstream.set_member(down, "was1:8080", "up") == text
