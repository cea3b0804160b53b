"""Certificates of a node: as its files have them, and as its ports really serve them.

Owns: read_certificates, what is told of each certificate, and what is wrong with a chain. A port
is asked by a handshake from the agent that trusts nobody: it is the certificate that is judged.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from agent.operations.context import OperationFailed, StepContext
from agent.operations.handshake import Served, ask
from agent.operations.trust import is_trusted, issued
from agent.transports.output import plain
from agent.transports.transport import Transport, TransportError
from agent.wire.checks import ReadCertificates
from agent.wire.profile import CertificateSpec
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, Threshold, worst

_FILE_LIMIT = 256 << 10  # bytes
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_CHAIN_MAX = 10
_BAD_FIRST: tuple[Level, ...] = ("critical", "warning", "unknown", "normal")
Chain = list[x509.Certificate]


@dataclass(slots=True)
class _Findings:
    """What has been found so far."""

    days: Threshold
    now: datetime
    rows: list[Row] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    least: int | None = None
    unread: bool = False

    def add(self, place: str, where: str, chain: Sequence[x509.Certificate]) -> None:
        for index, one in enumerate(chain):
            left = days_left(one, self.now)
            self.least = left if self.least is None else min(self.least, left)
            ends = one.not_valid_after_utc.isoformat()
            names = (name_of(one.subject), name_of(one.issuer))
            cells = (names[0], _role(one, index), place, where, left, ends, names[1])
            self.rows.append(Row(cells=cells, level=self.days.level_of(left)))

    def remark(self, code: str, level: Level, **values: object) -> None:
        said = {name: str(value) for name, value in values.items()}
        self.remarks.append(Remark(code=code, values=said, level=level))
        self.unread = self.unread or level == "unknown"

    def reading(self) -> Reading:
        level = worst(
            "unknown" if self.unread else "normal",
            *(row.level for row in self.rows),
            *(remark.level for remark in self.remarks),
        )
        ordered = sorted(self.rows, key=lambda row: _BAD_FIRST.index(row.level))
        ends = Fact(
            name="nearest_expiry",
            value=self.least,
            unit="days",
            level=self.days.level_of(self.least),
        )
        return Reading(
            level=level,
            facts=(ends,),
            grids=(Grid(name="certificates", columns=_COLUMNS, rows=tuple(ordered)),),
            remarks=tuple(self.remarks)[:50],
        )


_COLUMNS = (
    Column(name="certificate_subject"),
    Column(name="certificate_role", unit="word"),
    Column(name="certificate_place", unit="word"),
    Column(name="certificate_where"),
    Column(name="days_left", unit="days"),
    Column(name="certificate_ends", unit="instant"),
    Column(name="certificate_issuer"),
)


async def read(context: StepContext, operation: ReadCertificates) -> Reading:
    """Every certificate of the profile with the days that are left, and what is wrong.

    Raises:
        OperationFailed: ``not_in_profile``: none is registered.
        TransportError: the node could not be reached, and no port told anything either.
    """
    specs = context.target.profile.certificates
    if not specs:
        raise OperationFailed("not_in_profile", detail="certificates")
    findings = _Findings(days=operation.days, now=datetime.now(UTC))
    served = [await _served(context, spec) for spec in specs]
    files = await _files(context, findings, any(one and one.chain for one in served))
    for spec, port, file in zip(specs, served, files, strict=True):
        _judge(findings, spec, port, file)
    return findings.reading()


def days_left(certificate: x509.Certificate, now: datetime) -> int:
    """Whole days until it ends; negative from the first second after it has ended."""
    return (certificate.not_valid_after_utc - now).days


def name_of(name: x509.Name) -> str:
    """The common name; without one, the organisation or whatever else there is."""
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME, NameOID.ORGANIZATION_NAME):
        found = name.get_attributes_for_oid(kind)
        if found:
            return plain(str(found[0].value))[:120]
    return plain(name.rfc4514_string())[:120] or "-"


async def _served(context: StepContext, spec: CertificateSpec) -> Served | None:
    if spec.port is None:
        return None
    return await ask(context.target.host, spec.port, spec.server_name)


async def _files(context: StepContext, findings: _Findings, answered: bool) -> list[Chain | None]:
    """The certificates of each file, in the order of the profile; None: no file, or unread."""
    specs = context.target.profile.certificates
    if not any(spec.path for spec in specs):
        return [None] * len(specs)
    try:
        async with context.server() as server:
            return [await _file(server, findings, spec.path) for spec in specs]
    except TransportError:
        if not answered:
            raise
        findings.remark("certificate_files_unread", "unknown")
        return [None] * len(specs)


async def _file(server: Transport, findings: _Findings, path: str | None) -> Chain | None:
    if path is None:
        return None
    name = posixpath.basename(path)
    try:
        body = await server.read(path, limit=_FILE_LIMIT)
    except TransportError as error:
        if error.code not in {"not_found", "permission_denied"}:
            raise
        findings.remark(f"certificate_file_{error.code}", "unknown", file=name)
        return None
    chain = certificates_in(body)
    if not chain:
        findings.remark("certificate_file_empty", "unknown", file=name)
    return chain or None


def certificates_in(body: bytes) -> Chain:
    """The certificates of a PEM file, whatever else stands in it; a broken one is left out."""
    found: Chain = []
    for piece in body.split(_BEGIN)[1:]:
        block, end, _ = piece.partition(_END)
        try:
            found.append(x509.load_pem_x509_certificate(_BEGIN + block + end + b"\n"))
        except ValueError:
            continue
    return found[:_CHAIN_MAX]


# --- what is wrong -------------------------------------------------------------------------------


def _judge(
    findings: _Findings, spec: CertificateSpec, served: Served | None, file: Chain | None
) -> None:
    name = posixpath.basename(spec.path) if spec.path else ""
    if file:
        findings.add("certificate_file", name, file)
    if served is None:
        if file:
            _judge_leaf(findings, spec, name, file[0])
        return
    where = str(spec.port)
    if not served.chain:
        findings.remark(f"certificate_port_{served.reason}", "unknown", port=where)
        if file:
            _judge_leaf(findings, spec, name, file[0])
        return
    chain = [x509.load_der_x509_certificate(der) for der in served.chain[:_CHAIN_MAX]]
    findings.add("certificate_port", where, chain)
    _judge_leaf(findings, spec, where, chain[0])
    _judge_chain(findings, where, chain, whole=served.whole)
    if file:
        _judge_pair(findings, where, chain[0], file[0])


def _judge_leaf(
    findings: _Findings, spec: CertificateSpec, where: str, leaf: x509.Certificate
) -> None:
    if findings.now < leaf.not_valid_before_utc:
        begins = leaf.not_valid_before_utc.isoformat()
        findings.remark("certificate_not_yet", "critical", where=where, begins=begins)
    if days_left(leaf, findings.now) < 0:
        findings.remark("certificate_expired", "critical", where=where, name=name_of(leaf.subject))
    if spec.server_name and not matches(leaf, spec.server_name):
        findings.remark(
            "certificate_name", "warning", where=where, name=spec.server_name, said=_names(leaf)
        )
    if leaf.subject == leaf.issuer and issued(leaf, leaf):
        findings.remark("certificate_self_signed", "warning", where=where)


def _judge_chain(findings: _Findings, where: str, chain: Chain, *, whole: bool) -> None:
    leaf, top = chain[0], chain[0]
    for _ in chain:  # upwards, in whatever order they were served
        above = next((one for one in chain if one is not top and issued(top, one)), None)
        if above is None or above.subject == above.issuer:
            top = above or top
            break
        top = above
    if top.subject == top.issuer or is_trusted(top):
        return
    if not whole:
        findings.remark("certificate_chain_unread", "normal", where=where)
    elif top is leaf:
        findings.remark(
            "certificate_chain_incomplete", "warning", where=where, issuer=name_of(leaf.issuer)
        )
    else:
        findings.remark(
            "certificate_root_unknown", "normal", where=where, issuer=name_of(top.issuer)
        )


def _judge_pair(
    findings: _Findings, where: str, served: x509.Certificate, file: x509.Certificate
) -> None:
    if served.fingerprint(hashes.SHA256()) == file.fingerprint(hashes.SHA256()):
        return
    newer = file.not_valid_after_utc > served.not_valid_after_utc
    code = "certificate_not_reloaded" if newer else "certificate_differs"
    findings.remark(code, "warning", where=where)


def matches(leaf: x509.Certificate, name: str) -> bool:
    """Whether a client that asks for this name accepts the certificate (RFC 6125; no common
    name: browsers have not looked at it for years)."""
    wanted = name.lower().rstrip(".")
    for pattern in _alternative_names(leaf):
        known = pattern.lower().rstrip(".")
        if known == wanted:
            return True
        if known.startswith("*.") and wanted.partition(".")[2] == known[2:]:
            return True
    return False


def _alternative_names(leaf: x509.Certificate) -> list[str]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return list(found.value.get_values_for_type(x509.DNSName))


def _names(leaf: x509.Certificate) -> str:
    names = [plain(name)[:80] for name in _alternative_names(leaf)[:3]]
    return ", ".join(names) or name_of(leaf.subject)


def _role(certificate: x509.Certificate, index: int) -> str:
    if certificate.subject == certificate.issuer and index > 0:
        return "certificate_root"
    return "certificate_leaf" if index == 0 else "certificate_intermediate"
