"""What the settings say of a language model is checked before the bot serves."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.app.local_model import open_model
from bot.app.settings import ModelSettings, load_settings
from bot.core.errors import ConfigurationError
from bot.core.texts import LANGUAGES, load_texts
from tests.fakes.model import uttered


@pytest.mark.parametrize(
    "values",
    [
        {"engine": "llama"},
        {"engine": "endpoint"},
        {"engine": "openai"},
        {"chat_format": "llama-3", "chat_template": "a.jinja"},
        {"confidence": 1.1},
        {"threads": 0},
    ],
)
def test_refuses_half_a_model(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ModelSettings.model_validate(values)


def test_takes_the_key_from_the_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "guardia.toml"
    file.write_text('[model]\napi_key = "hunter2"\n', "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert refused.value.values["key"] == "model.api_key"
    assert "hunter2" not in str(refused.value.values)
    file.write_text('[model]\nname = "solar"\n', "utf-8")
    monkeypatch.setenv("GUARDIA_MODEL__API_KEY", "hunter2")
    model = load_settings(file).model
    assert model.api_key is not None
    assert (model.name, model.api_key.get_secret_value()) == ("solar", "hunter2")


async def test_a_site_without_a_model_has_none() -> None:
    async with open_model(ModelSettings()) as model:
        assert model is None


async def test_a_public_address_is_refused_at_the_start() -> None:
    settings = ModelSettings(engine="endpoint", url="http://8.8.8.8/v1")
    with pytest.raises(ConfigurationError) as refused:
        async with open_model(settings):
            pass
    assert refused.value.code == "model_address"
    for language in LANGUAGES:
        said = load_texts(language).say("errors.model_address.summary", **refused.value.values)
        assert "8.8.8.8" in said


async def test_a_server_that_is_away_leaves_the_bot_without_proposals() -> None:
    settings = ModelSettings(engine="endpoint", url="http://127.0.0.1:9/v1")
    async with open_model(settings) as model:
        assert model is not None
        assert not await model.proposer.loaded()
        assert await model.proposer.propose(uttered("홈택스 재기동")) is None
        assert await model.opinion.topic("화면이 안 떠요") is None
        assert await model.narrator.narrate(["10:00 김: 안 떠요"], []) is None


async def test_a_missing_model_file_is_refused_at_the_start(tmp_path: Path) -> None:
    settings = ModelSettings(engine="llama", file=tmp_path / "absent.gguf")
    with pytest.raises(ConfigurationError) as refused:
        async with open_model(settings):
            pass
    assert refused.value.code in ("model_file", "model_library")
