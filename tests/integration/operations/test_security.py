"""The look at a node's safety, on real accounts, ports and packages."""

from __future__ import annotations

import os
import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.operations import security
from agent.operations.baselines import Baseline, Baselines, KeptFile
from agent.operations.context import OperationFailed
from agent.transports.transport import TransportError
from agent.wire.checks import InspectSecurity
from agent.wire.profile import NodeProfile
from agent.wire.readings import Reading
from tests.fakes.agent import JOB, NOW
from tests.integration.operations.at_node import Recorded, context_of
from tests.lab import Lab, LabNode, SshdOptions

HOST_KEYS = ("ed25519",)


def tally(count: int, *, valid: bool = True) -> bytes:
    """What pam_faillock keeps of an account: that many failures just now."""
    status = 3 if valid else 2
    return struct.pack("<52sHHQ", b"203.0.113.9", 0, status, int(time.time())) * count


def attempts(name: str, count: int, *, days_ago: float = 0) -> bytes:
    """Records of btmp, as sshd writes them."""
    at = int(time.time() - days_ago * 86400)
    head = struct.pack("<hxxi32s4s32s256s", 6, 1, b"ssh:notty", b"", name.encode(), b"203.0.113.9")
    return (head + struct.pack("<hhiii4i20s", 0, 0, 0, at, 0, 0, 0, 0, 0, b"")) * count


@pytest.fixture(scope="module")
def tallies(module_lab: Lab) -> Path:
    return module_lab.account.make_folder(module_lab.root / "faillock")


@pytest.fixture(scope="module")
def logs(module_lab: Lab) -> Path:
    return module_lab.account.make_folder(module_lab.root / "varlog")


@pytest.fixture(scope="module")
def modern(module_lab: Lab, tallies: Path) -> LabNode:
    """A node with faillock."""
    options = SshdOptions(host_keys=HOST_KEYS, private=((tallies, "/run/faillock"),))
    return module_lab.nodes(1, options=options, web=False, prefix="new").nodes[0]


@pytest.fixture(scope="module")
def old(module_lab: Lab, logs: Path) -> LabNode:
    """A node without faillock, whose btmp the account may read."""
    options = SshdOptions(host_keys=HOST_KEYS, private=((logs, "/var/log"),))
    # An address of its own: at the usual one, other labs' servers listen as well.
    subnet = f"127.0.{100 + os.getpid() % 100}"
    fleet = module_lab.nodes(1, options=options, web=False, prefix="old", subnet=subnet)
    return fleet.nodes[0]


async def inspected(
    node: LabNode, *, book: Recorded | None = None, kept: Baselines | None = None, **profile: object
) -> Reading:
    access = node.access(profile=NodeProfile.model_validate(profile))
    context = replace(context_of(access, book), baselines=kept)
    return await security.inspect(context, InspectSecurity())


def rows_of(reading: Reading, grid: str) -> dict[object, tuple[object, ...]]:
    found = reading.grid(grid)
    return {row.cells[0]: (*row.cells[1:], row.level) for row in found.rows} if found else {}


def codes_of(reading: Reading) -> set[str]:
    return {remark.code for remark in reading.remarks}


# --- accounts ------------------------------------------------------------------------------------


async def test_an_account_that_faillock_has_locked_is_a_warning(
    module_lab: Lab, modern: LabNode, tallies: Path
) -> None:
    name = module_lab.account.name
    module_lab.ground.write(tallies / name, tally(3))
    reading = await inspected(modern)
    locked = reading.fact("locked_accounts")
    assert locked is not None
    assert (locked.value, locked.level) == (1, "warning")
    assert rows_of(reading, "failed_logins")[name] == (3, "account_locked", "warning")
    assert "203.0.113" not in reading.model_dump_json()


async def test_failures_that_no_longer_count_lock_nobody(
    module_lab: Lab, modern: LabNode, tallies: Path
) -> None:
    module_lab.ground.write(tallies / module_lab.account.name, tally(5, valid=False))
    reading = await inspected(modern)
    locked = reading.fact("locked_accounts")
    assert locked is not None
    assert (locked.value, locked.level) == (0, "normal")


async def test_without_faillock_lastb_tells_who_is_being_tried(
    module_lab: Lab, old: LabNode, logs: Path
) -> None:
    name = module_lab.account.name
    body = attempts(name, 12) + attempts("hunter2!", 2) + attempts(name, 30, days_ago=3)
    module_lab.ground.write(logs / "btmp", body)
    reading = await inspected(old)
    rows = rows_of(reading, "failed_logins")
    assert rows == {name: (12, "account_tried", "warning"), "?": (2, "account_open", "normal")}
    assert "hunter2" not in reading.model_dump_json(), "a password typed as a name"
    assert reading.fact("locked_accounts") is None


async def test_what_the_account_may_not_see_is_unknown_and_never_fine(
    module_lab: Lab, old: LabNode, logs: Path
) -> None:
    module_lab.ground.write(logs / "btmp", attempts("x", 1), mode=0o600)
    (logs / "btmp").chmod(0)
    reading = await inspected(old)
    locked = reading.fact("locked_accounts")
    assert locked is not None
    assert (locked.value, locked.level) == (None, "unknown")
    assert "logins_not_permitted" in codes_of(reading)
    assert reading.level == "unknown"


# --- ports ---------------------------------------------------------------------------------------


async def test_a_port_that_is_not_allowed_is_critical_and_an_allowed_one_fine(
    old: LabNode,
) -> None:
    book = Recorded()
    reading = await inspected(old, ports=[old.sshd.port, 5], book=book)
    rows = rows_of(reading, "listening_ports")
    assert rows[str(old.sshd.port)] == ("listen_one_address", "port_allowed", "normal")
    assert rows[str(old.service.port)] == ("listen_one_address", "port_not_allowed", "critical")
    assert reading.level == "critical"
    silent = next(one for one in reading.remarks if one.code == "ports_not_listening")
    assert silent.values == {"ports": "5"}
    assert not any("grep" in " ".join(ran) or "netstat" in ran[0] for ran in book.ran)


async def test_only_allowed_ports_listening_is_fine(old: LabNode) -> None:
    probe = await inspected(old)
    everywhere = [int(str(port)) for port in rows_of(probe, "listening_ports")]
    reading = await inspected(old, ports=everywhere)
    bad = reading.fact("not_allowed_ports")
    assert bad is not None
    assert (bad.value, bad.level) == (0, "normal")


async def test_without_a_list_of_ports_nobody_can_say(old: LabNode) -> None:
    reading = await inspected(old)
    bad = reading.fact("not_allowed_ports")
    assert bad is not None
    assert (bad.value, bad.level) == (None, "unknown")
    assert "ports_not_said" in codes_of(reading)


# --- system binaries -----------------------------------------------------------------------------


async def test_binaries_are_verified_by_their_packages(modern: LabNode) -> None:
    book = Recorded()
    paths = ["/usr/bin/ls", "/usr/bin/login", "/usr/sbin/sshd"]
    reading = await inspected(modern, binaries=paths, book=book)
    fine = ("binary_fine", "by_package", "normal")
    assert rows_of(reading, "binaries") == dict.fromkeys(paths, fine)
    assert ["dpkg", "--verify"] in [ran[:2] for ran in book.ran]


async def test_a_changed_binary_of_a_package_is_critical(module_lab: Lab) -> None:
    sbin = module_lab.root / "changed"
    sbin.mkdir()
    for name in ("faillock", "unix_chkpwd"):
        (sbin / name).write_bytes(b"#!/bin/sh\n")
    options = SshdOptions(host_keys=HOST_KEYS, private=((sbin / "faillock", "/usr/bin/cksum"),))
    node = module_lab.nodes(1, options=options, web=False, prefix="bad").nodes[0]
    reading = await inspected(node, binaries=["/usr/bin/cksum", "/usr/bin/wc"])
    rows = rows_of(reading, "binaries")
    assert rows["/usr/bin/cksum"] == ("binary_changed", "by_package", "critical")
    assert rows["/usr/bin/wc"] == ("binary_fine", "by_package", "normal")


async def test_a_binary_of_no_package_is_compared_with_the_baseline(
    module_lab: Lab, modern: LabNode, tmp_path: Path
) -> None:
    own = module_lab.ground.write(module_lab.root / "own/agentd", b"version 1", mode=0o755)
    gone = module_lab.root / "own/gone"
    unknown = await inspected(modern, binaries=[str(own), str(gone)])
    assert rows_of(unknown, "binaries") == {
        str(own): ("binary_unknown", "by_nothing", "unknown"),
        str(gone): ("binary_missing", "by_nothing", "critical"),
    }
    kept = Baselines(tmp_path / "baselines")
    files = {str(own): KeptFile(sha256="0" * 64)}
    kept.keep(modern.node_id, Baseline(recorded=NOW, job_id=JOB, files=files))
    reading = await inspected(modern, binaries=[str(own)], kept=kept)
    assert rows_of(reading, "binaries")[str(own)] == ("binary_changed", "by_baseline", "critical")


# --- refused and unreachable ---------------------------------------------------------------------


async def test_a_server_without_a_shell_is_told_so(module_lab: Lab) -> None:
    options = SshdOptions(host_keys=HOST_KEYS, sftp_only=True)
    node = module_lab.nodes(1, options=options, web=False, prefix="sftp").nodes[0]
    with pytest.raises(OperationFailed) as refused:
        await inspected(node)
    assert refused.value.code == "no_shell"


async def test_an_unreachable_node_is_no_reading(modern: LabNode) -> None:
    access = modern.access(port=1)
    with pytest.raises(TransportError) as failed:
        await security.inspect(context_of(access), InspectSecurity())
    assert failed.value.code == "unreachable"
