"""The bot's own keys, each in a file that only its owner reads.

Owns: making and reading the signing key, the web secret and the key of one-time codes. Nothing
here leaves the machine.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nacl.encoding import HexEncoder
from nacl.signing import SigningKey

from bot.core.errors import ConfigurationError

_CODES_KEY_BYTES = 32


def signing_key(folder: Path) -> SigningKey:
    """The Ed25519 key that signs grants; agents pin its public half when they enrol.

    Raises:
        ConfigurationError: the file does not hold a key.
    """
    text = _keep(folder / "bot.key", SigningKey.generate().encode(HexEncoder).decode())
    try:
        return SigningKey(text.encode(), encoder=HexEncoder)
    except ValueError as error:
        raise ConfigurationError(
            "settings", file=folder / "bot.key", key="bot.key", problem="not an Ed25519 key"
        ) from error


def web_secret(folder: Path) -> str:
    """What signs the sessions of the web room."""
    return _keep(folder / "web.secret", secrets.token_urlsafe(32))


def codes_key(folder: Path) -> bytes:
    """What the secrets of people's one-time codes are encrypted with in the database. All
    replicas need the same.

    Raises:
        ConfigurationError: the file does not hold a key.
    """
    text = _keep(folder / "codes.key", secrets.token_hex(_CODES_KEY_BYTES))
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _CODES_KEY_BYTES:
        raise ConfigurationError(
            "settings", file=folder / "codes.key", key="codes.key", problem="not 64 hex digits"
        )
    return key


def _keep(file: Path, fresh: str) -> str:
    """The file's content; a fresh one is written when there is none."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text("utf-8").strip()
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(fresh)
        stream.flush()
        os.fsync(stream.fileno())
    return fresh
