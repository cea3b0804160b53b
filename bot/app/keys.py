"""The bot's own keys, each in a file that only its owner reads.

Owns: making and reading the signing key and the web secret. Nothing here leaves the machine.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from nacl.encoding import HexEncoder
from nacl.signing import SigningKey

from bot.core.errors import ConfigurationError


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
