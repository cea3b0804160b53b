"""``guardia intent`` prints one JSON object a sentence, in the form that others' tools rely on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.app import demo
from bot.app.cli import main

DATA = Path(demo.__file__).with_name("data")
KEYS = {
    "action",
    "institution",
    "system",
    "layer",
    "nodes",
    "env",
    "sr",
    "params",
    "missing",
    "question",
    "source",
}


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert main(["intent", *arguments, "--cmdb", str(DATA)]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_sentence_gives_one_object_with_all_keys(capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = told(capsys, "법무부 통계시스템 운영 DB 백업 받아줘")
    assert set(answer) == KEYS
    assert answer["action"] == "backup_db"
    assert answer["institution"] == "법무부"


def test_what_is_missing_comes_with_the_question(capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = told(capsys, "WAS 1번 재기동해줘")
    assert "institution" in answer["missing"]  # type: ignore[operator]
    assert answer["question"]


def test_files_thread_user_and_now_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = told(
        capsys,
        *("운영이고 SR-2026-0401 건입니다", "--thread", "예산시스템 WAS 1번에 배포해줘"),
        *("--file", "a.zip", "--user", "u032", "--now", "2026-05-23T10:00:00"),
    )
    assert (answer["action"], answer["env"], answer["sr"]) == ("deploy", "prod", "SR-2026-0401")


def test_a_person_is_not_led_to_what_they_may_not_see(capsys: pytest.CaptureFixture[str]) -> None:
    (answer,) = told(capsys, "관세청 통관시스템 운영 WAS 1번 재기동", "--user", "u032")
    assert answer["system"] is None


def test_a_batch_gives_an_object_a_line_with_id_and_time(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text('{"id":"a","text":"도움말"}\n\n{"id":"b","text":"점심 뭐 먹지"}\n', "utf-8")
    answers = told(capsys, "--batch", str(batch))
    assert [answer["id"] for answer in answers] == ["a", "b"]
    assert [answer["action"] for answer in answers] == ["help", "none"]
    assert all(set(answer) == KEYS | {"id", "elapsed_ms"} for answer in answers)


@pytest.mark.parametrize("line", ["[]", "no json", '{"id":"a"}', '{"text":"a"}'])
def test_a_wrong_batch_line_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str
) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text(f'{{"id":"a","text":"도움말"}}\n{line}\n', "utf-8")
    assert main(["intent", "--batch", str(batch), "--cmdb", str(DATA)]) == 2
    assert "2" in capsys.readouterr().err


def test_an_unknown_user_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["intent", "도움말", "--user", "nobody", "--cmdb", str(DATA)]) == 2
    assert "nobody" in capsys.readouterr().err
