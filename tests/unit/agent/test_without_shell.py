"""The operations where nothing can be run, and where much is asked at a time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent.operations import backup, fingerprints, preflight, staging
from agent.operations.context import OperationFailed, StepContext
from agent.operations.side_by_side import each
from agent.transports.transport import Entry, TransportError
from agent.wire import operations as wire
from tests.fakes.agent import (
    JOB,
    FakeBlobs,
    FakeNode,
    LocalFiles,
    LocalTransport,
    a_context,
    a_target,
    specs,
)

NEW = {f"d{n % 3}/file {n}": b"new %d" % n for n in range(30)} | {"index.html": b"<html>"}


class Counting(LocalFiles):
    """How often a folder was listed, and a single path asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = self.listed = 0

    async def stat(self, path: str) -> Entry | None:
        self.asked += 1
        return await super().stat(path)

    async def entries(self, path: str) -> dict[str, Entry]:
        self.listed += 1
        before = self.asked
        found = await super().entries(path)
        self.asked = before
        return found


@pytest.fixture(params=[True, False], ids=["shell", "files-only"])
def node(request: pytest.FixtureRequest) -> FakeNode:
    return FakeNode(transport=LocalTransport(shell=request.param))


@pytest.fixture
def context(node: FakeNode, tmp_path: Path) -> StepContext:
    return a_context(a_target(tmp_path), node, blobs=FakeBlobs(list(NEW.values()), piece=4))


def app(context: StepContext) -> Path:
    return Path(context.target.deploy_path)


async def test_a_deployment_and_back(context: StepContext) -> None:
    (app(context) / "index.html").write_bytes(b"old")
    (app(context) / "index.html").chmod(0o600)
    backing = wire.BackupFiles(backup_id=JOB, paths=tuple(NEW))
    await backup.back_up(context, backing)
    await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    await staging.replace(context, wire.ReplaceFiles(files=specs(NEW)))
    assert {path: (app(context) / path).read_bytes() for path in NEW} == NEW
    assert (app(context) / "index.html").stat().st_mode & 0o777 == 0o600
    await backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    assert (app(context) / "index.html").read_bytes() == b"old"
    assert (app(context) / "index.html").stat().st_mode & 0o777 == 0o600
    assert not (app(context) / "d0/file 0").exists()


async def test_preflight_tells_what_the_server_can_tell(
    context: StepContext, node: FakeNode
) -> None:
    node.transport.legacy = ("kex=diffie-hellman-group1-sha1",)
    space = await preflight.preflight(context, wire.Preflight(bytes_needed=1))
    assert (space.free_bytes is None) is not node.transport.shell
    assert (space.clock_ahead_s is None) is not node.transport.shell
    assert space.legacy == ("kex=diffie-hellman-group1-sha1",)
    assert not list(app(context).glob(".guardia*"))


async def test_a_server_that_takes_nothing_is_not_written_to(tmp_path: Path) -> None:
    node = FakeNode(transport=LocalTransport(shell=False))
    node.transport.full = True
    context = a_context(a_target(tmp_path), node, blobs=FakeBlobs(list(NEW.values())))
    with pytest.raises(OperationFailed) as failed:
        await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    assert failed.value.code == "permission_denied"


@pytest.mark.parametrize("at", [0, 10, 60, 150])
async def test_a_lost_line_is_taken_up_once(context: StepContext, node: FakeNode, at: int) -> None:
    node.transport.cut_after = at
    await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    assert node.logins == 2
    await staging.replace(context, wire.ReplaceFiles(files=specs(NEW)))
    assert {path: (app(context) / path).read_bytes() for path in NEW} == NEW


async def test_what_is_no_file_is_an_answer(context: StepContext) -> None:
    (app(context) / "file").write_text("x")
    (app(context) / "folder").mkdir()
    (app(context) / "outside").symlink_to("/etc")
    paths = ("file", "folder", "outside", "outside/passwd", "file/below", "absent")
    found = await fingerprints.fingerprint_files(context, wire.FingerprintFiles(paths=paths))
    assert found.conflicts == {
        "folder": "folder",
        "outside": "link",
        "outside/passwd": "link",
        "file/below": "other",
    }
    assert [path for path, digest in found.files.items() if digest] == ["file"]


async def test_one_folder_full_of_files_is_listed_not_asked_for_each(
    context: StepContext, node: FakeNode
) -> None:
    files = node.transport.files = Counting()
    paths = tuple(f"f{number}" for number in range(500))
    for path in paths:
        (app(context) / path).write_text(path)
    found = await fingerprints.fingerprint_files(context, wire.FingerprintFiles(paths=paths))
    assert all(found.files.values())
    assert (files.listed, files.asked) == (1, 1)


async def test_after_a_failure_nothing_new_begins_and_nothing_is_under_way() -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def work(number: int) -> None:
        begun.append(number)
        if number == 2:
            raise TransportError("write_failed")
        for _ in range(5):
            await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(TransportError):
        await each(range(100), work, at_once=4)
    assert (begun, ended) == ([0, 1, 2], [0, 1])
