"""How a command of the command line is declared.

Owns: groups, commands, and the types of arguments that several have. Knows no command.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from bot.app.settings import GuardiaSettings
from bot.engine.naming import SEOUL

Command = Callable[[argparse.Namespace, GuardiaSettings], Awaitable[int]]
Groups = argparse._SubParsersAction  # the public name of it does not exist


def add_group(
    groups: Groups[argparse.ArgumentParser], name: str, text: str
) -> Groups[argparse.ArgumentParser]:
    """A group of commands."""
    parser = groups.add_parser(name, help=text, description=text)
    return parser.add_subparsers(required=True, metavar="COMMAND")


def add_command(
    groups: Groups[argparse.ArgumentParser], name: str, command: Command, text: str
) -> argparse.ArgumentParser:
    """A command; its arguments are for the caller to add."""
    parser = groups.add_parser(name, help=text, description=text)
    parser.add_argument("--config", type=Path, metavar="FILE", help="default: guardia.toml")
    parser.set_defaults(command=command)
    return parser


def instant(text: str) -> datetime:
    """An instant; without a zone it is meant in Seoul."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=SEOUL)
