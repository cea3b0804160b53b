"""Staging many files over real lines: one stream, without tar, over SFTP alone, and cut off."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.operations import fingerprints, preflight, staging
from agent.operations.context import OperationFailed, StepContext, Verified
from agent.transports.reach import connect
from agent.transports.transport import TransportError
from agent.wire import operations as wire
from agent.wire.plan import NodeAccess
from tests.fakes.agent import JOB, ODD_NAMES, FakeBlobs, a_plan, a_target, specs
from tests.lab.lab import Lab
from tests.lab.sshd import Sshd, SshdOptions

CHANCE = random.Random(7)
NEW = {f"d{n % 7}/file {n}": CHANCE.randbytes(n * 61) for n in range(120)} | {
    **{f"odd/{name}": name.encode() for name in ODD_NAMES},
    "empty": b"",
    "big.jar": CHANCE.randbytes(9 << 20),
}


class CountingBlobs(FakeBlobs):
    def __init__(self) -> None:
        super().__init__(list(NEW.values()))
        self.given = 0

    async def read(self, job_id: str, sha256: str, offset: int, length: int) -> bytes | None:
        piece = await super().read(job_id, sha256, offset, length)
        self.given += len(piece or b"")
        return piece


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab() as opened:
        yield opened


@pytest.fixture
def blobs() -> CountingBlobs:
    return CountingBlobs()


def a_context(sshd: Sshd, blobs: FakeBlobs, **changes: object) -> StepContext:
    root = sshd.ground.account.make_folder(sshd.ground.root / f"node-{random.randbytes(6).hex()}")
    values = {
        "host": sshd.host, "port": sshd.port, "user": sshd.user, "host_key": sshd.host_key,
    }  # fmt: skip
    target = a_target(root, **{**values, **changes})
    sshd.ground.account.own(root)
    access = NodeAccess(target=target, login=sshd.key_login)
    return StepContext(
        job_id=JOB,
        step_id="s1",
        plan=a_plan(target, ()),
        target=target,
        server=lambda: connect(access),
        blobs=blobs,
        earlier={},
        report=lambda done, total: None,
    )


def deployed(context: StepContext) -> dict[str, bytes]:
    app = Path(context.target.deploy_path)
    return {str(path.relative_to(app)): path.read_bytes() for path in app.rglob("*")
            if path.is_file()}  # fmt: skip


KINDS = {
    "tar": SshdOptions(),
    "no-tar": SshdOptions(without=("tar",)),
    "no-sha256sum": SshdOptions(without=("sha256sum",)),
    "sftp-only": SshdOptions(sftp_only=True),
}


@pytest.mark.parametrize("kind", list(KINDS))
async def test_stages_and_replaces_whatever_the_server_has(
    lab: Lab, blobs: CountingBlobs, kind: str
) -> None:
    context = a_context(lab.sshd(f"sshd-{kind}", options=KINDS[kind]), blobs)
    stage = wire.StageFiles(files=specs(NEW))
    await staging.stage(context, stage)
    assert await staging.is_staged(context, stage) is Verified.DONE
    assert blobs.given == sum(map(len, NEW.values()))
    await staging.stage(context, stage)
    assert blobs.given == sum(map(len, NEW.values()))  # nothing is sent twice
    await staging.replace(context, wire.ReplaceFiles(files=specs(NEW)))
    assert deployed(context) == NEW


@pytest.mark.parametrize("at", [*range(20_000, 10_000_000, 1_400_000)])
async def test_a_line_that_is_cut_is_taken_up_once(lab: Lab, blobs: CountingBlobs, at: int) -> None:
    sshd = lab.sshd(f"sshd-cut-{at}")
    line = lab.cut(sshd)
    context = a_context(sshd, blobs, port=line.port)
    line.cut_after(at)
    await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    assert line.cuts == 1
    await staging.replace(context, wire.ReplaceFiles(files=specs(NEW)))
    assert deployed(context) == NEW


async def test_what_is_staged_and_proved_is_not_sent_again(lab: Lab, blobs: CountingBlobs) -> None:
    sshd = lab.sshd("sshd-again")
    line = lab.cut(sshd)
    context = a_context(sshd, blobs, port=line.port)
    small = {path: body for path, body in NEW.items() if path != "big.jar"}
    await staging.stage(context, wire.StageFiles(files=specs(small)))
    blobs.given = 0
    line.cut_after(4 << 20)
    await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    assert line.cuts == 1
    assert blobs.given < 2 * len(NEW["big.jar"])


async def test_a_server_that_falls_silent_is_given_up(lab: Lab, blobs: CountingBlobs) -> None:
    sshd = lab.sshd("sshd-silent")
    line = lab.cut(sshd)
    context = a_context(sshd, blobs, port=line.port)
    line.silent_after(3 << 20)
    began = time.monotonic()
    with pytest.raises(TransportError) as failed:
        await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    assert failed.value.code == "silence"
    assert time.monotonic() - began < 180  # 30 s of silence, and whatever else this machine does


@pytest.mark.parametrize("kind", ["tar", "sftp-only"])
async def test_a_full_disk_is_told_as_such(lab: Lab, blobs: CountingBlobs, kind: str) -> None:
    sshd = lab.sshd(f"sshd-full-{kind}", options=KINDS[kind])
    context = a_context(sshd, blobs)
    app = Path(context.target.deploy_path)
    disk = lab.disk(str(app.relative_to(lab.root)), size=2 << 20)
    with pytest.raises(OperationFailed) as failed:
        await staging.stage(context, wire.StageFiles(files=specs(NEW)))
    disk.stop()
    assert failed.value.code == "disk_full"


async def test_a_file_that_arrives_wrong_is_not_staged(lab: Lab, blobs: CountingBlobs) -> None:
    context = a_context(lab.sshd("sshd-wrong"), blobs)
    wrong = next(sha for sha, body in blobs.bodies.items() if len(body) == 61)
    blobs.bodies[wrong] = b"x" * 61
    stage = wire.StageFiles(files=specs(NEW))
    with pytest.raises(OperationFailed) as failed:
        await staging.stage(context, stage)
    assert failed.value.code == "digest_mismatch"
    assert await staging.is_staged(context, stage) is Verified.NOT_DONE


async def test_what_is_no_file_is_an_answer(lab: Lab, blobs: CountingBlobs) -> None:
    context = a_context(lab.sshd("sshd-kinds"), blobs)
    app = Path(context.target.deploy_path)
    (app / "file").write_text("x")
    (app / "folder").mkdir()
    (app / "inside").symlink_to("file")
    (app / "outside").symlink_to("/etc")
    paths = ("file", "folder", "inside", "outside", "outside/passwd", "file/below", "absent")
    found = await fingerprints.fingerprint_files(context, wire.FingerprintFiles(paths=paths))
    assert found.conflicts == {
        "folder": "folder",
        "inside": "link",
        "outside": "link",
        "outside/passwd": "link",
        "file/below": "other",
    }
    assert [path for path, digest in found.files.items() if digest] == ["file"]


async def test_preflight_tells_how_far_the_clock_is_ahead(lab: Lab, blobs: CountingBlobs) -> None:
    sshd = lab.sshd("sshd-clock", options=SshdOptions(clock_offset_s=600))
    space = await preflight.preflight(a_context(sshd, blobs), wire.Preflight(bytes_needed=1))
    assert space.clock_ahead_s is not None
    assert abs(space.clock_ahead_s - 600) < 60
    assert space.free_bytes
