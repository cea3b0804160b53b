"""Who proves what to whom."""

from __future__ import annotations

import hashlib

import pytest
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from agent.wire.enrolment import EnrolmentToken, TokenError, fingerprint_of
from agent.wire.handshake import (
    HandshakeError,
    challenge,
    check_agent,
    check_bot,
    check_enrolment,
    make_enrolment,
    new_nonce,
    prove_agent,
    to_text,
)
from agent.wire.messages import Hello, Proof

BOT = SigningKey.generate()
AGENT = SigningKey.generate()
STRANGER = SigningKey.generate()
BOX = PrivateKey.generate()


def hello(agent: str = "moef-1") -> Hello:
    return Hello(agent=agent, version="0", nonce=new_nonce())


def test_both_ends_prove_their_keys() -> None:
    greeting = hello()
    sent = challenge(greeting, BOT)
    assert check_bot(greeting, sent, pinned=BOT.verify_key) == BOT.verify_key
    check_agent(greeting, sent, prove_agent(greeting, sent, AGENT), AGENT.verify_key)


def test_another_bot_is_not_the_pinned_one() -> None:
    greeting = hello()
    with pytest.raises(HandshakeError, match="bot_unknown"):
        check_bot(greeting, challenge(greeting, STRANGER), pinned=BOT.verify_key)


def test_the_bots_public_key_alone_proves_nothing() -> None:
    greeting = hello()
    forged = challenge(greeting, STRANGER).model_copy(
        update={"bot_key": to_text(BOT.verify_key.encode())}
    )
    with pytest.raises(HandshakeError, match="bot_proof_wrong"):
        check_bot(greeting, forged, pinned=BOT.verify_key)


def test_a_proof_of_an_earlier_hello_does_not_serve_again() -> None:
    first, second = hello(), hello()
    with pytest.raises(HandshakeError, match="bot_proof_wrong"):
        check_bot(second, challenge(first, BOT), pinned=BOT.verify_key)
    sent = challenge(first, BOT)
    with pytest.raises(HandshakeError, match="agent_proof_wrong"):
        check_agent(first, challenge(first, BOT), prove_agent(first, sent, AGENT), AGENT.verify_key)


def test_a_proof_does_not_serve_for_another_name() -> None:
    greeting = hello()
    sent = challenge(greeting, BOT)
    proof = prove_agent(greeting, sent, AGENT)
    other = greeting.model_copy(update={"agent": "moef-2"})
    with pytest.raises(HandshakeError, match="agent_proof_wrong"):
        check_agent(other, sent, proof, AGENT.verify_key)


def test_the_bots_proof_is_no_agents_proof() -> None:
    greeting = hello()
    sent = challenge(greeting, BOT)
    with pytest.raises(HandshakeError, match="agent_proof_wrong"):
        check_agent(greeting, sent, Proof(proof=sent.proof), BOT.verify_key)


def test_enrolment_covers_both_keys() -> None:
    greeting = hello()
    sent = challenge(greeting, BOT)
    enrol = make_enrolment(greeting, sent, secret="s", key=AGENT, seal_key=BOX.public_key)
    check_enrolment(greeting, sent, enrol)
    other = to_text(PrivateKey.generate().public_key.encode())
    with pytest.raises(HandshakeError, match="agent_proof_wrong"):
        check_enrolment(greeting, sent, enrol.model_copy(update={"seal_key": other}))
    with pytest.raises(HandshakeError, match="key_malformed"):
        check_enrolment(greeting, sent, enrol.model_copy(update={"seal_key": "AAAA"}))


def test_enrolment_compares_the_bots_fingerprint() -> None:
    greeting = hello()
    check_bot(greeting, challenge(greeting, BOT), fingerprint=fingerprint_of(BOT.verify_key))
    with pytest.raises(HandshakeError, match="bot_unknown"):
        check_bot(
            greeting, challenge(greeting, STRANGER), fingerprint=fingerprint_of(BOT.verify_key)
        )


def test_a_token_comes_back_as_it_was() -> None:
    token = EnrolmentToken.issue(BOT.verify_key)
    assert EnrolmentToken.decode(f" {token.encode()}\n") == token
    assert token.digest == hashlib.sha256(token.secret.encode()).hexdigest()
    assert token.fingerprint == hashlib.sha256(BOT.verify_key.encode()).hexdigest()[:16]
    assert token.secret not in repr(token)


@pytest.mark.parametrize("text", ["", "gat1", "gat1.short.0123456789abcdef", "x" * 300])
def test_other_text_is_no_token(text: str) -> None:
    with pytest.raises(TokenError):
        EnrolmentToken.decode(text)
