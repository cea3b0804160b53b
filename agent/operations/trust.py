"""Who has issued a certificate, and the roots that the agent's own machine knows.

Owns: both questions. They decide only what is said of a chain; the agent trusts no server by it.
"""

from __future__ import annotations

import ssl
import warnings
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")


def issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the one was signed by the other."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_trusted(certificate: x509.Certificate) -> bool:
    """Whether one of this machine's roots has issued it, or is it."""
    candidates = _roots().get(certificate.issuer.public_bytes(), ())
    return any(issued(certificate, root) for root in candidates)


@lru_cache(maxsize=1)
def _roots() -> dict[bytes, tuple[x509.Certificate, ...]]:
    """By the name that they sign with; none where this machine has no bundle."""
    paths = [ssl.get_default_verify_paths().cafile, *_BUNDLES]
    bundle = next((Path(path) for path in paths if path and Path(path).is_file()), None)
    if bundle is None:
        return {}
    found: dict[bytes, tuple[x509.Certificate, ...]] = {}
    for block in _blocks(bundle):
        try:
            with warnings.catch_warnings(action="ignore"):  # old roots bend some rules
                root = x509.load_pem_x509_certificate(block)
        except ValueError:
            continue
        name = root.subject.public_bytes()
        found[name] = (*found.get(name, ()), root)
    return found


def _blocks(bundle: Path) -> list[bytes]:
    try:
        pieces = bundle.read_bytes().split(_BEGIN)[1:]
    except OSError:
        return []
    return [_BEGIN + piece.partition(_END)[0] + _END + b"\n" for piece in pieces]
