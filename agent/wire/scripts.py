"""A site's own scripts as the agent announces them.

Owns: what a script is called, what it takes and what it may do. Never its text: that lies on the
bastion, is named by its digest, and is run only while it still has that digest.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.wire.types import Sha256, Slug, WireModel

ScriptRisk = Literal["read", "change", "danger"]


class ScriptParameter(WireModel):
    """One typed argument. ``choices`` bounds a text, ``least``/``most`` a number."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    kind: Literal["text", "number", "path", "date"] = "text"
    required: bool = True
    choices: Annotated[tuple[str, ...], Field(max_length=50)] = ()
    least: int | None = None
    most: int | None = None
    help: Annotated[str, Field(max_length=200)] = ""


class ScriptSpec(WireModel):
    """One script of a site."""

    script: Slug
    sha256: Sha256
    title: Annotated[str, Field(min_length=1, max_length=80)]
    risk: ScriptRisk
    parameters: Annotated[tuple[ScriptParameter, ...], Field(max_length=20)] = ()
    timeout_s: Annotated[int, Field(ge=1, le=3600)] = 60
