"""The identity file."""

from __future__ import annotations

from pathlib import Path

import pytest
from nacl.signing import SigningKey

from agent.identity import FILE_NAME, IdentityError, load_identity, new_identity, save_identity

BOT = SigningKey.generate().verify_key


def test_comes_back_as_it_was_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    identity = new_identity("a1", BOT)
    save_identity(tmp_path / "state", identity)
    path = tmp_path / "state" / FILE_NAME
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_identity(tmp_path / "state", "a1") == identity
    assert identity.bot == BOT
    assert [entry.name for entry in path.parent.iterdir()] == [FILE_NAME]


def test_there_is_none_before_the_first() -> None:
    assert load_identity(Path("/nonexistent"), "a1") is None


def test_refuses_a_file_that_others_may_read(tmp_path: Path) -> None:
    save_identity(tmp_path, new_identity("a1", BOT))
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(IdentityError, match="chmod 600"):
        load_identity(tmp_path, "a1")


def test_refuses_another_agents_file(tmp_path: Path) -> None:
    save_identity(tmp_path, new_identity("a1", BOT))
    with pytest.raises(IdentityError, match="belongs to agent a1"):
        load_identity(tmp_path, "a2")


@pytest.mark.parametrize("content", ["", "{}", '{"signing_seed": "AAAA"}'])
def test_refuses_a_damaged_file(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    (tmp_path / FILE_NAME).chmod(0o600)
    with pytest.raises(IdentityError, match="damaged"):
        load_identity(tmp_path, "a1")


def test_refuses_a_key_of_the_wrong_length(tmp_path: Path) -> None:
    save_identity(tmp_path, new_identity("a1", BOT).model_copy(update={"box_key": "AAAA"}))
    with pytest.raises(IdentityError, match="damaged"):
        load_identity(tmp_path, "a1")


def test_does_not_show_keys_when_printed() -> None:
    identity = new_identity("a1", BOT)
    assert identity.signing_seed not in f"{identity!r} {identity!s}"
