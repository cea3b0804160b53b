"""A step that was cut off at its very end leaves a staging folder: it is not done before that."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.operations import backup, staging
from agent.operations.context import StepContext, Verified
from agent.operations.paths import staging_folder
from agent.wire import operations as wire
from tests.fakes.agent import FakeBlobs, FakeNode, a_context, a_target, specs

NEW = {"index.html": b"new page", "WEB-INF/app.properties": b"new"}


@pytest.fixture
def context(tmp_path: Path) -> StepContext:
    blobs = FakeBlobs(list(NEW.values()), piece=7)
    return a_context(a_target(tmp_path), FakeNode(), blobs=blobs)


def left(context: StepContext) -> Path:
    return Path(staging_folder(context.target, context.job_id))


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
