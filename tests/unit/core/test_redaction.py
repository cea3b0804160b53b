"""What must not be read by everybody is masked."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bot.core.redaction import redact, redact_value

CASES: dict[str, Any] = tomllib.loads(
    (Path(__file__).parents[2] / "cases/redaction.toml").read_text("utf-8")
)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("jdbc:postgresql://10.20.30.40:5432/app?user=a&password=P@ssw0rd!", "P@ssw0rd"),
        ("jdbc:postgresql://10.20.30.40:5432/app?user=a&password=P@ssw0rd!", "30.40"),
        ("ftp://deploy:s3cret@files/", "s3cret"),
        ("jdbc:oracle:thin:budget/Pa55@10.1.2.3:1521:ORCL", "Pa55"),
        ("db.pw: hunter2", "hunter2"),
        ("비밀번호: 무궁화123", "무궁화123"),
        ("비밀번호는 Abcd1234! 입니다", "Abcd1234"),
        ("Authorization: Bearer abc.def.ghi", "abc.def"),
        ("curl -H 'X-Auth: Bearer 0123456789abcdef'", "0123456789"),
        ("DB_PASSWORD=hunter2", "hunter2"),
        ("spring.datasource.password = hunter2", "hunter2"),
        ("dbPassword: hunter2", "hunter2"),
        ('{"password":"hunter2", "user":"a"}', "hunter2"),
        ("{'client_secret': 'hunter2 with blanks'}", "blanks"),
        ('password="hunter2 with blanks"', "hunter2"),
        ('password="cut off at the end of the li', "end of the li"),
        ("AWS_SECRET_KEY=hunter2", "hunter2"),
        ("세션 eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbg", "eyJzdWIi"),
        ("10.0.0.5/24 그리고 ::ffff:10.0.0.5, 10.0.0.5:8080", "0.5"),
        ("2001:db8::5", "2001:db8"),
        ("서버는 2001:db8::5.", "2001:db8"),
        ("[2001:db8:0:1:2:3:4:5]:8080", "2001:db8"),
        ("0xC0A80105", "C0A80105"),
        ("주민번호 900101-1234567", "1234567"),
        ("휴대폰 010-1234-5678", "1234-"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END", "b3BlbnNzaC1r"),
    ],
)
def test_secrets_and_addresses_are_masked(text: str, hidden: str) -> None:
    assert hidden not in redact(text)


@pytest.mark.parametrize("line", CASES["line"], ids=lambda line: ascii(line["text"])[:60])
def test_whatever_form_it_has(line: dict[str, Any]) -> None:
    shown = redact(line["text"])
    assert [hidden for hidden in line["hidden"] if hidden in shown] == [], shown


@pytest.mark.parametrize("text", CASES["kept"])
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-23 10:00:00 INFO Server startup in [1234] milliseconds",
        "SR-2026-0401 로그인 화면 문구 수정",
        "tomcat 9.0.65, 예산시스템 1.2.0",
        "10:00:05 재기동 완료",
        "배포 60초, 3대 정상",
        "비밀번호는 90일마다 바꿉니다. 비밀번호 초기화는 운영 담당자에게 요청하십시오.",
        "compass: on, passed 3 of 3",
        "af7a1fde1bf3f01012345678ad9cbaf30c65123605aaa289269a1118e54e9dcb",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "text",
    [
        ":" * 20_000 + "g",
        "a:" * 10_000 + "g",
        "0" * 20_000,
        "pass" * 5_000,
        "비밀번호 " + "a" * 20_000,
        "token='" + "x" * 20_000,
        "x://" * 5_000,
        "jdbc:oracle:thin:" * 3_000,
        "jdbc:oracle:thin:" + "a/" * 10_000,
        "1.1." * 5_000,
        "password" + " " * 20_000 + "x",
        "-----BEGIN PRIVATE KEY-----" * 700,
        "-eyJ" * 10_000,
        "mysql " * 4_000,
        "curl -u " * 3_000,
        "sqlplus -" * 2_500,
        "--" * 10_000 + "password",
        "cookie:" * 3_000,
        'password=\\"' * 2_000,
        "０" * 20_000,
    ],
)
def test_no_text_of_a_message_keeps_the_bot_busy(text: str) -> None:
    began = time.process_time()
    redact(text)
    assert time.process_time() - began < 0.5


def test_values_are_masked_all_the_way_down() -> None:
    value = {"lines": ["password=abc", 3, None], "nested": {"host": "10.1.2.3"}}
    assert redact_value(value) == {
        "lines": ["password=●●●", 3, None],
        "nested": {"host": "10.1.x.x"},
    }
