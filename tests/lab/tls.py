"""Certificates of a scratch authority, and an nginx that serves them.

Owns: the chain (root, intermediate, leaf) made with ``cryptography``, and one nginx of the lab's
account with a TLS port for each certificate. Nothing here is trusted by anybody.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab import processes
from tests.lab.account import Unavailable
from tests.lab.part import Ground, Part
from tests.lab.ports import free_port

_PROGRAM = Path("/usr/sbin/nginx")
_CONFIGURATION = """\
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {home}/temp; proxy_temp_path {home}/temp;
    fastcgi_temp_path {home}/temp; uwsgi_temp_path {home}/temp; scgi_temp_path {home}/temp;
{servers}
}}
"""
_SERVER = """\
    server {{
        listen {host}:{port} ssl;
        ssl_certificate {folder}/{name}.pem;
        ssl_certificate_key {folder}/{name}.key;
        {extra}
        location / {{ return 200 "UP\\n"; }}
    }}
"""
_OLD = "ssl_protocols TLSv1; ssl_ciphers ALL:@SECLEVEL=0;"


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue(
    name: str,
    *,
    by: Issued | None = None,
    days: float = 3650,
    names: tuple[str, ...] = (),
    authority: bool = False,
) -> Issued:
    """A certificate that ends in ``days``; without an issuer, its own. ``names``: DNS names."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ends = now + dt.timedelta(days=days, hours=3)  # a long run still counts the same days
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, ends) - dt.timedelta(days=400))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternatives, critical=False)
    signer = by.key if by else key
    return Issued(certificate=builder.sign(signer, hashes.SHA256()), key=key)


class TlsNginx(Part):
    """An nginx with one TLS port for each ``add``; ``port[name]``, ``path(name)``."""

    def __init__(self, ground: Ground, name: str = "tls", *, host: str = "127.0.1.1") -> None:
        if not _PROGRAM.exists():
            raise Unavailable("no nginx: run deploy/system-packages.sh")
        self.ground = ground
        self.home = ground.claim(name)
        self.host = host
        self.port: dict[str, int] = {}
        self._extra: dict[str, str] = {}
        self.root = issue("Lab Root CA", authority=True)
        self.intermediate = issue("Lab Issuing CA", by=self.root, authority=True)
        ground.account.make_folder(self.home / "temp")

    def path(self, name: str) -> Path:
        """The PEM file that the port's configuration names."""
        return self.home / f"{name}.pem"

    def add(self, name: str, leaf: Issued, *above: Issued, old: bool = False) -> None:
        """A port that serves this certificate and those above it, once the server starts;
        ``old``: by TLS 1.0 alone."""
        self.write(name, leaf, *above)
        self._extra[name] = _OLD if old else ""
        self.port[name] = free_port(self.host)

    def write(self, name: str, leaf: Issued, *above: Issued) -> None:
        """Replace the files; what runs does not notice."""
        self.ground.write(self.path(name), b"".join(one.pem for one in (leaf, *above)))
        self.ground.write(self.home / f"{name}.key", leaf.key_pem, mode=0o600)

    def start(self) -> None:
        """Start it and wait until every port listens."""
        servers = "".join(
            _SERVER.format(
                host=self.host, port=port, folder=self.home, name=name, extra=self._extra[name]
            )
            for name, port in self.port.items()
        )
        configuration = _CONFIGURATION.format(home=self.home, servers=servers)
        self.ground.write(self.home / "nginx.conf", configuration)
        arguments: list[str | Path] = [_PROGRAM, "-e", self.home / "error.log"]
        arguments += ["-p", self.home, "-c", self.home / "nginx.conf"]
        status, output = self.ground.run(arguments, cwd=self.home)
        if status:
            raise RuntimeError(f"nginx did not start: {output}")
        for port in self.port.values():
            processes.await_listening(self.host, port, None, self.home / "error.log")

    def stop(self) -> None:
        """End master and workers at once."""
        with suppress(OSError, ValueError):
            pid = int((self.home / "nginx.pid").read_text("ascii"))
            os.kill(pid, signal.SIGTERM)
            processes.await_true(lambda: not processes.alive(pid), "the end of nginx")
