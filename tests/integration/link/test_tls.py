"""wss:// with an authority of one's own."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.dial import Address, LineError, enrol, open_line
from agent.identity import new_identity
from agent.wire.messages import StepOutcome
from tests.fakes.link import AGENT, delivery, running_agent, running_bot, within
from tests.fakes.pool import ScriptedExecutor

Key = ec.EllipticCurvePrivateKey


def certificate(
    name: str, key: Key, *, issuer: x509.Certificate | None = None, issuer_key: Key | None = None
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    signer = issuer_key or key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if issuer:
        names = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer, hashes.SHA256())


def write_authority(folder: Path, name: str) -> tuple[Path, x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    made = certificate(name, key)
    path = folder / f"{name}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return path, made, key


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """The authority's file, and the server side of a certificate for localhost signed by it."""
    ca_file, ca, ca_key = write_authority(tmp_path, "authority")
    key = ec.generate_private_key(ec.SECP256R1())
    chain = tmp_path / "server.pem"
    chain.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate("localhost", key, issuer=ca, issuer_key=ca_key).public_bytes(
            serialization.Encoding.PEM
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return ca_file, context


async def test_links_over_tls_with_the_given_authority(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    ca_file, context = authority
    async with running_bot(tls=context) as bot:
        token = await bot.issue()
        async with open_line(Address(url=bot.url, ca_file=ca_file)) as line:
            identity = await enrol(line, AGENT, token, lambda key: new_identity(AGENT, key))
        async with running_agent(identity, ScriptedExecutor(), bot.url, ca_file=ca_file):

            async def last() -> object:
                return [event async for event in bot.hub.run_step(delivery("s1"), "s1")][-1]

            outcome = await within(last())
    assert isinstance(outcome, StepOutcome)
    assert outcome.state == "succeeded"


async def test_does_not_dial_a_bot_of_another_authority(
    authority: tuple[Path, ssl.SSLContext], tmp_path: Path
) -> None:
    other, _, _ = write_authority(tmp_path, "other")
    async with running_bot(tls=authority[1]) as bot:
        with pytest.raises(LineError, match="does not answer"):
            async with open_line(Address(url=bot.url, ca_file=other)):
                pass


async def test_does_not_trust_that_authority_unless_told(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    async with running_bot(tls=authority[1]) as bot:
        with pytest.raises(LineError, match="does not answer"):
            async with open_line(Address(url=bot.url)):
                pass
