"""``guardia guides search`` prints one JSON object, in the form that others' tools rely on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.app import demo
from bot.app.cli import main

DATA = Path(demo.__file__).with_name("data")


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["guides", "search", *arguments]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_the_answer_has_its_source_and_passage(capsys: pytest.CaptureFixture[str]) -> None:
    question = "주민등록 OTP 다섯번 틀려서 잠겼어"
    answer = told(capsys, question, "--cmdb", str(DATA))
    assert set(answer) == {"query", "results", "note"}
    assert (answer["query"], answer["note"]) == (question, None)
    best = answer["results"][0]
    assert set(best) == {"id", "title", "institution", "score", "passage", "source"}
    assert (best["id"], best["source"]) == ("otp-resreg", "guides/otp-resreg.md")
    assert "다섯 번" in best["passage"]


def test_a_person_reads_only_their_institutions(capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, "예산시스템 VPN 뭐 써야 해?", "--cmdb", str(DATA), "--user", "u018")
    assert answer["results"] == []
    assert answer["note"] == "nothing fits"


def test_an_unknown_person_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["guides", "search", "VPN", "--cmdb", str(DATA), "--user", "nobody"]) == 2
    assert "nobody" in capsys.readouterr().err


def test_imported_guides_are_found_in_the_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARDIA_DATA_DIR", str(tmp_path))
    assert main(["db", "upgrade"]) == 0
    assert main(["cmdb", "import", str(DATA)]) == 0
    assert "guides 14" in capsys.readouterr().out
    answer = told(capsys, "나라장터 점프서버 사용 방법", "--user", "u020")
    assert answer["results"][0]["id"] == "g2b-bastion"
