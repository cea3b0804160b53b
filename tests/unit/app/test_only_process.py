"""One process at a time runs the jobs of one replica."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.folder_lock import FolderLock
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_bot
from bot.core.errors import ConfigurationError


async def test_a_second_bot_under_the_same_name_does_not_start(tmp_path: Path) -> None:
    settings = GuardiaSettings(data_dir=tmp_path)
    with FolderLock(tmp_path / "bot-1.lock"), pytest.raises(ConfigurationError) as refused:
        async with open_bot(settings):
            raise AssertionError("it started")
    assert refused.value.code == "replica_running"


async def test_bots_of_other_names_do_not_hinder_each_other(tmp_path: Path) -> None:
    settings = GuardiaSettings(data_dir=tmp_path, replica="bot-2")
    with FolderLock(tmp_path / "bot-1.lock"), pytest.raises(ConfigurationError) as refused:
        async with open_bot(settings):
            raise AssertionError("it started")
    assert refused.value.code == "database_outdated"  # it got past the lock
