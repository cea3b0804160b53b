"""Who proves what to whom before a session begins.

Owns: the signed strings of the handshake. The order is fixed: the agent says hello, the bot
proves its key over that hello, and only then does the agent prove its own or show its token.
Every signature is made under a name of its own (``guardia/…/1``) and covers the whole hello,
both nonces and the bot's key, so that none can serve in another place. No I/O, holds no keys.
"""

from __future__ import annotations

import base64
import binascii
import secrets

from nacl.exceptions import BadSignatureError
from nacl.public import PublicKey
from nacl.signing import SigningKey, VerifyKey

from agent.wire.enrolment import fingerprint_of
from agent.wire.messages import Challenge, Enrol, Hello, Proof
from agent.wire.types import canonical_json

_BOT = b"guardia/bot-proof/1\0"
_AGENT = b"guardia/agent-proof/1\0"
_ENROL = b"guardia/enrol-proof/1\0"


class HandshakeError(Exception):
    """The other end is not who it must be. ``code`` says what did not hold, for the log."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def new_nonce() -> str:
    """32 random bytes, base64."""
    return to_text(secrets.token_bytes(32))


def to_text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def to_verify_key(text: str) -> VerifyKey:
    """The Ed25519 key of its base64 text.

    Raises:
        HandshakeError: it is no key (``key_malformed``).
    """
    try:
        return VerifyKey(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise HandshakeError("key_malformed") from error


def challenge(hello: Hello, key: SigningKey) -> Challenge:
    """Bot: its proof over the hello, and a nonce for the agent's."""
    nonce, bot_key = new_nonce(), to_text(key.verify_key.encode())
    return Challenge(
        nonce=nonce, bot_key=bot_key, proof=_sign(key, _BOT + _transcript(hello, nonce, bot_key))
    )


def check_bot(
    hello: Hello,
    answer: Challenge,
    *,
    pinned: VerifyKey | None = None,
    fingerprint: str | None = None,
) -> VerifyKey:
    """Agent: the bot's key, after it has been proved and is the expected one.

    Exactly one of ``pinned`` and ``fingerprint`` says what is expected.

    Raises:
        HandshakeError: another key (``bot_unknown``), or its proof fails (``bot_proof_wrong``).
    """
    key = to_verify_key(answer.bot_key)
    expected = key == pinned if pinned is not None else fingerprint_of(key) == fingerprint
    if not expected:
        raise HandshakeError("bot_unknown")
    signed = _BOT + _transcript(hello, answer.nonce, answer.bot_key)
    _check(key, signed, answer.proof, "bot_proof_wrong")
    return key


def prove_agent(hello: Hello, answer: Challenge, key: SigningKey) -> Proof:
    """Agent: its proof. To be made only after ``check_bot``."""
    signed = _AGENT + _transcript(hello, answer.nonce, answer.bot_key)
    return Proof(proof=_sign(key, signed))


def check_agent(hello: Hello, sent: Challenge, proof: Proof, key: VerifyKey) -> None:
    """Bot: whether the agent holds the key that it is enrolled with.

    Raises:
        HandshakeError: it does not (``agent_proof_wrong``).
    """
    signed = _AGENT + _transcript(hello, sent.nonce, sent.bot_key)
    _check(key, signed, proof.proof, "agent_proof_wrong")


def make_enrolment(
    hello: Hello, answer: Challenge, *, secret: str, key: SigningKey, seal_key: PublicKey
) -> Enrol:
    """Agent: the secret and the keys to register. To be made only after ``check_bot``."""
    verify_text, seal_text = to_text(key.verify_key.encode()), to_text(seal_key.encode())
    signed = _ENROL + _transcript(hello, answer.nonce, answer.bot_key, verify_text, seal_text)
    return Enrol(token=secret, verify_key=verify_text, seal_key=seal_text, proof=_sign(key, signed))


def check_enrolment(hello: Hello, sent: Challenge, enrol: Enrol) -> None:
    """Bot: whether the keys to register are keys, and the agent holds the first of them.

    Raises:
        HandshakeError: ``key_malformed`` or ``agent_proof_wrong``.
    """
    try:
        PublicKey(base64.b64decode(enrol.seal_key, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise HandshakeError("key_malformed") from error
    signed = _ENROL + _transcript(hello, sent.nonce, sent.bot_key, enrol.verify_key, enrol.seal_key)
    _check(to_verify_key(enrol.verify_key), signed, enrol.proof, "agent_proof_wrong")


def _transcript(hello: Hello, *rest: str) -> bytes:
    return canonical_json([hello.model_dump(mode="json"), *rest])


def _sign(key: SigningKey, signed: bytes) -> str:
    return to_text(key.sign(signed).signature)


def _check(key: VerifyKey, signed: bytes, signature: str, code: str) -> None:
    try:
        key.verify(signed, base64.b64decode(signature, validate=True))
    except (BadSignatureError, binascii.Error, ValueError, TypeError) as error:
        raise HandshakeError(code) from error
