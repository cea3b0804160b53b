"""Whole folders: kept, cleared and put back, wherever the line goes dead in between."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from agent.operations import backup, staging
from agent.operations.context import StepContext, Verified
from agent.transports.transport import Output, TransportError
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
from tests.unit.agent.local_node import code

OLD = {
    "shop.war": b"old war",
    "shop/index.jsp": b"old page",
    "shop/WEB-INF/web.xml": b"<old/>",
    "shop/WEB-INF/classes/A.class": b"old class",
    "other/kept.txt": b"kept",
}
WAR = {"shop.war": b"new war"}
KEEP = wire.BackupFiles(backup_id=JOB, paths=("shop.war",), folders=("shop",))
STAGE = wire.StageFiles(files=specs(WAR))
REPLACE = wire.ReplaceFiles(files=specs(WAR), cleared=("shop",))
RESTORE = wire.RestoreBackup(backup_id=JOB)
REPLACED = {"shop.war": b"new war", "other/kept.txt": b"kept"}


class Budget:
    """How many changes the server sees before the line goes dead."""

    def __init__(self) -> None:
        self.left: int | None = None

    def spend(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            raise TransportError("connection_lost")
        self.left -= 1


class CutFiles(LocalFiles):
    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self._budget = budget

    async def rename(self, old: str, new: str, *, mode: int | None = None) -> None:
        self._budget.spend()
        await super().rename(old, new, mode=mode)

    async def make_folder(self, path: str, *, mode: int = 0o755) -> None:
        self._budget.spend()
        await super().make_folder(path, mode=mode)

    async def remove(self, path: str) -> None:
        self._budget.spend()
        await super().remove(path)


class CutTransport(LocalTransport):
    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget()
        self.files = CutFiles(self.budget)

    async def run(
        self,
        arguments: Sequence[str],
        *,
        timeout_s: float,
        silence_s: float = 30.0,
        stdin: AsyncIterator[bytes] | None = None,
    ) -> Output:
        if arguments[0] in {"cp", "tar"}:
            self.budget.spend()
        return await super().run(arguments, timeout_s=timeout_s, silence_s=silence_s, stdin=stdin)

    async def put(self, source: AsyncIterator[bytes], path: str, *, mode: int = 0o600) -> None:
        self.budget.spend()
        await super().put(source, path, mode=mode)


class World:
    """One node with an exploded application; ``set_up`` puts it back to where it began."""

    def __init__(self, root: Path) -> None:
        self.transport = CutTransport()
        self.root = root
        self.context: StepContext = a_context(
            a_target(root), FakeNode(transport=self.transport), blobs=FakeBlobs(list(WAR.values()))
        )
        self.set_up(OLD)

    @property
    def app(self) -> Path:
        return self.root / "app"

    def set_up(self, bodies: dict[str, bytes]) -> None:
        shutil.rmtree(self.app)
        shutil.rmtree(self.root / "backup", ignore_errors=True)
        for path, body in bodies.items():
            (self.app / path).parent.mkdir(parents=True, exist_ok=True)
            (self.app / path).write_bytes(body)
        self.app.mkdir(exist_ok=True)

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.app)): path.read_bytes()
            for path in sorted(self.app.rglob("*"))
            if path.is_file()
        }

    async def deploy(self) -> None:
        await backup.back_up(self.context, KEEP)
        await staging.stage(self.context, STAGE)
        await staging.replace(self.context, REPLACE)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_a_war_clears_its_folder_and_both_come_back(world: World) -> None:
    (world.app / "shop/empty").mkdir()
    (world.app / "shop/WEB-INF/web.xml").chmod(0o600)
    await world.deploy()
    assert world.contents() == REPLACED
    assert not (world.app / "shop").exists()
    assert await staging.is_replaced(world.context, REPLACE) is Verified.DONE
    # The service unpacks the new archive before it turns out to be bad.
    (world.app / "shop").mkdir()
    (world.app / "shop/new.jsp").write_bytes(b"new")
    assert await backup.is_restored(world.context, RESTORE) is Verified.NOT_DONE
    for _ in range(2):
        await backup.restore(world.context, RESTORE)
        assert world.contents() == OLD
        assert (world.app / "shop/empty").is_dir()
        assert (world.app / "shop/WEB-INF/web.xml").stat().st_mode & 0o777 == 0o600
        assert await backup.is_restored(world.context, RESTORE) is Verified.DONE


async def test_a_folder_that_was_not_there_is_removed_again(world: World) -> None:
    world.set_up({"shop.war": b"old war"})
    await world.deploy()
    (world.app / "shop/WEB-INF").mkdir(parents=True)
    (world.app / "shop/WEB-INF/web.xml").write_bytes(b"<new/>")
    await backup.restore(world.context, RESTORE)
    assert sorted(path.name for path in world.app.iterdir()) == ["shop.war"]
    assert world.contents() == {"shop.war": b"old war"}


@pytest.mark.parametrize("where", ["shop/data", "shop/WEB-INF/lib.jar"])
async def test_a_folder_with_a_link_is_not_touched(
    world: World, tmp_path: Path, where: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (world.app / where).symlink_to(outside)
    assert await code(backup.back_up(world.context, KEEP)) == "folder_not_plain"
    assert (outside / "precious").read_text() == "x"
    assert world.contents().items() >= OLD.items()


async def test_a_link_in_place_of_the_folder_is_refused(world: World, tmp_path: Path) -> None:
    shutil.rmtree(world.app / "shop")
    (world.app / "shop").symlink_to(tmp_path)
    assert await code(backup.back_up(world.context, KEEP)) == "path_escapes"
    await staging.stage(world.context, STAGE)
    assert await code(staging.replace(world.context, REPLACE)) == "path_escapes"
    assert (world.app / "shop.war").read_bytes() == b"old war"


async def test_a_name_that_no_manifest_can_hold_is_told(world: World) -> None:
    (world.app / "shop/two\nlines").write_text("x")
    assert await code(backup.back_up(world.context, KEEP)) == "folder_not_plain"


async def test_a_link_that_came_later_is_removed_not_followed(world: World, tmp_path: Path) -> None:
    await world.deploy()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    (world.app / "shop").mkdir()
    (world.app / "shop/data").symlink_to(outside)
    await backup.restore(world.context, RESTORE)
    assert world.contents() == OLD
    assert (outside / "precious").read_text() == "x"


@pytest.mark.parametrize("damage", ["changed", "missing", "climbing"])
async def test_a_damaged_folder_in_a_backup_is_never_put_back(world: World, damage: str) -> None:
    await world.deploy()
    kept = Path(world.context.target.backup_path) / JOB
    if damage == "changed":
        (kept / "files/shop/WEB-INF/web.xml").write_bytes(b"bits rot")
    elif damage == "missing":
        (kept / "files/shop/index.jsp").unlink()
    else:
        manifest = (kept / "manifest.json").read_text()
        (kept / "manifest.json").write_text(manifest.replace("index.jsp", "../../../x.jsp"))
    assert await code(backup.restore(world.context, RESTORE)) == "backup_unreadable"
    assert world.contents() == REPLACED


async def test_a_manifest_of_the_first_version_is_still_read(world: World) -> None:
    plain = wire.BackupFiles(backup_id=JOB, paths=("shop.war",))
    await backup.back_up(world.context, plain)
    path = Path(world.context.target.backup_path) / JOB / "manifest.json"
    manifest = json.loads(path.read_text())
    del manifest["folders"]
    path.write_text(json.dumps({**manifest, "version": 1}))
    (world.app / "shop.war").write_bytes(b"new war")
    await backup.restore(world.context, RESTORE)
    assert world.contents() == OLD


async def test_another_set_of_folders_is_another_backup(world: World) -> None:
    await backup.back_up(world.context, KEEP)
    other = wire.BackupFiles(backup_id=JOB, paths=("shop.war",), folders=("shop", "other"))
    assert await code(backup.back_up(world.context, other)) == "backup_conflict"
    assert await backup.is_backed_up(world.context, KEEP) is Verified.DONE


# --- cut off after every single change --------------------------------------------------------


async def cut_off(world: World, run: Callable[[], Awaitable[object]], after: int) -> bool:
    """Whether the line went dead before it was done."""
    world.transport.budget.left = after
    try:
        await run()
    except TransportError:
        return True
    finally:
        world.transport.budget.left = None
    return False


async def test_a_backup_cut_off_anywhere_is_completed(world: World) -> None:
    after = 0
    while True:
        world.set_up(OLD)
        cut = await cut_off(world, lambda: backup.back_up(world.context, KEEP), after)
        found = await backup.is_backed_up(world.context, KEEP)
        assert found in {Verified.DONE, Verified.NOT_DONE}
        await backup.back_up(world.context, KEEP)
        assert await backup.is_backed_up(world.context, KEEP) is Verified.DONE
        assert world.contents() == OLD
        if not cut:
            break
        after += 1
    assert after > 5


async def test_a_replacement_cut_off_anywhere_is_told_truly(world: World) -> None:
    after, seen = 0, set[Verified]()
    while True:
        world.set_up(OLD)
        await backup.back_up(world.context, KEEP)
        await staging.stage(world.context, STAGE)
        cut = await cut_off(world, lambda: staging.replace(world.context, REPLACE), after)
        found = await staging.is_replaced(world.context, REPLACE)
        seen.add(found)
        if found is Verified.NOT_DONE:
            await staging.replace(world.context, REPLACE)
        if found is not Verified.PARTIAL:
            assert world.contents() == REPLACED
            assert not (world.app / "shop").exists()
        await backup.restore(world.context, RESTORE)
        assert world.contents() == OLD
        if not cut:
            break
        after += 1
    assert after > 5
    assert {Verified.DONE, Verified.NOT_DONE} <= seen


async def test_a_restore_cut_off_anywhere_is_completed(world: World) -> None:
    after, seen = 0, set[Verified]()
    while True:
        world.set_up(OLD)
        await world.deploy()
        (world.app / "shop").mkdir()
        (world.app / "shop/new.jsp").write_bytes(b"new")
        cut = await cut_off(world, lambda: backup.restore(world.context, RESTORE), after)
        found = await backup.is_restored(world.context, RESTORE)
        seen.add(found)
        if found is Verified.NOT_DONE:
            await backup.restore(world.context, RESTORE)
        assert world.contents() == OLD
        if not cut:
            break
        after += 1
    assert after > 15
    assert seen == {Verified.DONE, Verified.NOT_DONE}
