"""Certificates as files have them and as a real nginx serves them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent.operations import certificates, handshake
from agent.operations.context import OperationFailed
from agent.transports.transport import TransportError
from agent.wire.checks import ReadCertificates
from agent.wire.profile import CertificateSpec, NodeProfile
from agent.wire.readings import Reading, Remark, Threshold
from tests.integration.operations.at_node import Recorded, context_of
from tests.lab import Lab, LabNode, TlsNginx, issue

LIMITS = Threshold(warning=30, critical=7, falling=True)
NAME = "www.example.go.kr"


@pytest.fixture(scope="module")
def node(module_lab: Lab) -> LabNode:
    return module_lab.nodes(1, web=False).nodes[0]


@pytest.fixture(scope="module")
def tls(module_lab: Lab, node: LabNode) -> TlsNginx:
    """One port for each certificate; the file of ``renewed`` is newer than what is served."""
    server = module_lab.tls(host=node.sshd.host)
    above = server.intermediate
    for name, days in (("long", 300), ("month", 20), ("week", 5), ("expired", -3), ("renewed", 9)):
        server.add(name, issue(NAME, by=above, days=days, names=(NAME,)), above)
    other = issue("other", by=above, days=300, names=("*.other.go.kr", "other.go.kr"))
    server.add("other", other, above)
    server.add("bare", issue(NAME, by=above, days=300, names=(NAME,)))
    server.add("own", issue(NAME, days=300, names=(NAME,)))
    server.add("old", issue(NAME, by=above, days=300, names=(NAME,)), above, old=True)
    module_lab.add(server)
    server.write("renewed", issue(NAME, by=above, days=365, names=(NAME,)), above)
    return server


async def read(node: LabNode, *specs: CertificateSpec, book: Recorded | None = None) -> Reading:
    access = node.access(profile=NodeProfile(certificates=specs))
    return await certificates.read(context_of(access, book), ReadCertificates(days=LIMITS))


async def of(node: LabNode, tls: TlsNginx, name: str, *, file: bool = True) -> Reading:
    path = str(tls.path(name)) if file else None
    spec = CertificateSpec(path=path, port=tls.port[name], server_name=NAME)
    return await read(node, spec)


def left(reading: Reading) -> object:
    fact = reading.fact("nearest_expiry")
    return fact and (fact.value, fact.level)


def bad(reading: Reading) -> dict[str, str]:
    return {one.code: one.level for one in reading.remarks if one.level != "normal"}


async def test_a_long_one_with_its_chain_is_fine_in_the_file_and_at_the_port(
    node: LabNode, tls: TlsNginx
) -> None:
    reading = await of(node, tls, "long")
    assert reading.level == "normal"
    assert left(reading) == (300, "normal")
    grid = reading.grid("certificates")
    assert grid is not None
    told = {(row.cells[2], row.cells[1], row.cells[0], row.cells[6]) for row in grid.rows}
    assert told == {
        (place, *rest)
        for place in ("certificate_file", "certificate_port")
        for rest in (
            ("certificate_leaf", NAME, "Lab Issuing CA"),
            ("certificate_intermediate", "Lab Issuing CA", "Lab Root CA"),
        )
    }
    assert node.sshd.host not in reading.model_dump_json()


@pytest.mark.parametrize(
    ("name", "days", "level"),
    [("month", 20, "warning"), ("week", 5, "critical"), ("expired", -3, "critical")],
)
async def test_days_left_decide_the_level(
    node: LabNode, tls: TlsNginx, name: str, days: int, level: str
) -> None:
    reading = await of(node, tls, name)
    assert (left(reading), reading.level) == ((days, level), level)
    assert ("certificate_expired" in bad(reading)) == (name == "expired")


async def test_a_renewed_file_that_is_not_served_yet_is_a_warning(
    node: LabNode, tls: TlsNginx
) -> None:
    reading = await of(node, tls, "renewed")
    assert bad(reading) == {"certificate_not_reloaded": "warning"}
    assert left(reading) == (9, "warning"), "what is served counts, not what lies there"


async def test_another_name_a_missing_chain_and_a_self_signed_one_are_told(
    node: LabNode, tls: TlsNginx
) -> None:
    assert bad(await of(node, tls, "other")) == {"certificate_name": "warning"}
    assert bad(await of(node, tls, "bare")) == {"certificate_chain_incomplete": "warning"}
    assert bad(await of(node, tls, "own")) == {"certificate_self_signed": "warning"}


async def test_a_server_that_speaks_only_what_nobody_should_is_read_as_well(
    node: LabNode, tls: TlsNginx
) -> None:
    reading = await of(node, tls, "old")
    assert left(reading) == (300, "normal")
    assert bad(reading) == {}


async def test_what_does_not_answer_or_cannot_be_read_is_unknown(
    node: LabNode, tls: TlsNginx, module_lab: Lab
) -> None:
    missing = CertificateSpec(path=str(module_lab.root / "no.pem"), port=node.sshd.port)
    closed = CertificateSpec(port=9)
    reading = await read(node, missing, closed)
    assert reading.level == "unknown"
    assert left(reading) == (None, "unknown")
    assert bad(reading) == {
        "certificate_file_not_found": "unknown",
        "certificate_port_no_tls": "unknown",
        "certificate_port_closed": "unknown",
    }


async def test_a_node_without_a_login_still_shows_what_its_port_serves(
    node: LabNode, tls: TlsNginx
) -> None:
    spec = CertificateSpec(path=str(tls.path("long")), port=tls.port["long"])
    access = node.access(profile=NodeProfile(certificates=(spec,)), port=1)
    context = context_of(access)
    reading = await certificates.read(context, ReadCertificates(days=LIMITS))
    assert left(reading) == (300, "normal")
    assert bad(reading) == {"certificate_files_unread": "unknown"}
    only = access.target.profile.model_copy(
        update={"certificates": (CertificateSpec(path=spec.path),)}
    )
    with pytest.raises(TransportError):
        await certificates.read(
            context_of(node.access(profile=only, port=1)), ReadCertificates(days=LIMITS)
        )


async def test_nothing_registered_is_said_so(node: LabNode) -> None:
    with pytest.raises(OperationFailed) as refused:
        await read(node)
    assert refused.value.code == "not_in_profile"


async def test_without_openssl_the_leaf_alone_is_read_and_the_chain_not_judged(
    node: LabNode, tls: TlsNginx, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("openssl") is None
    served = await handshake.ask(node.sshd.host, tls.port["bare"], NAME)
    assert (len(served.chain), served.whole) == (1, False)
    reading = await of(node, tls, "bare", file=False)
    assert list(reading.remarks) == [
        Remark(code="certificate_chain_unread", values={"where": str(tls.port["bare"])})
    ]
