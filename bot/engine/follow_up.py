"""What a durable workflow has to do after a message or a click has been handled.

Owns: the value that the handlers return to the workflows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """``start`` a new job's workflow, or ``wake`` one that waits for a verdict; or neither."""

    start: str | None = None
    wake: str | None = None


NOTHING = FollowUp()
