"""The certificate that the demo's balancer shows: near enough to its end to be seen.

Owns: making it, with a root of its own, and making it anew before it ends. Trusted by nobody.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "budget.example.go.kr"
_DAYS = 24  # less than the 30 at which a warning is due
_LEAST = timedelta(days=10)


def keep_certificate(file: Path) -> None:
    """The certificate and its key (``.key``) at this place, as they are as long as they last."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.with_suffix(".key").exists():
        kept = x509.load_pem_x509_certificate(file.read_bytes())
        if kept.not_valid_after_utc > datetime.now(UTC) + _LEAST:
            return
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _name("GUARDiA Demo Root CA")
    built = _certificate(_name(NAME), root, key.public_key())
    built = built.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    private = file.with_suffix(".key")
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    signed = built.sign(root_key, hashes.SHA256())
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _name(said: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, said)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=366 - _DAYS))
        .not_valid_after(now + timedelta(days=_DAYS, hours=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
