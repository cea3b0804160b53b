"""What the demo writes for its bot and agent, read by their own loaders."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agent.settings import load_settings as load_agent_settings
from bot.app.demo.demo_settings import AGENT, write_agent_settings, write_bot_settings
from bot.app.demo.ports import PortBook
from bot.app.demo.supervisor import online_agents, run_demo
from bot.app.folder_lock import FolderBusyError, FolderLock
from bot.app.settings import load_settings
from bot.core.texts import load_texts


def test_the_bot_reads_its_settings(tmp_path: Path) -> None:
    folder = tmp_path / '한글 "폴더"'
    folder.mkdir()
    settings = load_settings(write_bot_settings(folder, port=8123))
    assert settings.data_dir == folder / "bot"
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8123)
    assert settings.web.sign_in == "cards"


def test_the_agent_reads_its_settings(tmp_path: Path) -> None:
    settings = load_agent_settings(write_agent_settings(tmp_path, port=8123))
    assert settings.name == AGENT
    assert settings.bot_url == "ws://127.0.0.1:8123/agent/v1/link"
    assert settings.state_dir == tmp_path / "agent" / "state"
    assert settings.enrolment_token_file == tmp_path / "agent" / "enrol.token"


def test_only_an_agent_that_is_online_counts() -> None:
    health = {"agents": [{"name": "A", "online": True}, {"name": "B", "online": False}]}
    assert online_agents(health) == {"A"}
    assert online_agents({}) == online_agents([]) == frozenset()


def test_ports_stay_while_they_are_free(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "ports.json")
    port = book.take("a")
    book.save()
    assert PortBook(tmp_path / "ports.json").take("a") == port
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert PortBook(tmp_path / "ports.json").take("a") != port
        assert PortBook(tmp_path / "ports.json").take("a", keep=True) == port


async def test_a_second_demo_on_the_same_folder_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FolderLock(tmp_path / "demo.lock"):
        assert await run_demo(tmp_path, port=1, open_browser=False) == 1
    assert "이미 실행 중" in capsys.readouterr().err
    with FolderLock(tmp_path / "demo.lock"), pytest.raises(FolderBusyError):
        FolderLock(tmp_path / "demo.lock").__enter__()


async def test_a_busy_port_is_named_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert await run_demo(tmp_path, port=port, open_browser=False) == 1
    assert f"포트 {port}번" in capsys.readouterr().err
    assert not (tmp_path / "estate.json").exists()


def test_korean_and_english_say_the_same_things() -> None:
    korean, english = (load_texts(language).keys() for language in ("ko", "en"))
    assert {key for key in korean if "demo" in key} == {key for key in english if "demo" in key}
