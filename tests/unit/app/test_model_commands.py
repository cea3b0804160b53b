"""``guardia doctor`` and ``guardia intent`` with a model: the same model as the bot's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.app import demo
from bot.app.commands import doctor
from bot.app.commands.doctor import Check
from bot.app.commands.intent import Sentence, understand
from bot.app.settings import GuardiaSettings, ModelSettings
from bot.engine.naming import SEOUL
from tests.fakes.endpoint import model_server
from tests.fakes.engine import NOW
from tests.fakes.model import HEALTH

DATA = Path(demo.__file__).with_name("data")


def settings(folder: Path, **model: Any) -> GuardiaSettings:
    return GuardiaSettings(data_dir=folder, model=ModelSettings(**model))


async def checked(given: GuardiaSettings) -> Check | None:
    return {check.name: check async for check in doctor.examine(given)}.get("model")


async def test_a_site_without_a_model_is_not_told_about_one(tmp_path: Path) -> None:
    assert await checked(settings(tmp_path)) is None


async def test_the_doctor_has_the_model_answer_under_the_grammar(tmp_path: Path) -> None:
    bodies: list[dict[str, Any]] = []

    def says(body: dict[str, Any]) -> str:
        bodies.append(body)
        return HEALTH

    async with model_server(says) as url:
        check = await checked(settings(tmp_path, engine="endpoint", url=url))
    assert check is not None
    assert check.well
    assert url in check.found
    assert "answered check_infra_health in" in check.found
    assert bodies[-1]["response_format"]["json_schema"]["name"] == "intent"


async def test_the_doctor_says_when_the_grammar_is_ignored(tmp_path: Path) -> None:
    async with model_server(lambda body: "네, 상태를 확인하겠습니다!") as url:
        check = await checked(settings(tmp_path, engine="endpoint", url=url))
    assert check is not None
    assert not check.well
    assert "not of the grammar" in check.found


async def test_the_doctor_says_what_is_missing(tmp_path: Path) -> None:
    away = await checked(settings(tmp_path, engine="endpoint", url="http://127.0.0.1:9/v1"))
    public = await checked(settings(tmp_path, engine="endpoint", url="http://8.8.8.8/v1"))
    absent = await checked(settings(tmp_path, engine="llama", file=tmp_path / "absent.gguf"))
    for check in (away, public, absent):
        assert check is not None
        assert not check.well
        assert check.remedy


async def intent_of(text: str, given: GuardiaSettings) -> dict[str, Any]:
    now = NOW.astimezone(SEOUL)
    (answer,) = [
        one async for one in understand([Sentence(text=text)], now, settings=given, cmdb=DATA)
    ]
    return answer


async def test_a_sentence_is_understood_with_the_model_where_the_others_are_unsure(
    tmp_path: Path,
) -> None:
    asked: list[str] = []

    def says(body: dict[str, Any]) -> str:
        asked.append(json.loads(body["messages"][-1]["content"]))
        return '{"action": "monitor_resources", "params": {}}'

    text = "예산시스템 서버들 요즘 살림살이 어떤지 궁금하네 부탁해"
    async with model_server(says) as url:
        await intent_of(text, settings(tmp_path, engine="endpoint", url=url))
    assert asked[0] == "."  # read once, before the first sentence
    assert asked[1:] == [text]


async def test_a_model_that_is_away_keeps_no_sentence_from_being_understood(tmp_path: Path) -> None:
    given = settings(tmp_path, engine="endpoint", url="http://127.0.0.1:9/v1")
    answer = await intent_of("예산시스템 운영 WAS 1번 재기동해줘", given)
    assert (answer["action"], answer["nodes"]) == ("manage_service", [1])
