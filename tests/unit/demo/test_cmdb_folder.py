"""The import folder: access records that parse, tables that agree with them, nothing readable."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

from agent.wire.plan import NodeAccess, PasswordLogin
from bot.app.demo.cmdb_folder import SYSTEM, write_cmdb_folder
from bot.app.demo.demo_settings import AGENT
from bot.app.demo.nodes import LiveNode, live_layouts
from cmdb.importers.estate_csv import read_estate


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def make_folder(tmp_path: Path, *, repository: str | None = None) -> Path:
    nodes = [
        LiveNode(
            layout=layout, ssh_port=2200 + n, service_port=8000 + n, host_key="SHA256:" + "a" * 43
        )
        for n, layout in enumerate(live_layouts(tmp_path))
    ]
    logins = {node.node_id: PasswordLogin(password=f"pw-{node.node_id}") for node in nodes}
    write_cmdb_folder(tmp_path / "cmdb", nodes, logins, repository=repository)
    return tmp_path / "cmdb"


def test_access_records_agree_with_the_connections(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    records = [
        NodeAccess.model_validate_json(line)
        for line in (folder / "access.jsonl").read_text().splitlines()
    ]
    table = {row["node_id"]: row for row in rows(folder / "connections.csv")}
    assert {record.target.node_id for record in records} == set(table)
    for record in records:
        row = table[record.target.node_id]
        assert row["ssh_port"] == str(record.target.port)
        assert row["service_home"] == record.target.service.home
        assert (row["balancer_home"] != "") == (record.target.balancer is not None)


def test_only_the_owner_reads_the_logins(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    assert stat.S_IMODE((folder / "access.jsonl").stat().st_mode) == 0o600
    others = [f for f in folder.rglob("*") if f.is_file() and f.name != "access.jsonl"]
    assert not any("pw-" in file.read_text("utf-8") for file in others)


def test_rooms_name_people_who_see_the_system(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    people = {row["user_id"]: row for row in rows(folder / "people.csv")}
    for room in rows(folder / "rooms.csv"):
        members = [people[member] for member in room["members"].split("|")]
        assert {member["role"] for member in members} == {"developer", "sm", "sm_lead", "pm"}
        assert all({"기획재정부", "*"} & set(m["institutions"].split("|")) for m in members)


def test_both_balanced_nodes_stand_behind_the_web_node(tmp_path: Path) -> None:
    table = rows(make_folder(tmp_path) / "balancers.csv")
    assert [row["node_id"] for row in table] == ["moef-budget-prod-was01", "moef-budget-prod-was02"]
    assert {row["web_node_id"] for row in table} == {"moef-budget-prod-web01"}


def test_the_importer_reads_the_same_targets_that_the_logins_are_good_for(tmp_path: Path) -> None:
    folder = make_folder(tmp_path)
    records = [
        NodeAccess.model_validate_json(line)
        for line in (folder / "access.jsonl").read_text().splitlines()
    ]
    nodes = {record.node.node_id: record.node for record in read_estate(folder).nodes}
    for record in records:
        node = nodes[record.target.node_id]
        assert node.wire == record.target
        assert node.agent == AGENT
    assert sum(node.wire is not None for node in nodes.values()) == len(records)
    assert [place.web_node_id for place in nodes["moef-budget-prod-was02"].balancers] == [
        "moef-budget-prod-web01"
    ]


def test_only_the_live_system_has_the_repository(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, repository="file:///demo/repositories/budget.git")
    given = {one.entry.code: one.repository for one in read_estate(folder).systems}
    repository = given.pop(SYSTEM)
    assert repository is not None
    assert (repository.name, repository.folder) == ("budget", "webapp")
    assert set(given.values()) == {None}


def test_the_application_servers_are_watched_and_the_balancer_is_not(tmp_path: Path) -> None:
    nodes = {
        record.node.node_id: record.node for record in read_estate(make_folder(tmp_path)).nodes
    }
    was, web = nodes["moef-budget-prod-was01"].wire, nodes["moef-budget-prod-web01"].wire
    assert was is not None
    assert web is not None
    assert (was.service.log_success, was.service.watch_s) == ("Server startup in", 3)
    assert (web.service.log_success, web.service.watch_s) == (None, 0)
