"""What ``/sm`` can be asked for: the commands, their typed parameters, and what they cost.

Owns: these values. Who may use them is policy's; how a line is read is the parser's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from agent.wire.scripts import ScriptParameter, ScriptSpec
from bot.core.domain.plan import Risk

SCRIPTS = "script"  # the family of a site's own


class ParameterKind(StrEnum):
    TEXT = "text"
    NAME = "name"  # letters, digits, dot, hyphen
    NUMBER = "number"
    CHOICE = "choice"
    YES_NO = "yes_no"
    DATE = "date"
    PATH = "path"
    CRON = "cron"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandParameter:
    """One ``name=value``. ``default``: what counts when it is left out, as people read it."""

    name: str
    kind: ParameterKind
    required: bool = False
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    default: str = ""
    help: str = ""  # of a site's script; our own are worded in the catalogues


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec:
    """One command. ``reads``: the values of ``operation`` with which it only looks.

    ``script``: it is a site's own, called ``title``; ``risk`` is known of those only: that of our
    own verbs is their action's.
    """

    command: str
    family: str
    parameters: tuple[CommandParameter, ...] = ()
    reads: tuple[str, ...] = ()
    script: bool = False
    title: str = ""
    risk: Risk | None = None

    def parameter(self, name: str) -> CommandParameter | None:
        """The parameter of that name."""
        return next((each for each in self.parameters if each.name == name), None)


CommandBook = Mapping[str, CommandSpec]  # our own, by id, family by family


_OF_SCRIPTS = {
    "text": ParameterKind.TEXT,
    "number": ParameterKind.NUMBER,
    "path": ParameterKind.PATH,
    "date": ParameterKind.DATE,
}


def command_of_script(script: ScriptSpec) -> CommandSpec:
    """A site's script as a command."""
    return CommandSpec(
        command=script.script,
        family=SCRIPTS,
        parameters=tuple(_argument(each) for each in script.parameters),
        script=True,
        title=script.title,
        risk=Risk(script.risk),
    )


def _argument(given: ScriptParameter) -> CommandParameter:
    return CommandParameter(
        name=given.name,
        kind=ParameterKind.CHOICE if given.choices else _OF_SCRIPTS[given.kind],
        required=given.required,
        choices=given.choices,
        least=given.least,
        most=given.most,
        help=given.help,
    )
