"""From the chat message to the job: a model that obeys the attacker starts nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from intents.chain import build_parser
from tests.fakes.engine import PEOPLE, TEXTS, World
from tests.fakes.model import ObeyingModel

CASES = Path(__file__).parents[2] / "cases" / "intents"
HOSTILE = tomllib.loads((CASES / "hostile.toml").read_text("utf-8"))["case"]


@pytest.mark.parametrize("case", HOSTILE, ids=lambda case: case["text"][:60])
async def test_no_job_and_no_order_comes_of_a_hostile_text(case: dict[str, Any]) -> None:
    for person in PEOPLE:
        model = ObeyingModel(case["wants"], case.get("params"))
        world = World(parser=build_parser(TEXTS, model=model))  # type: ignore[arg-type]  # the test's own stand-in, or made of data
        said = world.mention(case["text"], by=person.person_id, files=(await world.a_file(),))
        follow_up = await world.pipeline.handle(said)
        assert follow_up.start is None, world.said()
        assert not world.jobs.jobs
        assert world.agents.ordered == []
