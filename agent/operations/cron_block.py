"""Our marked block in an account's crontab: one line a template, everything else untouched.

Owns: the block's form, and taking a line in or out of it. Pure; knows no server.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import shlex
from dataclasses import dataclass
from itertools import pairwise

from agent.operations.masking import masked
from agent.transports.output import plain

BEGIN = "# >>> GUARDiA >>> (managed lines: changed by register_cron only)"
END = "# <<< GUARDiA <<<"
_MARK = "# guardia:"
_SCHEDULE = re.compile(r"^([0-9*/,-]{1,30}(?: [0-9*/,-]{1,30}){4}) ")


class BlockBrokenError(Exception):
    """Somebody has edited the marks: nobody can tell any more what is ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The crontab's lines before, within and after the block; without one, all are before."""

    before: list[str]
    block: list[str]
    after: list[str]


def digest_of(text: str) -> str:
    """What a plan names a crontab by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def command_line(cron: str, path: str) -> str:
    """The line that runs this program: quoted for cron's shell, ``%`` escaped for cron."""
    return f"{cron} {shlex.quote(path).replace('%', chr(92) + '%')}"


def line_of(text: str, template: str) -> str | None:
    """The template's line in the block.

    Raises:
        BlockBrokenError: the marks are not a pair.
    """
    block = _parts(text).block
    for mark, line in pairwise(block):
        if mark.strip() == _MARK + template:
            return line
    return None


def schedule_of(line: str | None) -> str | None:
    """The five fields of such a line; None: there is none, or it was edited by hand."""
    found = _SCHEDULE.match(line) if line else None
    return found[1] if found else None


def with_line(text: str, template: str, line: str | None) -> str:
    """The crontab with the template's line as given; None takes it out.

    Raises:
        BlockBrokenError: the marks are not a pair.
    """
    parts = _parts(text)
    block = _without(parts.block, template)
    if line is not None:
        block += [_MARK + template, line]
    marked = [BEGIN, *block, END] if any(one.strip() for one in block) else []
    lines = [*parts.before, *marked, *parts.after]
    return "".join(f"{one}\n" for one in lines)


def changes(before: str, after: str) -> tuple[str, ...]:
    """What changes, line by line, with a line around it; masked."""
    rows = difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm="")
    return tuple(plain(masked(row)) for row in list(rows)[2:] if not row.startswith("@@"))


def _parts(text: str) -> _Parts:
    lines = text.splitlines()
    begins = [index for index, line in enumerate(lines) if line.strip() == BEGIN]
    ends = [index for index, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return _Parts(before=lines, block=[], after=[])
    if len(begins) != 1 or len(ends) != 1 or begins[0] > ends[0]:
        raise BlockBrokenError
    start, stop = begins[0], ends[0]
    return _Parts(before=lines[:start], block=lines[start + 1 : stop], after=lines[stop + 1 :])


def _without(block: list[str], template: str) -> list[str]:
    kept: list[str] = []
    skip = False
    for line in block:
        if skip:
            skip = False
        elif line.strip() == _MARK + template:
            skip = True
        else:
            kept.append(line)
    return kept
