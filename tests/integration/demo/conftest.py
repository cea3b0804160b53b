"""A scratch estate in a process of its own, stopped again whatever happens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.demo.running import RunningEstate, running_estate


@pytest.fixture
def estate(tmp_path: Path) -> Iterator[RunningEstate]:
    with running_estate(tmp_path / "demo") as running:
        yield running
