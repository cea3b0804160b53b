"""What is asked back, and what the answers come to: parser, engine and dialogue store together."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.core.domain.estate import SystemEntry, Target, Vocabulary
from bot.core.domain.intent import Clarification, Intent, Selector, Utterance
from bot.core.errors import UserError
from bot.engine.pipeline import Pipeline
from bot.engine.questions import first_missing
from cmdb.importers.estate import vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.chain import build_parser
from tests.fakes.engine import TEXTS, World

ROOT = Path(__file__).parents[3]
CASES = tomllib.loads((ROOT / "tests/cases/intents/dialogues.toml").read_text("utf-8"))["dialogue"]
VOCABULARY = vocabulary_of(read_estate(ROOT / "bot/app/demo/data"), None)
THREAD = "t1"


class Listening:
    """The parser that the bot has without a model, and what it said last."""

    def __init__(self) -> None:
        self._chain = build_parser(TEXTS)
        self.last: Intent | Clarification | None = None

    async def parse(self, utterance: Utterance) -> Intent | Clarification | None:
        self.last = await self._chain.parse(utterance)
        return self.last


class WholeEstate:
    """An Inventory that knows every name and leads nowhere: only the words matter here."""

    async def vocabulary(self, viewer: object) -> Vocabulary:
        return VOCABULARY

    async def resolve(self, selector: Selector, viewer: object) -> Target:
        raise UserError("target_unknown", target=str(selector.system))

    async def system_of(self, place: object) -> SystemEntry | None:
        return None


class Talk:
    """One thread, in which people say things one after the other."""

    def __init__(self) -> None:
        self.world = World()
        self.parser = Listening()
        services = replace(self.world.services, parser=self.parser, inventory=WholeEstate())  # type: ignore[arg-type]  # the test's own stand-in, or made of data
        self.pipeline = Pipeline(services, self.world.chronicle, self.world.outbound)

    async def turn(self, said: dict[str, Any]) -> Intent | None:
        """What is left open after a turn."""
        self.world.clock.pass_by(minutes=said.get("after_minutes", 0))
        files = tuple([await self.world.a_file(name) for name in said.get("files", ())])
        by = said.get("by", "operator")
        message = self.world.mention(said["says"], by=by, thread=THREAD, files=files)
        await self.pipeline.handle(message)
        return await self.world.dialogues.pending(
            replace(message.conversation, message=""), by, now=self.world.clock.now()
        )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["note"])
async def test_a_dialogue_comes_to_what_was_meant(case: dict[str, Any]) -> None:
    talk = Talk()
    for said in case["turn"]:
        before = len(talk.world.messenger.messages)
        left = await talk.turn(said)
        answer = list(talk.world.messenger.messages.values())[before:]
        meant = talk.parser.last
        if isinstance(meant, Clarification):
            meant = meant.partial
        if "none_of" in said:
            assert meant is None or meant.action != said["none_of"], said
        elif said.get("dropped"):
            assert left is None, said
        elif "asks" in said:
            assert left is not None, said
            assert first_missing(left.missing) == said["asks"], said
            assert_knows(left, said)
            offered = {button.label for one in answer for button in one.now.buttons}
            assert set(said.get("offers", ())) <= offered, said
        else:
            assert isinstance(meant, Intent)
            assert set(meant.missing) <= {"files"}, said
            assert_knows(meant, said)


def assert_knows(intent: Intent, said: dict[str, Any]) -> None:
    selector = intent.selector
    known = {
        "action": intent.action,
        "institution": selector.institution,
        "system": selector.system,
        "layer": selector.layer,
        "env": selector.env,
        "nodes": list(selector.nodes),
        "sr": intent.sr,
    }
    wanted = dict(said.get("knows", {}))
    params = wanted.pop("params", {})
    assert wanted.items() <= known.items(), (said, known)
    assert params.items() <= dict(intent.params).items(), said


@pytest.mark.parametrize(
    "slot",
    ["nodes", "cron", "job", "pid", "date", "approver_role", "target_action", "task", "pipeline"],
)
def test_every_slot_is_asked_for_in_words_of_its_own(slot: str) -> None:
    assert TEXTS.has(f"ask.{slot}")
