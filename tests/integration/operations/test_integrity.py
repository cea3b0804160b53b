"""Watched files of a real server against the baseline that the agent keeps."""

from __future__ import annotations

import stat
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.operations import integrity
from agent.operations.baselines import Baselines
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.transport import TransportError
from agent.wire.checks import CompareBaseline, RecordBaseline
from agent.wire.profile import NodeProfile, WatchedFile
from agent.wire.readings import Reading
from tests.fakes.agent import digest
from tests.integration.operations.at_node import Recorded, context_of
from tests.lab import Lab, LabNode

SERVER_XML = """<Server port="8005">
  <Connector port="8080" maxThreads="200"/>
  <Resource name="jdbc/main" username="app" password="hunter2" url="jdbc:x://10.20.30.40/db"/>
</Server>
"""


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A node with three watched files and one binary, and where the agent keeps baselines."""

    node: LabNode
    folder: Path
    kept: Baselines
    book: Recorded

    @property
    def xml(self) -> Path:
        return self.folder / "server.xml"

    def context(self, **changes: object) -> StepContext:
        profile = NodeProfile(
            watched=(
                WatchedFile(path=str(self.xml), diff=True),
                WatchedFile(path=str(self.folder / "it's $(x) 한글.properties")),
                WatchedFile(path=str(self.folder / "optional.conf")),
            ),
            binaries=(str(self.folder / "tool"),),
        )
        made = context_of(self.node.access(profile=profile, **changes), self.book)
        return replace(made, baselines=self.kept)

    async def init(self) -> None:
        seen = await integrity.compare(self.context(), CompareBaseline())
        grid = seen.grid("watched_files")
        assert grid is not None
        expected = tuple((str(row.cells[0]), row.cells[3]) for row in grid.rows)
        await integrity.record(
            self.context(), RecordBaseline.model_validate({"expected": expected})
        )

    async def check(self) -> Reading:
        return await integrity.compare(self.context(), CompareBaseline())


@pytest.fixture(scope="module")
def node(module_lab: Lab) -> LabNode:
    return module_lab.nodes(1, web=False).nodes[0]


@pytest.fixture
def watched(module_lab: Lab, node: LabNode, tmp_path: Path) -> Watched:
    folder = module_lab.root / f"conf-{tmp_path.name}"
    write = module_lab.ground.write
    write(folder / "server.xml", SERVER_XML)
    write(folder / "it's $(x) 한글.properties", "a=1\n")
    write(folder / "tool", b"\x7fELF", mode=0o755)
    return Watched(node=node, folder=folder, kept=Baselines(tmp_path / "b"), book=Recorded())


def states(reading: Reading) -> dict[str, object]:
    grid = reading.grid("watched_files")
    return {Path(str(row.cells[0])).name: row.cells[1] for row in grid.rows} if grid else {}


async def test_without_a_baseline_nobody_can_say_and_is_told_how(watched: Watched) -> None:
    reading = await watched.check()
    assert reading.level == "unknown"
    assert [one.code for one in reading.remarks] == ["baseline_missing"]
    assert set(states(reading).values()) == {"file_not_kept"}


async def test_what_is_as_recorded_is_fine_and_the_baseline_is_the_agents_alone(
    watched: Watched,
) -> None:
    await watched.init()
    reading = await watched.check()
    assert reading.level == "normal"
    assert states(reading) == {
        "server.xml": "file_unchanged",
        "it's $(x) 한글.properties": "file_unchanged",
        "optional.conf": "file_absent",
        "tool": "file_unchanged",
    }
    (file,) = watched.kept.folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "hunter2" not in file.read_text()
    paths = [f"{watched.folder}/{name}" for name in states(reading)]
    assert ["sha256sum", "--", paths[0], paths[1], paths[2], paths[3]] in watched.book.ran


async def test_changed_lines_are_shown_without_secrets_where_allowed(watched: Watched) -> None:
    await watched.init()
    text = SERVER_XML.replace("200", "400").replace("hunter2", "hunter3")
    watched.xml.write_text(text)
    (watched.folder / "it's $(x) 한글.properties").write_text("a=2\n")
    reading = await watched.check()
    assert reading.level == "warning"
    assert states(reading)["it's $(x) 한글.properties"] == "file_changed"
    (excerpt,) = reading.excerpts
    assert '-  <Connector port="8080" maxThreads="200"/>' in excerpt.lines
    assert '+  <Connector port="8080" maxThreads="400"/>' in excerpt.lines
    said = reading.model_dump_json()
    assert "hunter" not in said
    assert "30.40" not in said
    assert "a=2" not in said, "this file's lines may not be shown"


async def test_a_change_of_nothing_but_a_secret_is_told_without_it(watched: Watched) -> None:
    await watched.init()
    watched.xml.write_text(SERVER_XML.replace("hunter2", "hunter3"))
    reading = await watched.check()
    assert reading.level == "warning"
    assert [one.code for one in reading.remarks] == ["masked_change"]
    assert "hunter" not in reading.model_dump_json()


async def test_missing_new_and_unreadable_files_are_told_apart(watched: Watched) -> None:
    await watched.init()
    watched.xml.unlink()
    (watched.folder / "optional.conf").write_text("x")
    (watched.folder / "tool").chmod(0)
    reading = await watched.check()
    found = states(reading)
    assert (found["server.xml"], found["optional.conf"], found["tool"]) == (
        "file_missing",
        "file_new",
        "file_unreadable",
    )
    assert reading.level == "critical"


async def test_what_has_changed_since_the_plan_or_is_not_watched_is_not_recorded(
    watched: Watched,
) -> None:
    moved = RecordBaseline(expected=((str(watched.xml), digest(b"something else")),))
    with pytest.raises(OperationFailed) as refused:
        await integrity.record(watched.context(), moved)
    assert refused.value.code == "baseline_moved"
    foreign = RecordBaseline(expected=(("/etc/shadow", digest(b"x")),))
    with pytest.raises(OperationFailed) as denied:
        await integrity.record(watched.context(), foreign)
    assert denied.value.code == "not_in_profile"
    assert watched.kept.find(watched.node.node_id) is None
    assert all("/etc/shadow" not in argument for ran in watched.book.ran for argument in ran)


async def test_what_became_of_a_cut_off_recording_is_read(watched: Watched) -> None:
    expected = ((str(watched.xml), digest(SERVER_XML.encode())),)
    operation = RecordBaseline(expected=expected)
    context = watched.context()
    assert await integrity.is_recorded(context, operation) is Verified.NOT_DONE
    await integrity.record(context, operation)
    assert await integrity.is_recorded(context, operation) is Verified.DONE


async def test_a_broken_baseline_is_a_failure_and_not_fine(watched: Watched) -> None:
    await watched.init()
    (file,) = watched.kept.folder.iterdir()
    file.write_text("{")
    with pytest.raises(OperationFailed) as failed:
        await watched.check()
    assert failed.value.code == "baseline_unavailable"


async def test_an_unreachable_node_is_no_reading(watched: Watched) -> None:
    with pytest.raises(TransportError) as failed:
        await integrity.compare(watched.context(port=1), CompareBaseline())
    assert failed.value.code == "unreachable"
