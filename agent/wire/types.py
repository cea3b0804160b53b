"""The narrow scalar types of the wire.

Owns: which characters an identifier, a path or a host may have. Every value that later becomes
an argument, a path or an address on a server passes one of these types first, on both ends.
Knows nothing of operations, sessions or servers.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints


class WireModel(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_bytes="base64")


def _absolute(path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError("an absolute path starts with exactly one '/'")
    if posixpath.normpath(path) != path:
        raise ValueError("the path is not in its normal form")
    return _printable(path)


def _relative(path: str) -> str:
    if not path or path.startswith("/") or posixpath.normpath(path) != path:
        raise ValueError("a relative path has no leading '/', no '.' and no '..' part")
    if path in {".", ".."} or path.startswith("../"):
        raise ValueError("a relative path stays below its root")
    return _printable(path)


def _printable(text: str) -> str:
    # Category C covers controls, line breaks, bidirectional overrides and surrogates; Zl and Zp
    # are two more line breaks.
    if any(_is_unseen(unicodedata.category(character)) for character in text):
        raise ValueError("the text has control or invisible characters")
    return text


def _is_unseen(category: str) -> bool:
    return category[0] == "C" or category in ("Zl", "Zp")


NodeId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,252}$")]
AgentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
JobId = Annotated[str, StringConstraints(pattern=r"^J[0-9]{6}-[A-Z0-9]{6}$")]
StepId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,80}$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
LockScope = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HostKeyFingerprint = Annotated[str, StringConstraints(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]
Base64Text = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]
# A leading letter or digit keeps '-oProxyCommand=…' (CVE-2023-51385) from being a host or a user.
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:-]{0,252}$")]
UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,31}$")]
Port = Annotated[int, Field(ge=1, le=65535)]
AbsolutePath = Annotated[str, Field(max_length=1024), AfterValidator(_absolute)]
RelativePath = Annotated[str, Field(max_length=512), AfterValidator(_relative)]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~/-]{0,255}$")]
ServerAddress = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,252}:[0-9]{1,5}$")
]


def _word(text: str) -> str:
    if text != text.strip():
        raise ValueError("the word begins or ends with a space")
    return _printable(text)


printable = AfterValidator(_printable)  # no control or invisible characters
LogWord = Annotated[str, Field(min_length=3, max_length=80), AfterValidator(_word)]  # literal


def canonical(model: BaseModel) -> bytes:
    """The one byte form of a wire value: sorted keys, no spaces, UTF-8. What digests cover."""
    return canonical_json(model.model_dump(mode="json"))


def canonical_json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(model: BaseModel) -> str:
    """SHA-256 of the canonical form, in lower-case hexadecimal."""
    return hashlib.sha256(canonical(model)).hexdigest()
