"""The site's own scripts, as agent.toml registers them.

Owns: what a registration must be, what is announced of it, and the one way to a script's bytes:
with the digest that is registered, asked for as it is registered. Runs nothing.

A registration that is wrong in itself stops the agent at its start, as every wrong setting does.
A file whose content has changed does not: deployments must go on. Such a script is not announced,
is refused when it is asked for, and the log says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from agent.wire.checks import RunScript
from agent.wire.scripts import ScriptParameter, ScriptRisk, ScriptSpec, is_reserved, misfit
from agent.wire.types import Sha256, Slug, printable

Interpreter = Literal["sh", "bash", "ksh", "python3", "perl"]
_LARGEST = 1 << 20  # bytes of one script
_log = structlog.get_logger("agent.scripts")


class SiteScript(BaseModel):
    """One ``[[scripts]]`` table. ``file`` lies on the bastion and is never sent to the bot."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    title: Annotated[str, Field(min_length=1, max_length=80), printable]
    file: Path
    sha256: Sha256
    interpreter: Interpreter
    risk: ScriptRisk
    timeout_s: Annotated[int, Field(ge=1, le=3540)] = 60  # a step has an hour, login included
    parameters: Annotated[tuple[ScriptParameter, ...], Field(max_length=20)] = ()

    @model_validator(mode="after")
    def _consistent(self) -> SiteScript:
        if is_reserved(self.id):
            raise ValueError(
                f"'{self.id}' is a command of the bot's own; give the script another id"
            )
        names = [parameter.name for parameter in self.parameters]
        if len(set(names)) != len(names):
            raise ValueError("two parameters have the same name")
        for parameter in self.parameters:
            _check(parameter)
        return self

    def spec(self) -> ScriptSpec:
        """What the bot is told of it."""
        return ScriptSpec(
            script=self.id,
            sha256=self.sha256,
            title=self.title,
            risk=self.risk,
            parameters=self.parameters,
            timeout_s=self.timeout_s,
        )

    def read(self) -> bytes:
        """Its bytes, with the registered digest; what is returned is what was digested.

        Raises:
            ScriptError: ``script_unreadable``, ``script_changed``.
        """
        try:
            with self.file.open("rb") as file:
                body = file.read(_LARGEST + 1)
        except OSError as error:
            raise ScriptError("script_unreadable", script=self.id) from error
        if len(body) > _LARGEST or hashlib.sha256(body).hexdigest() != self.sha256:
            raise ScriptError("script_changed", script=self.id)
        return body


def _check(parameter: ScriptParameter) -> None:
    bounds = [bound for bound in (parameter.least, parameter.most) if bound is not None]
    if bounds and parameter.kind != "number":
        raise ValueError(f"{parameter.name}: least and most are for numbers")
    if parameter.choices and parameter.kind != "text":
        raise ValueError(f"{parameter.name}: choices are for texts")
    if bounds != sorted(bounds):
        raise ValueError(f"{parameter.name}: least is more than most")
    if any(misfit(parameter, choice) for choice in parameter.choices):
        raise ValueError(f"{parameter.name}: a choice is no printable text of 1 to 200 characters")


def _distinct(scripts: tuple[SiteScript, ...]) -> tuple[SiteScript, ...]:
    if len({script.id for script in scripts}) != len(scripts):
        raise ValueError("two scripts have the same id")
    return scripts


Scripts = Annotated[tuple[SiteScript, ...], Field(max_length=200), AfterValidator(_distinct)]


class ScriptError(Exception):
    """A script is not run. ``code``: ``script_unknown``; ``script_differs`` (the registration is
    another than the plan says; value ``what``: digest, risk or parameters); ``script_argument``
    (value ``argument``); ``script_changed``, ``script_unreadable`` (the file)."""

    def __init__(self, code: str, **values: str) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values


@dataclass(frozen=True, slots=True)
class ScriptShelf:
    """The registered scripts."""

    scripts: Sequence[SiteScript] = field(default=())

    def announced(self) -> tuple[ScriptSpec, ...]:
        """Those that would run now. Reads every file."""
        offered = []
        for script in self.scripts:
            try:
                script.read()
            except ScriptError as error:
                _log.warning("script_not_offered", script=script.id, reason=error.code)
            else:
                offered.append(script.spec())
        return tuple(offered)

    def registered(self, operation: RunScript) -> SiteScript:
        """The script that is meant, if the plan says of it what is registered here.

        Raises:
            ScriptError: see there; the file is not looked at.
        """
        script = next((each for each in self.scripts if each.id == operation.script), None)
        if script is None:
            raise ScriptError("script_unknown", script=operation.script)
        if operation.sha256 != script.sha256:
            raise ScriptError("script_differs", script=script.id, what="digest")
        if operation.risk != script.risk:
            raise ScriptError("script_differs", script=script.id, what="risk")
        _match(script, operation)
        return script


def _match(script: SiteScript, operation: RunScript) -> None:
    given = dict(operation.arguments)
    expected = [parameter.name for parameter in script.parameters if parameter.name in given]
    lacking = [each for each in script.parameters if each.required and each.name not in given]
    if [name for name, _ in operation.arguments] != expected or lacking:
        raise ScriptError("script_differs", script=script.id, what="parameters")
    for parameter in script.parameters:
        value = given.get(parameter.name)
        if value is not None and misfit(parameter, value):
            raise ScriptError("script_argument", script=script.id, argument=parameter.name)


def arguments_of(script: SiteScript, operation: RunScript) -> list[str]:
    """The arguments in the registration's order; one that is not given stands as an empty one
    where another follows it."""
    given = dict(operation.arguments)
    values = [given.get(parameter.name, "") for parameter in script.parameters]
    while values and not values[-1]:
        values.pop()
    return values
