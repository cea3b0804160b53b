"""``profiles.toml``: what counts for a node, and every fault on its line."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from agent.wire.profile import NodeProfile
from bot.core.errors import ConfigurationError
from cmdb.importers.estate_csv import read_estate
from cmdb.importers.profile_files import FILE, profile_table

CASES = Path(__file__).parents[2] / "cases" / "cmdb"
FAULTS = tomllib.loads((CASES / "profiles.toml").read_text("utf-8"))
WEB, WAS1, WAS2 = (f"moef-budget-prod-{name}" for name in ("web01", "was01", "was02"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "estate"
    shutil.copytree(CASES / "small", copy)
    return copy


def profiles_of(folder: Path) -> dict[str, NodeProfile]:
    nodes = [record.node for record in read_estate(folder).nodes]
    return {node.node_id: node.wire.profile for node in nodes if node.wire is not None}


@pytest.mark.parametrize("name", list(FAULTS))
def test_a_fault_is_found_on_its_line(folder: Path, name: str) -> None:
    (folder / FILE).write_text(FAULTS[name]["text"], "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        read_estate(folder)
    found = refused.value.values["findings"].splitlines()
    expected = FAULTS[name]["found"]
    assert len(found) == len(expected), found
    for line, beginning in zip(found, expected, strict=True):
        assert line.startswith(beginning), found


def test_without_the_file_nothing_may_be_touched(folder: Path) -> None:
    assert set(profiles_of(folder).values()) == {NodeProfile()}


def test_the_more_specific_table_replaces_what_it_says_and_nothing_else(folder: Path) -> None:
    (folder / FILE).write_text(
        f"""
[[profile]]
node = "{WAS2}"
disks = ["/data"]

[[profile]]
system = "MOEF-BUDGET"
layer = "WAS"
disks = ["/", "/srv"]
logs = [{{ name = "catalina", path = "/srv/logs/catalina.out", charset = "cp949" }}]

[[profile]]
system = "MOEF-BUDGET"
ping = true
disks = ["/"]

[[profile]]
system = "MOEF-BUDGET"
env = "dev"
ping = false
""",
        "utf-8",
    )
    profiles = profiles_of(folder)
    assert (profiles[WEB].ping, profiles[WEB].disks, profiles[WEB].logs) == (True, ("/",), ())
    assert profiles[WAS1].disks == ("/", "/srv")
    assert profiles[WAS2].disks == ("/data",)
    assert profiles[WAS1].logs == profiles[WAS2].logs
    assert profiles[WAS1].logs[0].charset == "cp949"
    assert profiles[WAS2].ping


def test_everything_of_a_profile_can_be_said_and_is_printed_as_it_is_read(folder: Path) -> None:
    said = """
[[profile]]
node = "moef-budget-prod-was01"
ping = true
disks = ["/"]
logs = [{ name = "app", path = "/srv/app.log", charset = "cp949" }]
clearable = ["/srv/logs"]
watched = [{ path = "/srv/server.xml", diff = true }]
binaries = ["/usr/bin/tar"]
ports = [22, 8080]
certificates = [{ path = "/srv/a.pem", port = 8443, server_name = "a.go.kr" }]
database = { port = 5433, name = "budget", user = "guardia", dump_folder = "/srv/dump" }
queue = { kind = "rabbitmq", port = 15672, path = "/api/queues" }
cron_log = "/var/log/cron"
cron_jobs = [{ template = "db_backup", path = "/srv/backup.sh" }]
"""
    (folder / FILE).write_text(said, "utf-8")
    profile = profiles_of(folder)[WAS1]
    assert set(profile.model_fields_set) == set(NodeProfile.model_fields)
    written = profile_table(WAS1, profile)
    assert tomllib.loads(written) == tomllib.loads(said)
    (folder / FILE).write_text(written, "utf-8")
    assert profiles_of(folder)[WAS1] == profile
