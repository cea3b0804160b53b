"""Freezes, windows, rollout and repositories on the command line: said, kept and on the record."""

from __future__ import annotations

import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app.cli import main
from tests.fakes.repositories import GitFolder

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
FUTURE = ("--until", "2099-12-31T18:00")


class Shell:
    """The command line on a small estate."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self._config = folder / "guardia.toml"
        self._config.write_text(
            f'data_dir = "{folder / "data"}"\n[sources]\nlocal = true\n', "utf-8"
        )
        self("db", "upgrade")
        self("cmdb", "import", str(SMALL))

    def __call__(self, *arguments: str) -> str:
        """What a call that is right says."""
        assert main([*arguments, "--config", str(self._config)]) == 0
        return self._capsys.readouterr().out.strip()

    def refused(self, *arguments: str) -> str:
        """What is said to one that is wrong."""
        assert main([*arguments, "--config", str(self._config)]) == 2
        return self._capsys.readouterr().err

    def examined(self) -> str:
        """What the doctor says; the server of this estate never runs."""
        assert main(["doctor", "--config", str(self._config)]) == 1
        return self._capsys.readouterr().out

    def audited(self) -> str:
        database = sqlite3.connect(self.folder / "data" / "guardia.sqlite")
        try:
            return "\n".join(row[0] for row in database.execute("SELECT body FROM audit_events"))
        finally:
            database.close()


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


def test_a_freeze_is_declared_listed_and_lifted(shell: Shell) -> None:
    assert shell("freeze", "list") == "등록된 동결이 없습니다."
    added = shell(
        *("freeze", "add", "--system", "MOEF-BUDGET", *FUTURE, "--why", "연말 결산", "--by", "u031")
    )
    assert "MOEF-BUDGET · 운영" in added
    assert "2099-12-31 18:00 · 연말 결산 (u031)" in added
    listed = shell("freeze", "list")
    freeze_id = listed.split(" · ")[0]
    assert freeze_id.startswith(f"F{datetime.now(UTC):%y}")
    assert "지금 해제" in shell("freeze", "lift", freeze_id, "--by", "u013")
    assert shell("freeze", "list") == "등록된 동결이 없습니다."
    assert "연말 결산" in shell.audited()
    assert "freeze lift" in shell.audited()


def test_an_institution_is_frozen_by_any_of_its_names(shell: Shell) -> None:
    added = shell(
        *("freeze", "add", "--institution", "기재부", *FUTURE, "--why", "결산", "--by", "u013"),
        *("--env", "prod", "--env", "stage"),
    )
    assert "기획재정부 · 운영, " in added


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--system", "MOEF-BUDGET", *FUTURE, "--why", "x", "--by", "u032"),
            "등록하거나 해제할 수",
        ),
        (
            ("--system", "MOEF-BUDGET", *FUTURE, "--why", "x", "--by", "u010"),
            "등록하거나 해제할 수",
        ),
        (("--system", "MOJ-IMM", *FUTURE, "--why", "x", "--by", "u031"), "등록하거나 해제할 수"),
        (("--system", "MOEF-BUDGET", *FUTURE, "--why", "x", "--by", "nobody"), "그런 사람이"),
        (("--system", "NONE", *FUTURE, "--why", "x", "--by", "u031"), "시스템 코드"),
        (("--institution", "없는부", *FUTURE, "--why", "x", "--by", "u013"), "기관으로 정해지지"),
        (("--system", "MOEF-BUDGET", *FUTURE, "--why", " ", "--by", "u031"), "사유"),
        (
            ("--system", "MOEF-BUDGET", "--until", "2020-01-01", "--why", "x", "--by", "u031"),
            "이미 지났습니다",
        ),
    ],
)
def test_a_freeze_that_is_not_theirs_or_makes_no_sense_is_refused(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    assert said in shell.refused("freeze", "add", *arguments)
    assert shell("freeze", "list") == "등록된 동결이 없습니다."
    assert "freeze add" not in shell.audited()


def test_only_a_leader_lifts_a_freeze(shell: Shell) -> None:
    added = shell(
        *("freeze", "add", "--system", "MOEF-BUDGET", *FUTURE, "--why", "결산", "--by", "u031")
    )
    freeze_id = shell("freeze", "list").split(" · ")[0]
    assert freeze_id in added
    assert "등록하거나 해제할 수" in shell.refused("freeze", "lift", freeze_id, "--by", "u032")
    assert "F-none" in shell.refused("freeze", "lift", "F-none", "--by", "u031")
    assert freeze_id in shell("freeze", "list")


def test_the_doctor_looks_for_git_where_a_system_has_a_repository(shell: Shell) -> None:
    assert "with a repository" not in shell.examined()
    shell("repository", "set", "MOEF-BUDGET", "https://git.moef.local/web/budget.git")
    assert "git: 1 systems with a repository" in shell.examined()


def test_windows_are_set_shown_and_cleared(shell: Shell) -> None:
    shown = shell("window", "set", "MOEF-BUDGET", "월-금 22:00-06:00", "토,일 00:00-24:00")
    assert "월,화,수,목,금 22:00-06:00 (prod) · 토,일 00:00-24:00 (prod)" in shown
    assert shell("window", "show", "MOEF-BUDGET") == shown
    assert "언제든" in shell("window", "clear", "MOEF-BUDGET")
    assert "시간대로 읽을 수 없습니다" in shell.refused("window", "set", "MOEF-BUDGET", "밤에")
    assert "NONE" in shell.refused("window", "show", "NONE")
    assert "window set" in shell.audited()


def test_a_rollout_is_changed_in_part_and_outlives_an_import(shell: Shell) -> None:
    assert "먼저 1대, 그다음 1대씩" in shell("rollout", "MOEF-BUDGET")
    shell("rollout", "MOEF-BUDGET", "--canary", "2", "--batch", "4")
    shell("rollout", "MOEF-BUDGET", "--settle", "30")
    shell("cmdb", "import", str(SMALL))
    said = shell("rollout", "MOEF-BUDGET")
    assert "먼저 2대, 그다음 4대씩" in said
    assert "30초" in said
    assert "범위를 벗어났습니다" in shell.refused("rollout", "MOEF-BUDGET", "--batch", "0")
    assert "NONE" in shell.refused("rollout", "NONE", "--batch", "2")


@pytest.mark.skipif(shutil.which("git") is None, reason="no git on this machine")
def test_a_repository_is_set_checked_and_cleared(shell: Shell, tmp_path: Path) -> None:
    work = GitFolder(tmp_path / "budget.git")
    work.commit("본인인증 모듈 교체", **{"webapp/a.html": b"1", "README.md": b"2"})
    work.git("tag", "SR-2026-0401")
    said = shell("repository", "set", "MOEF-BUDGET", work.url, "--folder", "webapp")
    assert said == "MOEF-BUDGET의 저장소를 등록했습니다. budget · 반영 폴더 webapp"
    assert "태그 1개, 브랜치 1개" in shell("repository", "check", "MOEF-BUDGET")
    checked = shell("repository", "check", "MOEF-BUDGET", "SR-2026-0401")
    assert "태그 SR-2026-0401" in checked
    assert "본인인증 모듈 교체 · 파일 1개" in checked
    assert "SR-2026-0401" in shell.refused("repository", "check", "MOEF-BUDGET", "SR-2026-0409")
    shell("cmdb", "import", str(SMALL))  # an import that says nothing of it leaves it
    shell("repository", "check", "MOEF-BUDGET")
    shell("repository", "clear", "MOEF-BUDGET")
    assert "등록된 저장소가 없습니다" in shell.refused("repository", "check", "MOEF-BUDGET")
    assert work.url not in shell.audited()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("MOEF-BUDGET", "https://user:secret@host/x.git"), "저장소 주소를 쓸 수 없습니다"),
        (("MOEF-BUDGET", "ext::sh -c id"), "저장소 주소를 쓸 수 없습니다"),
        (("MOEF-BUDGET", "https://host/x.git", "--folder", "../x"), "반영 폴더로 쓸 수 없습니다"),
        (("NONE", "https://host/x.git"), "시스템 코드"),
    ],
)
def test_a_repository_that_cannot_be_is_refused(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    answer = shell.refused("repository", "set", *arguments)
    assert said in answer
    assert "secret" not in answer
