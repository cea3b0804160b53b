"""``guardia limits``: said, kept and on the record."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bot.app.cli import main

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
NODE = "moef-budget-prod-was01"


class Shell:
    """The command line on a small estate."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._config = folder / "guardia.toml"
        self._config.write_text(f'data_dir = "{folder / "data"}"\n', "utf-8")
        self("db", "upgrade")
        self("cmdb", "import", str(SMALL))

    def __call__(self, *arguments: str) -> str:
        assert main([*arguments, "--config", str(self._config)]) == 0
        return self._capsys.readouterr().out.strip()

    def refused(self, *arguments: str) -> str:
        assert main([*arguments, "--config", str(self._config)]) == 2
        return self._capsys.readouterr().err

    def audited(self) -> str:
        database = sqlite3.connect(self.folder / "data" / "guardia.sqlite")
        try:
            return "\n".join(row[0] for row in database.execute("SELECT body FROM audit_events"))
        finally:
            database.close()


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_limits_of_a_system_reach_its_nodes_and_outlive_an_import(shell: Shell) -> None:
    assert "CPU 80/95%" in shell("limits", "MOEF-BUDGET")
    assert "limits" not in shell.audited()
    said = shell("limits", "MOEF-BUDGET", "--cpu", "70/90", "--certificate", "60/14")
    assert "CPU 70/90%" in said
    assert "인증서 60/14일 이하" in said
    shell("limits", "MOEF-BUDGET", "--node", NODE, "--disk", "60/75")
    shell("cmdb", "import", str(SMALL))
    of_node = shell("limits", "MOEF-BUDGET", "--node", NODE)
    assert of_node.startswith(f"MOEF-BUDGET {NODE}")
    assert "CPU 70/90%" in of_node
    assert "디스크 60/75%" in of_node
    assert "디스크 80/90%" in shell("limits", "MOEF-BUDGET")
    assert f'"node":"{NODE}"' in shell.audited().replace(" ", "")


def test_what_was_set_of_a_node_is_cleared(shell: Shell) -> None:
    shell("limits", "MOEF-BUDGET", "--node", NODE, "--disk", "60/75", "--stuck-minutes", "30")
    said = shell("limits", "MOEF-BUDGET", "--node", NODE, "--clear")
    assert "디스크 80/90%" in said
    assert "연계 지연 10분" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("NONE", "--cpu", "80/95"), "시스템 코드"),
        (("MOEF-BUDGET", "--node", "elsewhere", "--cpu", "80/95"), "없는 노드"),
        (("MOEF-BUDGET", "--cpu", "95/80"), "맞지 않습니다: 95/80"),
        (("MOEF-BUDGET", "--cpu", "80/101"), "맞지 않습니다"),
        (("MOEF-BUDGET", "--cpu", "80"), "읽을 수 없습니다"),
        (("MOEF-BUDGET", "--cpu", "high"), "읽을 수 없습니다"),
        (("MOEF-BUDGET", "--certificate", "7/30"), "맞지 않습니다"),
        (("MOEF-BUDGET", "--stuck-minutes", "0"), "맞지 않습니다"),
        (("MOEF-BUDGET", "--stuck-minutes", "10/20"), "맞지 않습니다"),
    ],
)
def test_limits_that_make_no_sense_are_refused_and_not_recorded(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    assert said in shell.refused("limits", *arguments)
    assert "limits" not in shell.audited()
