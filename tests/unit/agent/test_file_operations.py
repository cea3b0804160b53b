"""Staging, replacing, backups and preflight on a local file tree: what they change and refuse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.operations import backup, preflight, staging
from agent.operations.context import StepContext, Verified
from agent.transports.transport import Output
from agent.wire import operations as wire
from agent.wire.plan import NodeTarget
from tests.fakes.agent import (
    JOB,
    ODD_NAMES,
    FakeBlobs,
    FakeNode,
    a_context,
    a_target,
    digest,
    specs,
)
from tests.unit.agent.local_node import code, contents, fill, node, target

__all__ = ["node", "target"]

NEW = {name: f"new {name}".encode() for name in ODD_NAMES}


@pytest.fixture
def context(target: NodeTarget, node: FakeNode) -> StepContext:
    return a_context(target, node, blobs=FakeBlobs(list(NEW.values()), piece=7))


def app(context: StepContext) -> Path:
    return Path(context.target.deploy_path)


# --- staging and replacing -------------------------------------------------------------------


async def test_odd_names_go_through_backup_replacement_and_restore(context: StepContext) -> None:
    old = {name: f"old {name}".encode() for name in ODD_NAMES[::2]} | {"kept.txt": b"kept"}
    fill(app(context), old)
    (app(context) / ODD_NAMES[0]).chmod(0o640)
    files = specs(NEW)
    made = await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=tuple(NEW), keep=3))
    assert made.files == {name: digest(old[name]) if name in old else None for name in NEW}
    await staging.stage(context, wire.StageFiles(files=files))
    await staging.replace(context, wire.ReplaceFiles(files=files))
    assert contents(app(context)) == NEW | {"kept.txt": b"kept"}
    assert (app(context) / ODD_NAMES[0]).stat().st_mode & 0o777 == 0o640
    assert (app(context) / ODD_NAMES[1]).stat().st_mode & 0o777 == 0o644
    for _ in range(2):  # putting back is safe to repeat
        await backup.restore(context, wire.RestoreBackup(backup_id=JOB))
        assert contents(app(context)) == old
    assert not [path for path in Path.cwd().iterdir() if path.name in {"x", "y", "x.txt"}]


async def test_two_files_with_the_same_content_both_arrive(context: StepContext) -> None:
    same = {"one.txt": NEW["plain.txt"], "two.txt": NEW["plain.txt"]}
    await staging.stage(context, wire.StageFiles(files=specs(same)))
    await staging.replace(context, wire.ReplaceFiles(files=specs(same)))
    assert contents(app(context)) == same


async def test_staging_again_transfers_only_what_is_missing(
    context: StepContext, node: FakeNode
) -> None:
    operation = wire.StageFiles(files=specs(NEW))
    assert await staging.is_staged(context, operation) is Verified.NOT_DONE
    await staging.stage(context, operation)
    renamed = len(node.transport.files.renamed)
    await staging.stage(context, operation)
    assert len(node.transport.files.renamed) == renamed
    assert await staging.is_staged(context, operation) is Verified.DONE


async def test_staging_sweeps_up_after_jobs_that_were_cut_off(context: StepContext) -> None:
    left = {".guardia-J250101-AAAAAA/part": b"x", ".guardia-notes/a": b"x", "kept": b"x"}
    fill(app(context), left)
    await staging.stage(context, wire.StageFiles(files=()))
    assert sorted(contents(app(context))) == [".guardia-notes/a", "kept"]


async def test_a_file_that_arrives_otherwise_is_refused(target: NodeTarget, node: FakeNode) -> None:
    file = wire.FileSpec(path="a", sha256=digest(b"right"), size=5)
    blobs = FakeBlobs()
    blobs.bodies[file.sha256] = b"wrong"
    context = a_context(target, node, blobs=blobs)
    assert await code(staging.stage(context, wire.StageFiles(files=(file,)))) == "digest_mismatch"


async def test_a_missing_blob_is_named(target: NodeTarget, node: FakeNode) -> None:
    operation = wire.StageFiles(files=specs({"a": b"nowhere"}))
    assert await code(staging.stage(a_context(target, node), operation)) == "blob_missing"


@pytest.mark.parametrize("obstacle", ["folder", "link"])
async def test_nothing_is_moved_when_something_stands_in_the_way(
    context: StepContext, obstacle: str
) -> None:
    files = {"a.txt": NEW["plain.txt"], "b.txt": NEW["-rf"]}
    await staging.stage(context, wire.StageFiles(files=specs(files)))
    if obstacle == "folder":
        (app(context) / "b.txt").mkdir()
    else:
        (app(context) / "b.txt").symlink_to("elsewhere.txt")
        (app(context) / "elsewhere.txt").write_text("x")
    replacing = staging.replace(context, wire.ReplaceFiles(files=specs(files)))
    assert await code(replacing) == "kind_conflict"
    assert not (app(context) / "a.txt").exists()


async def test_replacing_what_was_never_staged_is_refused(context: StepContext) -> None:
    operation = wire.ReplaceFiles(files=specs({"a": b"x"}))
    assert await code(staging.replace(context, operation)) == "not_staged"


async def test_a_full_disk_is_told_as_such(context: StepContext, node: FakeNode) -> None:
    df = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/x 100 100 0 100% /\n"
    node.transport.full = True
    node.transport.answer = lambda arguments: (
        Output(status=0, stdout=df, stderr="") if arguments[0] == "df" else None
    )
    assert await code(staging.stage(context, wire.StageFiles(files=specs(NEW)))) == "disk_full"


# --- backups ---------------------------------------------------------------------------------


async def test_a_backup_made_twice_is_made_once(context: StepContext, node: FakeNode) -> None:
    fill(app(context), {"a.txt": b"old"})
    operation = wire.BackupFiles(backup_id=JOB, paths=("a.txt", "absent"))
    first = await backup.back_up(context, operation)
    fill(app(context), {"a.txt": b"changed since"})
    assert await backup.back_up(context, operation) == first
    assert await backup.is_backed_up(context, operation) is Verified.DONE


async def test_another_backup_of_that_name_is_not_overwritten(context: StepContext) -> None:
    fill(app(context), {"a.txt": b"old", "b.txt": b"old"})
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=("a.txt",)))
    other = wire.BackupFiles(backup_id=JOB, paths=("b.txt",))
    assert await code(backup.back_up(context, other)) == "backup_conflict"


async def test_copies_without_a_manifest_are_no_backup(context: StepContext) -> None:
    fill(app(context), {"a.txt": b"new"})
    fill(Path(context.target.backup_path), {f"{JOB}/files/a.txt": b"half"})
    operation = wire.BackupFiles(backup_id=JOB, paths=("a.txt",))
    assert await backup.is_backed_up(context, operation) is Verified.NOT_DONE
    restoring = backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    assert await code(restoring) == "backup_unreadable"
    assert contents(app(context)) == {"a.txt": b"new"}


@pytest.mark.parametrize("damage", ["changed", "missing", "no json", "climbing", "other node"])
async def test_a_damaged_backup_is_never_put_back(context: StepContext, damage: str) -> None:
    fill(app(context), {"a.txt": b"old", "b.txt": b"old b"})
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=("a.txt", "b.txt")))
    fill(app(context), {"a.txt": b"new", "b.txt": b"new b"})
    folder = Path(context.target.backup_path) / JOB
    manifest = folder / "manifest.json"
    if damage == "changed":
        (folder / "files/b.txt").write_bytes(b"bits rot")
    elif damage == "missing":
        (folder / "files/b.txt").unlink()
    elif damage == "no json":
        manifest.write_text("{")
    elif damage == "climbing":
        manifest.write_text(manifest.read_text().replace('"b.txt"', '"../b.txt"'))
    else:
        manifest.write_text(manifest.read_text().replace("was-01", "was-02"))
    restoring = backup.restore(context, wire.RestoreBackup(backup_id=JOB))
    assert await code(restoring) == "backup_unreadable"
    assert contents(app(context)) == {"a.txt": b"new", "b.txt": b"new b"}


async def test_only_our_own_old_backups_are_thrown_away(context: StepContext) -> None:
    root = Path(context.target.backup_path)
    fill(app(context), {"a.txt": b"old"})
    ours = [f"J26010{day}-AAAAAA" for day in range(1, 6)]
    for age, name in enumerate(ours):
        fill(root, {f"{name}/manifest.json": b"{}", f"{name}/files/a": b"x"})
        os.utime(root / name / "manifest.json", (1000 + age, 1000 + age))
    fill(root, {"J260101-NOTDONE/files/a": b"x", "nightly/manifest.json": b"{}"})
    outside = root.parent / "outside"
    fill(outside, {"precious": b"x"})
    (root / ours[0] / "files/link").symlink_to(outside)
    await backup.back_up(context, wire.BackupFiles(backup_id=JOB, paths=("a.txt",), keep=3))
    assert sorted(path.name for path in root.iterdir()) == sorted(
        [JOB, *ours[-2:], "J260101-NOTDONE", "nightly"]
    )
    assert contents(outside) == {"precious": b"x"}


# --- preflight -------------------------------------------------------------------------------


async def test_preflight_measures_space_even_before_the_first_backup(context: StepContext) -> None:
    assert (await preflight.preflight(context, wire.Preflight(bytes_needed=1))).free_bytes > 0


async def test_preflight_refuses_what_does_not_fit(context: StepContext) -> None:
    assert await code(preflight.preflight(context, wire.Preflight(bytes_needed=1 << 60))) == (
        "disk_full"
    )


async def test_preflight_names_what_is_not_there(tmp_path: Path, node: FakeNode) -> None:
    target = a_target(tmp_path, deploy_path=str(tmp_path / "gone"))
    context = a_context(target, node)
    assert await code(preflight.preflight(context, wire.Preflight(bytes_needed=1))) == (
        "path_missing"
    )


async def test_preflight_names_what_is_not_writable(context: StepContext, node: FakeNode) -> None:
    node.transport.answer = lambda arguments: (
        Output(status=1, stdout="", stderr="") if arguments[0] == "test" else None
    )
    assert await code(preflight.preflight(context, wire.Preflight(bytes_needed=1))) == (
        "permission_denied"
    )
