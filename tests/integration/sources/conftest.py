"""Real parts for repositories."""

from tests.lab.fixtures import lab

__all__ = ["lab"]
