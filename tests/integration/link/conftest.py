"""A hub that listens, for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.link import Bot, running_bot


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    async with running_bot() as bot:
        yield bot
