"""One laboratory for all tests of a file."""

from __future__ import annotations

from tests.lab.fixtures import module_lab

__all__ = ["module_lab"]
