"""What the optional columns say of how nodes are reached, and every wrong value by its place."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from agent.wire.plan import NodeTarget
from bot.core.domain.estate import BalancerMember, Repository, Rollout
from bot.core.errors import ConfigurationError
from cmdb.importers.estate_csv import read_estate

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
WAS1, WAS2 = "moef-budget-prod-was01", "moef-budget-prod-was02"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "estate"
    shutil.copytree(SMALL, copy)
    return copy


def change(folder: Path, file: str, key: str, **values: str) -> None:
    """Set columns, new ones too, in the line whose first fitting cell is the key."""
    path = folder / file
    with path.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    columns = dict.fromkeys([*rows[0], *values])
    for row in rows:
        if key in row.values():
            row.update(values)
    with path.open("w", encoding="utf-8", newline="") as target:
        writer = csv.DictWriter(target, fieldnames=list(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def wire_of(folder: Path, node_id: str) -> NodeTarget:
    nodes = {record.node.node_id: record.node for record in read_estate(folder).nodes}
    wire = nodes[node_id].wire
    assert wire is not None
    return wire


def fault_of(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_estate(folder)
    return refused.value.values["findings"]


def test_an_ftp_node_has_its_own_port_and_no_host_key(folder: Path) -> None:
    change(folder, "connections.csv", WAS1, transfer="ftp", host_key="")
    wire = wire_of(folder, WAS1)
    assert (wire.transfer, wire.port, wire.host_key) == ("ftp", 21, None)
    change(folder, "connections.csv", WAS1, ftp_port="2121")
    assert wire_of(folder, WAS1).port == 2121
    records = {record.node.node_id: record for record in read_estate(folder).nodes}
    assert records[WAS1].ftp_port == 2121


def test_old_algorithms_are_allowed_by_name_and_node(folder: Path) -> None:
    change(folder, "connections.csv", WAS1, legacy="kex|ssh-rsa")
    assert wire_of(folder, WAS1).legacy == ("kex", "ssh-rsa")
    assert wire_of(folder, WAS2).legacy == ()


def test_a_tomcat_is_known_to_say_when_it_is_up(folder: Path) -> None:
    assert wire_of(folder, WAS1).service.log_success == "Server startup in"
    assert wire_of(folder, "moef-budget-prod-web01").service.log_success is None
    change(folder, "connections.csv", WAS1, log_success="-")
    assert wire_of(folder, WAS1).service.log_success is None
    change(folder, "connections.csv", WAS1, log_success="서버가 시작되었습니다")
    assert wire_of(folder, WAS1).service.log_success == "서버가 시작되었습니다"


def test_a_node_has_its_own_words_of_failure_and_its_own_time_to_be_watched(folder: Path) -> None:
    words = "BeanCreationException|접속 실패"
    change(folder, "connections.csv", WAS1, log_failures=words, watch_s="60")
    service = wire_of(folder, WAS1).service
    assert service.log_failures == ("BeanCreationException", "접속 실패")
    assert service.watch_s == 60
    assert wire_of(folder, WAS2).service.watch_s == 0


def test_a_node_that_is_slow_has_its_own_times(folder: Path) -> None:
    change(folder, "connections.csv", WAS1, stop_s="90", start_s="300", health_s="120")
    service = wire_of(folder, WAS1).service
    assert (service.stop_s, service.start_s, service.health_s) == (90, 300, 120)
    other = wire_of(folder, WAS2).service
    assert (other.stop_s, other.start_s, other.health_s) == (None, None, None)


def test_a_node_may_stand_behind_a_device(folder: Path) -> None:
    change(folder, "balancers.csv", WAS1, web_node_id="", device="l4-a")
    nodes = {record.node.node_id: record.node for record in read_estate(folder).nodes}
    assert nodes[WAS1].balancers == (BalancerMember(device="l4-a", member="127.0.0.1:8101"),)
    assert nodes[WAS2].balancers[0].web_node_id == "moef-budget-prod-web01"


def test_a_system_says_its_rollout_and_repository_or_nothing(folder: Path) -> None:
    change(
        folder,
        "systems.csv",
        "MOEF-BUDGET",
        canary="2",
        batch="4",
        repository_url="ssh://git@git.moef.local:2222/web/budget.git",
        repository_folder="src/main/webapp",
    )
    systems = {record.entry.code: record for record in read_estate(folder).systems}
    assert systems["MOEF-BUDGET"].rollout == Rollout(canary=2, batch=4)
    assert systems["MOEF-BUDGET"].repository == Repository(
        name="budget",
        url="ssh://git@git.moef.local:2222/web/budget.git",
        folder="src/main/webapp",
    )
    assert (systems["MOEF-STAT"].rollout, systems["MOEF-STAT"].repository) == (None, None)


@pytest.mark.parametrize(
    ("file", "key", "column", "value"),
    [
        ("connections.csv", WAS1, "legacy", "des"),
        ("connections.csv", WAS1, "log_failures", "x"),
        ("connections.csv", WAS1, "log_failures", "|".join(f"word{n}" for n in range(11))),
        ("connections.csv", WAS1, "log_success", "a\u202eb"),
        ("connections.csv", WAS1, "watch_s", "601"),
        ("connections.csv", WAS1, "watch_s", "bald"),
        ("connections.csv", WAS1, "stop_s", "0"),
        ("connections.csv", WAS1, "start_s", "601"),
        ("connections.csv", WAS1, "health_s", "1m"),
        ("connections.csv", WAS1, "ftp_port", "0"),
        ("balancers.csv", WAS1, "device", "l4;reboot"),
        ("systems.csv", "MOEF-BUDGET", "batch", "0"),
        ("systems.csv", "MOEF-BUDGET", "canary", "-1"),
        ("systems.csv", "MOEF-BUDGET", "settle_s", "301"),
        ("systems.csv", "MOEF-BUDGET", "repository_url", "https://user:secret@host/x.git"),
        ("systems.csv", "MOEF-BUDGET", "repository_url", "ext::sh -c id"),
        ("systems.csv", "MOEF-BUDGET", "repository_folder", "../etc"),
    ],
)
def test_a_wrong_value_is_named_by_file_line_and_column(
    folder: Path, file: str, key: str, column: str, value: str
) -> None:
    lines = (folder / file).read_text("utf-8").splitlines()
    line = 1 + next(n for n, text in enumerate(lines) if key in text)
    change(folder, file, key, **{column: value})
    assert fault_of(folder).startswith(f"{file}:{line} {column}: ")


def test_a_folder_without_a_repository_is_a_finding(folder: Path) -> None:
    change(folder, "systems.csv", "MOEF-BUDGET", repository_folder="webapp")
    assert fault_of(folder).startswith("systems.csv:2 repository_url: ")


def test_nothing_balances_or_negotiates_over_plain_ftp(folder: Path) -> None:
    web = "moef-budget-prod-web01"
    change(folder, "connections.csv", web, transfer="ftp", host_key="", legacy="kex")
    found = fault_of(folder)
    assert "connections.csv:2 legacy: plain FTP" in found
    assert "connections.csv:2 balancer_home: nothing can be run" in found
