"""The bot with its real workflows, for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.durable import Running


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Running]:
    running = Running(folder=tmp_path)
    async with running.up():
        yield running
