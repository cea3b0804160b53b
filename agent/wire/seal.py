"""Signatures and sealed boxes of the wire, each one call of libsodium.

Owns: how a grant is signed and checked, and how a node's access is sealed to an agent and
opened. Holds no keys.
"""

from __future__ import annotations

import base64
import binascii

from nacl.exceptions import BadSignatureError, CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey
from pydantic import ValidationError

from agent.wire.plan import Grant, NodeAccess, SealedAccess, SignedGrant
from agent.wire.types import canonical


class SealError(Exception):
    """A signature or a sealed box is not what it claims to be."""


def sign_grant(grant: Grant, key: SigningKey) -> SignedGrant:
    """The grant with the bot's Ed25519 signature over its canonical bytes."""
    body = canonical(grant)
    return SignedGrant(
        grant=body.decode(), signature=base64.b64encode(key.sign(body).signature).decode()
    )


def open_grant(signed: SignedGrant, key: VerifyKey) -> Grant:
    """The grant, after its signature has been checked.

    Raises:
        SealError: the signature is not the bot's, or what was signed is no grant.
    """
    try:
        key.verify(signed.grant.encode(), base64.b64decode(signed.signature, validate=True))
        return Grant.model_validate_json(signed.grant)
    except (BadSignatureError, binascii.Error, ValueError, ValidationError) as error:
        raise SealError("the grant's signature does not hold") from error


def seal_access(access: NodeAccess, key: PublicKey) -> SealedAccess:
    """The access record, readable only by the holder of the private half of ``key``."""
    ciphertext = SealedBox(key).encrypt(canonical(access))
    return SealedAccess(
        node_id=access.target.node_id, ciphertext=base64.b64encode(ciphertext).decode()
    )


def open_access(sealed: SealedAccess, key: PrivateKey) -> NodeAccess:
    """The access record.

    Raises:
        SealError: it was sealed for another agent, is damaged, or names another node.
    """
    try:
        plain = SealedBox(key).decrypt(base64.b64decode(sealed.ciphertext, validate=True))
        access = NodeAccess.model_validate_json(plain)
    except (CryptoError, binascii.Error, ValueError, ValidationError) as error:
        raise SealError(f"the access record of {sealed.node_id} cannot be opened") from error
    if access.target.node_id != sealed.node_id:
        raise SealError(f"the access record of {sealed.node_id} belongs to another node")
    return access
