"""The L4 devices of agent.toml: what is called to take a server out of a pool or put it back.

Owns: the settings of a device, its templates and their strict expansion, and where its token
comes from. Pure but for reading the token. Makes no call: ``operations/devices.py`` does.

A template knows the placeholders {member} {host} {port} {state} and nothing else. Values are
percent-encoded in paths and JSON-escaped in bodies, and are never expanded a second time.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from agent.wire.types import ServerAddress, Slug

State = Literal["down", "up"]
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

_PLACEHOLDER = re.compile(r"\{(member|host|port|state)\}")
_ANY_PLACEHOLDER = re.compile(r"\{[A-Za-z_][A-Za-z0-9_.!:]*\}")
_PATH = re.compile(r"^/[!-~]*$")  # printable ASCII without spaces
_INDEX = re.compile(r"^(0|[1-9][0-9]*)$")
_TOKEN_LIMIT = 4096


class TokenMissing(Exception):  # noqa: N818  says what is the case
    """The token's file or variable is empty, unreadable or not one line of ASCII."""


class PointerMissing(Exception):  # noqa: N818  says what is the case
    """The JSON value has nothing at that pointer."""


def _known_placeholders(text: str) -> str:
    for match in _ANY_PLACEHOLDER.finditer(text):
        if not _PLACEHOLDER.fullmatch(match[0]):
            raise ValueError(
                f"{match[0]} is no placeholder; known are {{member}} {{host}} {{port}} {{state}}"
            )
    return text


def _path_template(text: str) -> str:
    if not _PATH.match(text) or "#" in text:
        raise ValueError("a path begins with / and has neither spaces nor '#'")
    return _known_placeholders(text)


def _pointer(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError("a JSON pointer is empty or begins with /")
    return text


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write it as https://HOST[:PORT]")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it has neither user, query nor fragment")
    if parts.path not in {"", "/"}:
        raise ValueError("the path belongs into the templates")
    _ = parts.port  # raises ValueError
    return text.rstrip("/")


PathTemplate = Annotated[str, Field(max_length=1024), AfterValidator(_path_template)]
TextTemplate = Annotated[str, Field(max_length=4096), AfterValidator(_known_placeholders)]
Pointer = Annotated[str, Field(max_length=512), AfterValidator(_pointer)]
Status = Annotated[int, Field(ge=200, le=299)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Words(_Strict):
    """What the device calls the two states."""

    down: Annotated[str, Field(max_length=100)] = "down"
    up: Annotated[str, Field(max_length=100)] = "up"

    def of(self, state: State) -> str:
        return self.down if state == "down" else self.up


class Change(_Strict):
    """The call that changes the state of a member."""

    method: Literal["PUT", "POST", "PATCH", "DELETE", "GET"] = "PUT"
    path: PathTemplate
    body: TextTemplate | None = None
    expect: Annotated[tuple[Status, ...], Field(min_length=1)] = (200, 201, 202, 204)


class Look(_Strict):
    """How the state of a member is read back: GET, and where its JSON answer says it."""

    path: PathTemplate
    pointer: Pointer
    words: Words


class Pool(_Strict):
    """How the whole pool is read: which members it has and which of them serve.

    ``members``: pointer to the list (of an object, its values count). ``name`` and ``state``:
    pointers within each member. ``member``: how a member is called there. ``up``: the states in
    which one serves.
    """

    path: PathTemplate
    members: Pointer
    name: Pointer
    state: Pointer
    member: TextTemplate = "{member}"
    up: Annotated[tuple[Annotated[str, Field(max_length=100)], ...], Field(min_length=1)]


class Device(_Strict):
    """One L4 device. ``agent.example.toml`` explains each key."""

    url: Annotated[str, AfterValidator(_origin)]
    plain_http: bool = False
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60, allow_inf_nan=False)] = 5.0
    token_header: HeaderName = "Authorization"  # noqa: S105  the header's name
    token_prefix: Annotated[str, StringConstraints(pattern=r"^[!-~ ]{0,32}$")] = ""
    token_env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    token_file: Path | None = None
    words: Words = Words()
    change: Change
    look: Look | None = None
    pool: Pool | None = None

    @model_validator(mode="after")
    def _holds(self) -> Device:
        if self.url.startswith("http:") and not self.plain_http:
            raise ValueError(
                "http:// shows the token to everybody on the way; use https://, "
                "or set plain_http = true if the device knows nothing else"
            )
        if self.token_env and self.token_file:
            raise ValueError("give token_env or token_file, not both")
        if self.token_env and self.token_env.upper().startswith("GUARDIA_"):
            raise ValueError("token_env names a variable outside GUARDIA_…")
        for path in (self.ca_file, self.token_file):
            if path is not None and not path.is_file():
                raise ValueError(f"there is no file {path}")
        if self.token_env and not os.environ.get(self.token_env):
            raise ValueError(f"the variable {self.token_env} is not set")
        if self.change.body is not None:
            self._check_body(self.change.body)
        return self

    def _check_body(self, body: str) -> None:
        for state in ("down", "up"):
            try:
                json.loads(in_body(body, values_of("was.example:8080", self.words.of(state))))
            except ValueError as error:
                raise ValueError(f"the body is no JSON once it is filled in: {error}") from None

    def token(self) -> str | None:
        """The token as the header wants it; None: the device wants none.

        Raises:
            TokenMissing: it is not where the settings say. The message names no content.
        """
        if self.token_env is None and self.token_file is None:
            return None
        try:
            secret = (
                os.environ[self.token_env]
                if self.token_env is not None
                else _first_line(self.token_file)
            )
        except (KeyError, OSError, ValueError):
            raise TokenMissing from None
        if not secret or not secret.isascii() or not secret.isprintable():
            raise TokenMissing
        return f"{self.token_prefix}{secret}"


Devices = dict[Slug, Device]


def _first_line(path: Path | None) -> str:
    assert path is not None  # noqa: S101  one of the two is given
    with path.open(encoding="ascii") as file:
        return file.read(_TOKEN_LIMIT).strip()


def values_of(member: ServerAddress, word: str) -> dict[str, str]:
    """What the placeholders stand for."""
    host, _, port = member.rpartition(":")
    return {"member": member, "host": host, "port": port, "state": word}


def in_path(template: str, values: dict[str, str]) -> str:
    """The path with every value percent-encoded, slashes included."""
    return _PLACEHOLDER.sub(lambda match: quote(values[match[1]], safe=""), template)


def in_body(template: str, values: dict[str, str]) -> str:
    """The body with every value escaped as within a JSON string."""
    return _PLACEHOLDER.sub(
        lambda match: json.dumps(values[match[1]], ensure_ascii=True)[1:-1], template
    )


def in_text(template: str, values: dict[str, str]) -> str:
    """The text as the device itself writes it, for comparing."""
    return _PLACEHOLDER.sub(lambda match: values[match[1]], template)


def at_pointer(value: Json, pointer: str) -> Json:
    """What lies at a JSON pointer (RFC 6901).

    Raises:
        PointerMissing: nothing does.
    """
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and _INDEX.match(key) and int(key) < len(value):
            value = value[int(key)]
        else:
            raise PointerMissing(pointer)
    return value


def as_word(value: Json) -> str:
    """A JSON scalar as the settings write it: true, false, null, numbers and text."""
    return value if isinstance(value, str) else json.dumps(value)
