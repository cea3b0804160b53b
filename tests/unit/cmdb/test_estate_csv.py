"""Reading an estate: everything or nothing, and every fault by file, line and column."""

from __future__ import annotations

import shutil
import tomllib
import unicodedata
from pathlib import Path

import pytest

from bot.core.domain.estate import BalancerMember, Environment, Layer
from bot.core.errors import ConfigurationError
from cmdb.importers.estate_csv import people_of, read_estate, vocabulary_of

CASES = Path(__file__).parents[2] / "cases" / "cmdb"
SMALL = CASES / "small"
FAULTS = tomllib.loads((CASES / "estate_faults.toml").read_text("utf-8"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "estate"
    shutil.copytree(SMALL, copy)
    return copy


def findings_of(folder: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read_estate(folder)
    assert refused.value.code == "estate_invalid"
    found = refused.value.values["findings"].splitlines()
    assert refused.value.values["count"] == str(len(found))
    return found


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_is_found_where_it_is(folder: Path, name: str) -> None:
    fault = FAULTS[name]
    file = folder / fault["file"]
    content = file.read_text("utf-8")
    if "append" in fault:
        file.write_text(content + fault["append"] + "\n", "utf-8")
    else:
        assert fault["replace"] in content
        file.write_text(content.replace(fault["replace"], fault["by"], 1), "utf-8")
    found = findings_of(folder)
    for expected in fault["found"]:
        assert any(line.startswith(expected) for line in found), found
    assert len(found) == len(fault["found"]), found


def test_all_faults_are_listed_together(folder: Path) -> None:
    servers, people = folder / "servers.csv", folder / "people.csv"
    servers.write_text(servers.read_text("utf-8").replace(",22,", ",0,"), "utf-8")
    people.write_text(people.read_text("utf-8").replace(",sm,", ",root,"), "utf-8")
    found = findings_of(folder)
    assert sum(line.startswith("servers.csv") for line in found) == 10
    assert sum(line.startswith("people.csv") for line in found) == 2


def test_a_missing_file_is_a_finding(folder: Path) -> None:
    (folder / "systems.csv").unlink()
    assert findings_of(folder) == ["systems.csv:0 -: missing"]


def test_a_file_that_is_not_utf_8_is_a_finding(folder: Path) -> None:
    (folder / "institutions.csv").write_bytes(
        "institution,code,aliases\n기재부,M,\n".encode("cp949")
    )
    (found,) = findings_of(folder)
    assert found.startswith("institutions.csv:0 -: cannot be read as CSV in UTF-8")


def test_other_columns_are_a_finding(folder: Path) -> None:
    (folder / "institutions.csv").write_text("institution,code\n기획재정부,MOEF\n", "utf-8")
    assert findings_of(folder)[0].startswith("institutions.csv:1 -: the columns are not")


def test_a_byte_order_mark_and_crlf_are_read(folder: Path) -> None:
    file = folder / "institutions.csv"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert read_estate(folder).institutions[0].name == "기획재정부"


def test_decomposed_hangul_is_the_same_name(folder: Path) -> None:
    file = folder / "systems.csv"
    file.write_text(unicodedata.normalize("NFD", file.read_text("utf-8")), "utf-8")
    assert read_estate(folder).systems[0].entry.name == "예산시스템"


def test_a_connection_replaces_what_servers_csv_says() -> None:
    nodes = {record.node.node_id: record for record in read_estate(SMALL).nodes}
    was = nodes["moef-budget-prod-was01"]
    assert was.node.wire is not None
    assert (was.node.host, was.node.ssh_port, was.node.os_user) == ("127.0.0.1", 2211, "was")
    assert (was.node.wire.port, was.node.wire.charset) == (2211, "cp949")
    assert was.node.wire.service.home == "/srv/was01/tomcat"
    assert was.node.balancers == (
        BalancerMember(web_node_id="moef-budget-prod-web01", member="127.0.0.1:8101"),
    )
    web = nodes["moef-budget-prod-web01"].node.wire
    assert web is not None
    assert web.balancer is not None
    assert web.balancer.home == "/srv/web01/nginx"


def test_a_node_without_a_connection_cannot_be_reached() -> None:
    nodes = {record.node.node_id: record.node for record in read_estate(SMALL).nodes}
    node = nodes["moef-budget-prod-was03"]
    assert (node.wire, node.host) == (None, "10.0.0.23")


def test_without_connections_and_rooms_the_estate_is_whole(folder: Path) -> None:
    for name in ("connections.csv", "balancers.csv", "rooms.csv"):
        (folder / name).unlink()
    estate = read_estate(folder)
    assert all(record.node.wire is None for record in estate.nodes)
    assert estate.rooms == ()


def test_aliases_are_split_and_a_star_is_every_institution() -> None:
    estate = read_estate(SMALL)
    assert estate.systems[0].entry.aliases == ("디지털예산", "예산")
    assert estate.institutions[2].aliases == ()
    pm = people_of(estate)["u013"]
    assert (pm.all_institutions, pm.institutions) == (True, frozenset())


def test_the_vocabulary_is_what_the_viewer_may_see() -> None:
    estate = read_estate(SMALL)
    mine = vocabulary_of(estate, people_of(estate)["u014"])
    assert [one.code for one in mine.systems] == ["MOJ-IMM"]
    assert [(one.env, one.layer) for one in mine.nodes] == [(Environment.PROD, Layer.WAS)]
    assert len(vocabulary_of(estate, None).systems) == 4
