"""A wrong call is answered with what is wrong, never with a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app.cli import main


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What is said to a call that is wrong."""
    try:
        status = main(list(arguments))
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    return capsys.readouterr().err


@pytest.fixture
def config(tmp_path: Path) -> tuple[str, str]:
    """Settings of an empty, upgraded database."""
    file = tmp_path / "guardia.toml"
    file.write_text(f'data_dir = "{tmp_path / "data"}"\n', "utf-8")
    assert main(["db", "upgrade", "--config", str(file)]) == 0
    return ("--config", str(file))


@pytest.mark.parametrize("content", [None, b"\xff\xfe password=secret"])
@pytest.mark.parametrize("command", ["batch", "access"])
def test_a_file_that_cannot_be_read_is_named(
    capsys: pytest.CaptureFixture[str],
    config: tuple[str, str],
    tmp_path: Path,
    command: str,
    content: bytes | None,
) -> None:
    file = tmp_path / "given.jsonl"
    if content is not None:
        file.write_bytes(content)
    call = ("intent", "--batch") if command == "batch" else ("access", "import")
    said = refused(capsys, *call, str(file), *config)
    assert str(file) in said
    assert "secret" not in said


@pytest.mark.parametrize("port", ["0", "99999", "-1", "abc"])
def test_the_demo_takes_no_port_that_does_not_exist(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, port: str
) -> None:
    folder = tmp_path / "demo"
    assert "--port" in refused(capsys, "demo", "--no-browser", "--dir", str(folder), "--port", port)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["bad/name", "-x", "a b", "", "가"])
def test_no_token_is_issued_for_a_name_that_no_agent_can_have(
    capsys: pytest.CaptureFixture[str], config: tuple[str, str], name: str
) -> None:
    assert "DEMO-PC-01" in refused(capsys, "agent", "enrol", *config, "--", name)


def test_every_command_is_listed_with_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = capsys.readouterr().out
    for command in ("demo", "serve", "db", "cmdb", "access", "agent", "unlock", "audit", "doctor"):
        assert f"\n    {command} " in listed
