"""The agent's own keys and the bot's key that it trusts, in one file of its state folder.

Owns: the identity file (mode 0600, replaced atomically). A copy of this file is a copy of the
agent: it opens every server credential sealed to it. Knows nothing of connections.
"""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path
from typing import Literal

from nacl.public import PrivateKey
from nacl.signing import SigningKey, VerifyKey
from pydantic import Field, ValidationError

from agent.wire.handshake import HandshakeError, to_text, to_verify_key
from agent.wire.types import AgentName, Base64Text, WireModel

FILE_NAME = "identity.json"


class IdentityError(Exception):
    """The identity file cannot be used; the message says which, why and what to do."""


class Identity(WireModel):
    """``enrolled`` is false from the moment the keys are made until the bot has said yes: an
    answer that is lost on its way must not leave the agent with other keys than the bot has."""

    version: Literal[1] = 1
    agent: AgentName
    signing_seed: Base64Text = Field(repr=False)
    box_key: Base64Text = Field(repr=False)
    bot_key: Base64Text
    enrolled: bool = False

    @property
    def signing(self) -> SigningKey:
        """Ed25519: proves who the agent is."""
        return SigningKey(_raw(self.signing_seed))

    @property
    def box(self) -> PrivateKey:
        """X25519: opens the access records sealed to the agent."""
        return PrivateKey(_raw(self.box_key))

    @property
    def bot(self) -> VerifyKey:
        """The bot's key, pinned at enrolment."""
        return to_verify_key(self.bot_key)


def new_identity(agent: str, bot_key: VerifyKey) -> Identity:
    """Fresh keys for an agent that is about to enrol with the bot of that key."""
    return Identity(
        agent=agent,
        signing_seed=to_text(SigningKey.generate().encode()),
        box_key=to_text(PrivateKey.generate().encode()),
        bot_key=to_text(bot_key.encode()),
    )


def load_identity(state_dir: Path, agent: str) -> Identity | None:
    """The identity kept in that folder; None where the agent has none yet.

    Raises:
        IdentityError: others may read it, it is damaged, or it is another agent's.
    """
    path = state_dir / FILE_NAME
    try:
        if path.stat().st_mode & 0o077:
            raise IdentityError(f"{path} may be read by others; run: chmod 600 {path}")
        identity = Identity.model_validate_json(path.read_bytes(), strict=True)
        _ = identity.signing, identity.box, identity.bot
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IdentityError(f"{path} cannot be read: {error.strerror}") from error
    except (ValidationError, ValueError, TypeError, HandshakeError):
        # Without the cause: it would quote the keys.
        raise IdentityError(f"{path} is damaged; restore it, or remove it and enrol anew") from None
    if identity.agent != agent:
        raise IdentityError(f"{path} belongs to agent {identity.agent}, not to {agent}")
    return identity


def save_identity(state_dir: Path, identity: Identity) -> None:
    """Write it whole or not at all; it is on the disk when this returns.

    Raises:
        IdentityError: the folder cannot be written.
    """
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=state_dir, prefix=".identity-")  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(identity.model_dump_json())
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(state_dir / FILE_NAME)
        finally:  # gone already when it has taken its place
            Path(name).unlink(missing_ok=True)
        folder = os.open(state_dir, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise IdentityError(f"{state_dir} cannot be written: {error.strerror}") from error


def _raw(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
