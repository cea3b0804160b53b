"""A step that was cut off at its very end leaves a staging folder: it is not done before that."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.operations import backup, staging, staging_place
from agent.operations.context import StepContext, Verified
from agent.wire import operations as wire
from tests.fakes.agent import FakeBlobs, FakeNode, a_context, a_target, specs

NEW = {"index.html": b"new page", "WEB-INF/app.properties": b"new"}


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    blobs = FakeBlobs(list(NEW.values()), piece=7)
    return a_context(a_target(tmp_path), FakeNode(), blobs=blobs)


def left(context: StepContext) -> Path:
    return Path(staging_place.inside(context.target, context.job_id))


async def test_a_replacement_is_done_when_nothing_is_left_beside_it(context: StepContext) -> None:
    replacing = wire.ReplaceFiles(files=specs(NEW))
    await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    await staging.replace(context, replacing)
    assert await staging.is_replaced(context, replacing) is Verified.DONE
    left(context).mkdir()
    assert await staging.is_replaced(context, replacing) is Verified.NOT_DONE
    await staging.replace(context, replacing)
    assert await staging.is_replaced(context, replacing) is Verified.DONE
    root = Path(context.target.deploy_path)
    assert {name: (root / name).read_bytes() for name in NEW} == NEW
    assert not left(context).exists()


async def test_a_restore_is_done_when_nothing_is_left_beside_it(context: StepContext) -> None:
    root = Path(context.target.deploy_path)
    root.mkdir(parents=True, exist_ok=True)
    (root / "index.html").write_bytes(b"old")
    await backup.back_up(context, wire.BackupFiles(backup_id="b1", paths=("index.html",)))
    (root / "index.html").write_bytes(b"new")
    restoring = wire.RestoreBackup(backup_id="b1")
    await backup.restore(context, restoring)
    assert await backup.is_restored(context, restoring) is Verified.DONE
    left(context).mkdir()
    assert await backup.is_restored(context, restoring) is Verified.NOT_DONE
    await backup.restore(context, restoring)
    assert not left(context).exists()


# --- deploy paths in which a container looks for applications --------------------------------


ARCHIVE = {"shop.war": b"an archive"}


@pytest.fixture
def watched(tmp_path: Path) -> StepContext:
    return a_context(a_target(tmp_path), FakeNode(), blobs=FakeBlobs(list(ARCHIVE.values())))


def staged_below(folder: str) -> list[str]:
    return [path.name for path in Path(folder).rglob(".guardia-*")]


async def test_an_archive_is_staged_outside_the_folder_that_a_container_watches(
    watched: StepContext,
) -> None:
    target = watched.target
    Path(target.backup_path).mkdir(exist_ok=True)
    staging_operation = wire.StageFiles(files=specs(ARCHIVE))
    await staging.stage(watched, staging_operation)
    assert staged_below(target.deploy_path) == []
    assert len(staged_below(target.backup_path)) == 1  # the probe is gone as well
    assert await staging.is_staged(watched, staging_operation) is Verified.DONE
    await staging.replace(watched, wire.ReplaceFiles(files=specs(ARCHIVE), cleared=("shop",)))
    assert (Path(target.deploy_path) / "shop.war").read_bytes() == b"an archive"
    assert staged_below(target.backup_path) == []


async def test_what_is_staged_beside_is_discarded_and_swept(watched: StepContext) -> None:
    backup_path = Path(watched.target.backup_path)
    backup_path.mkdir(exist_ok=True)
    operation = wire.StageFiles(files=specs(ARCHIVE))
    await staging.stage(watched, operation)
    (mine,) = staged_below(str(backup_path))
    abandoned = backup_path / mine.replace(watched.job_id, "J250101-AAAAAA")
    others = backup_path / ".guardia-J250101-AAAAAA-00000000"  # of another deploy path
    for folder in (abandoned, others):
        folder.mkdir()
    await staging.stage(watched, operation)
    assert not abandoned.exists()
    await staging.discard(watched, wire.DiscardStaging())
    assert await staging.is_discarded(watched, wire.DiscardStaging()) is Verified.DONE
    assert staged_below(str(backup_path)) == [others.name]


async def test_an_archive_is_staged_inside_where_nothing_beside_leads_into_it(
    tmp_path: Path,
) -> None:
    """There is no backup path yet, and the folder above is watched, too."""
    target = a_target(tmp_path / "webapps")
    context = a_context(target, FakeNode(), blobs=FakeBlobs(list(ARCHIVE.values())))
    await staging.stage(context, wire.StageFiles(files=specs(ARCHIVE)))
    assert len(staged_below(target.deploy_path)) == 1
    assert len(staged_below(str(tmp_path))) == 1


async def test_pages_that_a_tomcat_has_compiled_go_with_the_folder(watched: StepContext) -> None:
    target = watched.target
    compiled = Path(target.deploy_path).parent / "work/Catalina/localhost"
    for name in ("shop/org/page.class", "other/org/page.class"):
        (compiled / name).parent.mkdir(parents=True)
        (compiled / name).write_bytes(b"compiled")
    await staging.stage(watched, wire.StageFiles(files=specs(ARCHIVE)))
    await staging.replace(watched, wire.ReplaceFiles(files=specs(ARCHIVE), cleared=("shop",)))
    assert [path.name for path in compiled.iterdir()] == ["other"]
