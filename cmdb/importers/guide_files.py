"""Guides from Markdown files.

Owns: the form of a guide's file: front matter with ``title`` and, unless it is for everybody,
``institution``, then its text. The file's name is the guide's id. Knows no database.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bot.core.domain.guide import Guide
from cmdb.importers.estate_rows import Name

FOLDER = "guides"
LARGEST = 100_000  # characters; a longer text is no guide
Fault = tuple[str, int, str, str]  # file, line, column, problem

_FRONT = re.compile(r"\A---\n(?P<head>.*?)\n---\n(?P<text>.*)\Z", re.DOTALL)
_KEY = re.compile(r"(?P<key>[a-z]+):\s*(?P<value>.*?)\s*")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Name
    institution: Name | None = None
    text: Annotated[str, StringConstraints(strip_whitespace=True), Field(min_length=1)]


def read_guides(
    folder: Path, institutions: Collection[str]
) -> tuple[tuple[Guide, ...] | None, list[Fault]]:
    """The guides of an estate's folder with everything that is wrong; None: it has no guides."""
    if not (folder / FOLDER).is_dir():
        return None, []
    guides: list[Guide] = []
    faults: list[Fault] = []
    for path in sorted((folder / FOLDER).glob("*.md")):
        found = _read(path, institutions)
        if isinstance(found, Guide):
            guides.append(found)
        else:
            faults.append((f"{FOLDER}/{path.name}", *found))
    return tuple(guides), faults


def _read(path: Path, institutions: Collection[str]) -> Guide | tuple[int, str, str]:
    try:
        text = unicodedata.normalize("NFC", path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        return 0, "-", f"cannot be read as text in UTF-8: {error}"
    if not _ID.fullmatch(path.stem):
        return 0, "-", "the name is no id: letters, digits, '.', '_' and '-'"
    if len(text) > LARGEST:
        return 0, "-", f"longer than {LARGEST} characters"
    return _parse(path.stem, text, institutions)


def _parse(guide_id: str, text: str, institutions: Collection[str]) -> Guide | tuple[int, str, str]:
    parts = _FRONT.match(text.replace("\r\n", "\n"))
    if parts is None:
        return 1, "-", "does not begin with front matter between two lines of '---'"
    values: dict[str, str] = {"text": parts["text"]}
    lines: dict[str, int] = {}
    for number, line in enumerate(parts["head"].split("\n"), start=2):
        pair = _KEY.fullmatch(line)
        if pair is None or pair["key"] in values:
            return number, "-", "is not one 'key: value'"
        values[pair["key"]] = pair["value"]
        lines[pair["key"]] = number
    try:
        page = _Page.model_validate(values)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False)[0]
        return lines.get(str(fault["loc"][0]), 1), str(fault["loc"][0]), fault["msg"]
    if page.institution is not None and page.institution not in institutions:
        return lines["institution"], "institution", "names what no other file has"
    return Guide(guide_id=guide_id, title=page.title, institution=page.institution, text=page.text)
