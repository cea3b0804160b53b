"""Digests: what sha256sum prints, and command lines that fit."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from agent.operations.context import OperationFailed
from agent.operations.digests import batches, fingerprint, parse
from tests.fakes.agent import ODD_NAMES, LocalTransport, digest

D = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"{D}  /a/plain", "/a/plain"),
        (f"{D} */a/binary", "/a/binary"),
        (f"{D}  /a/two  spaces ", "/a/two  spaces "),
        (rf"\{D}  /a/back\\slash", r"/a/back\slash"),
        (rf"\{D}  /a/new\nline", "/a/new\nline"),
        (rf"{D}  /a/not\nescaped", r"/a/not\nescaped"),
    ],
)
def test_parses(line: str, name: str) -> None:
    assert parse(f"noise\n{line}\nsha256sum: x: No such file\n") == {name: D}


def test_batches_fit_on_one_command_line_and_lose_nothing() -> None:
    paths = [f"/{'가' * 300}/{number}'\"" for number in range(500)]
    made = list(batches(paths))
    assert [path for batch in made for path in batch] == paths
    assert max(len(shlex.join(batch).encode()) for batch in made) < 100_000


async def test_odd_names_get_their_digests_and_nothing_is_run(tmp_path: Path) -> None:
    for name in ODD_NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    found = await fingerprint(LocalTransport(), str(tmp_path), [*ODD_NAMES, "absent", "no/such"])
    assert found == {name: digest(name.encode()) for name in ODD_NAMES} | {
        "absent": None,
        "no/such": None,
    }


@pytest.mark.parametrize("path", ["link", "linked/file"])
async def test_links_that_leave_the_root_are_refused(tmp_path: Path, path: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "file").write_text("secret")
    (root / "link").symlink_to(outside / "file")
    (root / "linked").symlink_to(outside)
    with pytest.raises(OperationFailed) as failed:
        await fingerprint(LocalTransport(), str(root), [path])
    assert failed.value.code == "path_escapes"


async def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    found = await fingerprint(LocalTransport(), str(tmp_path), ["link"])
    assert found == {"link": digest(b"x")}


@pytest.mark.parametrize("path", ["folder", "file/below"])
async def test_a_folder_where_a_file_should_be_is_a_conflict(tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OperationFailed) as failed:
        await fingerprint(LocalTransport(), str(tmp_path), [path])
    assert failed.value.code == "kind_conflict"
