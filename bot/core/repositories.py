"""What the address of a repository, and a ref in it, may look like.

Owns: the strict patterns that both pass before they are an argument of anything, and the names
that come near one that does not exist. Pure; knows no repository.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]{0,252}"
_PATH = r"/(?!-)[A-Za-z0-9._~+/-]{1,400}"
_REMOTE = re.compile(
    rf"https://{_HOST}(:[0-9]{{1,5}})?{_PATH}|ssh://[A-Za-z_][A-Za-z0-9_.-]{{0,31}}@{_HOST}(:[0-9]{{1,5}})?{_PATH}"
)
_LOCAL = re.compile(r"file:///[^\x00-\x1f\x7f?#%]{1,400}")
# As git check-ref-format has it, and narrower: ASCII only, nothing that a shell or an option reads.
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+/-]{0,99}")
_NEVER_IN_REFS = ("..", "//", "/.", "./", ".lock/")
_MOST_NEAR = 5


def repository_url(text: str) -> str:
    """The address of a repository, if it is one: ``https://…``, ``ssh://account@…`` or
    ``file:///…`` (which the bot's settings must allow). Never one that carries a password.

    Raises:
        ValueError: it is none.
    """
    if not (_REMOTE.fullmatch(text) or _LOCAL.fullmatch(text)) or "/../" in f"{text}/":
        raise ValueError("no https://, ssh://account@ or file:/// address without a password")
    return text


def is_local(url: str) -> bool:
    """Whether it lies on the bot's own machine."""
    return url.startswith("file://")


def repository_name(url: str) -> str:
    """What people call a repository of that address: the last part of its path."""
    return url.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git") or "repository"


def is_ref(text: str) -> bool:
    """Whether a tag or branch may be asked for by that name."""
    return bool(
        _REF.fullmatch(text)
        and not text.endswith((".lock", "/", "."))
        and not any(part in text for part in _NEVER_IN_REFS)
    )


def nearest(ref: str, known: Iterable[str]) -> tuple[str, ...]:
    """The names that come near, the nearest first: those that contain it, then the similar."""
    names = sorted(set(known))
    wanted = ref.casefold()
    containing = [name for name in names if wanted in name.casefold()]
    similar = difflib.get_close_matches(ref, names, n=_MOST_NEAR, cutoff=0.5)
    return tuple(dict.fromkeys((*containing, *similar)))[:_MOST_NEAR]
