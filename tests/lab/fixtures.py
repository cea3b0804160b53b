"""Pytest fixtures of the lab. A conftest takes them: ``from tests.lab.fixtures import lab``.

Owns: when a lab is opened and closed. Where the machine lacks something, the test is skipped
with the reason (``Unavailable``).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.lab import Lab

__all__ = ["lab", "module_lab"]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab of the test's own."""
    with Lab() as opened:
        yield opened


@pytest.fixture(scope="module")
def module_lab() -> Iterator[Lab]:
    """One lab for all tests of a module."""
    with Lab() as opened:
        yield opened
