"""What the settings say of an embedding model for guides is checked before the bot serves."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.local_model import embedding_of
from bot.app.settings import GuideSettings, load_settings
from bot.core.errors import ConfigurationError


async def test_a_site_without_an_embedding_has_none() -> None:
    async with embedding_of(GuideSettings()) as embedding:
        assert embedding is None


async def test_a_public_address_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigurationError) as refused:
        async with embedding_of(GuideSettings(embedding_url="http://8.8.8.8/v1")):
            pass
    assert refused.value.code == "model_address"


def test_takes_the_key_from_the_environment_only(tmp_path: Path) -> None:
    file = tmp_path / "guardia.toml"
    file.write_text('[guides]\nembedding_api_key = "hunter2"\n', "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert refused.value.values["key"] == "guides.embedding_api_key"
