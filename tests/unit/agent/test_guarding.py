"""What the guarding checks read out of texts: crontabs, logs, packages, tables, secrets."""

from __future__ import annotations

import time
import tomllib
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.operations.cron_block import (
    BEGIN,
    BlockBrokenError,
    command_line,
    line_of,
    schedule_of,
    with_line,
)
from agent.operations.cron_log import history_in
from agent.operations.failed_logins import attempts_in, tallies_in
from agent.operations.listeners import Listener, listening_in
from agent.operations.log_masking import mask_line
from agent.operations.masking import MASK, masked, masked_lines
from agent.operations.packages import _verdict, names_of, owned_in
from agent.wire.checks import PreviewCron
from agent.wire.crontab import is_schedule, last_due, next_due, parse_crontab

CASES = Path(__file__).parents[2] / "cases" / "operations"
CRONTAB = tomllib.loads((CASES / "crontab.toml").read_text("utf-8"))
HOSTILE = tomllib.loads((CASES / "cron_hostile.toml").read_text("utf-8"))
MASKING = tomllib.loads((CASES / "masking.toml").read_text("utf-8"))["line"]
KST = timezone(timedelta(hours=9))
NOW = datetime(2026, 1, 2, 9, 0, tzinfo=KST)


@pytest.mark.parametrize("case", CRONTAB["line"], ids=lambda case: case["text"])
def test_every_line_of_a_crontab_is_what_cron_takes_it_for(case: dict[str, Any]) -> None:
    (line,) = parse_crontab(case["text"])
    now: datetime = CRONTAB["now"]
    assert (line.kind, line.fault) == (case["kind"], case.get("fault", ""))
    assert line.schedule == case.get("schedule", line.schedule)
    assert line.logged == case.get("logged", line.logged)
    if line.kind == "job":
        due = (last_due(line.schedule, now), next_due(line.schedule, now))
        told = tuple(at.isoformat() if at else None for at in due)
        assert told == (case.get("last"), case.get("next")) or "logged" in case


@given(st.text(max_size=200))
def test_no_text_breaks_the_parser(text: str) -> None:
    lines = parse_crontab(text)
    assert "\n".join(line.text for line in lines) == text


@pytest.mark.parametrize("schedule", HOSTILE["schedules"])
def test_a_hostile_schedule_never_becomes_an_operation_that_runs(schedule: str) -> None:
    assert not is_schedule(schedule)


@pytest.mark.parametrize("job", HOSTILE["jobs"])
def test_a_job_that_is_no_template_is_no_operation(job: str) -> None:
    with pytest.raises(ValidationError):
        PreviewCron.model_validate({"template": job, "cron": "0 3 * * *"})


def test_a_line_goes_into_the_block_and_out_again_without_a_trace() -> None:
    before = "# mine\n1 1 * * * /x"
    line = command_line("0 3 * * *", "/opt/it's 100%.sh")
    after = with_line(before, "db_backup", line)
    assert line_of(after, "db_backup") == line
    assert schedule_of(line) == "0 3 * * *"
    assert "100\\%" in line
    assert with_line(after, "db_backup", None) == before + "\n"
    both = with_line(after, "log_cleanup", "5 5 * * * /y")
    assert with_line(both, "db_backup", None).count(BEGIN) == 1
    with pytest.raises(BlockBrokenError):
        with_line(after + BEGIN, "db_backup", line)


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("Jan  2 08:00:01", datetime(2026, 1, 2, 8, 0, 1, tzinfo=KST)),
        ("Dec 31 08:00:01", datetime(2025, 12, 31, 8, 0, 1, tzinfo=KST)),
        ("2026-01-01T23:00:01.5+00:00", datetime(2026, 1, 2, 8, 0, 1, 500000, tzinfo=KST)),
        ("2026-01-01T23:00:01Z", datetime(2026, 1, 2, 8, 0, 1, tzinfo=KST)),
    ],
)
def test_time_stamps_of_both_forms_are_read_by_the_servers_clock(stamp: str, at: datetime) -> None:
    line = f"{stamp} was01 CROND[7]: (app) CMD (/opt/x  -a)"
    (run,) = history_in([line], user="app", now=NOW).runs
    assert (run.at, run.command, run.failed) == (at, "/opt/x -a", False)


def test_what_debians_cron_really_wrote_is_understood() -> None:
    """Copied from a run of cron 3.0pl1-162 with ``-L 15``."""
    lines = [
        "Jan  2 08:27:01 h CRON[18306]: pam_unix(cron:session): session opened for user app(uid=9)",
        "Jan  2 08:27:01 h CRON[18306]: (app) CMD ([18307] /bin/false 100% x)",
        "Jan  2 08:27:01 h CRON[18306]: (CRON) error (grandchild #18307 failed with exit status 1)",
        "Jan  2 08:27:01 h CRON[18306]: (app) END ([18307] /bin/false 100% x)",
        "Jan  2 08:27:01 h CRON[18305]: (app) CMD ([18310] /bin/true \\355\\225\\234)",
        "Jan  2 08:27:02 h CRON[18305]: (app) END ([18310] /bin/true \\355\\225\\234)",
    ]
    found = history_in(lines, user="app", now=NOW)
    first, second = parse_crontab("* * * * * /bin/false 100\\% x%in\n* * * * * /bin/true 한글")
    assert [run.failed for run in found.runs_of(first)] == [True]
    assert [run.failed for run in found.runs_of(second)] == [False]


def test_the_crons_of_debian_and_red_hat_are_both_understood() -> None:
    lines = [
        "Jan  2 08:00:01 h CRON[11]: (app) CMD (/a)",
        "Jan  2 08:00:02 h CRON[10]: (CRON) error (grandchild #11 failed with exit status 2)",
        "Jan  2 08:01:01 h CROND[12]: (app) CMD (/b)",
        "Jan  2 08:01:02 h CROND[12]: (app) CMDEND (/b)",
        "Jan  2 08:02:01 h CROND[13]: (other) CMD (/a)",
        "Jan  2 08:03:00 h crontab[14]: (app) REPLACE (app)",
        "Jan  2 08:04:00 h sshd[15]: (app) CMD (/fake)",
        "nonsense",
    ]
    found = history_in(lines, user="app", now=NOW)
    assert [(run.command, run.failed) for run in found.runs] == [("/a", True), ("/b", False)]
    assert found.replaced == datetime(2026, 1, 2, 8, 3, tzinfo=KST)
    assert found.since == datetime(2026, 1, 2, 8, 0, 1, tzinfo=KST)


@pytest.mark.parametrize("case", MASKING, ids=lambda case: case["text"])
def test_secrets_and_addresses_of_a_line_are_hidden_and_nothing_else(case: dict[str, Any]) -> None:
    said = masked(case["text"])
    assert not any(secret in said for secret in case["hidden"]), said
    assert all(word in said for word in case["kept"]), said


@pytest.mark.parametrize(
    "unit", ["a.", " ", "- ", "pass", "token.", "-eyJ", "jdbc:ab:cd:", "jdbc:ab:cd:e/", "x://y:"]
)
def test_a_long_line_is_masked_in_no_time(unit: str) -> None:
    line = unit * (200_000 // len(unit))
    began = time.process_time()
    masked(line)
    mask_line(line)
    assert time.process_time() - began < 5


def test_of_a_private_key_one_line_is_left() -> None:
    text = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nxyz\n-----END RSA PRIVATE KEY-----\nb"
    assert masked_lines(text) == ["a", MASK, "b"]


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("", "verified"),
        ("??5??????   /bin/ls", "changed"),
        ("S.5....T.    /usr/bin/ls", "changed"),
        (".M.......    /usr/bin/ls", "changed"),
        (".......T.    /usr/bin/ls", "verified"),
        ("??5?????? c /etc/other", "verified"),
        ("..?......    /usr/bin/ls (Permission denied)", "not_verifiable"),
        ("missing     /usr/bin/ls", "missing"),
    ],
)
def test_what_dpkg_and_rpm_say_of_a_file_is_read(said: str, verdict: str) -> None:
    assert _verdict("/usr/bin/ls", said) == verdict


def test_packages_are_found_under_both_names_of_a_folder() -> None:
    assert names_of("/bin/ls") == ("/bin/ls", "/usr/bin/ls")
    assert names_of("/usr/sbin/sshd") == ("/usr/sbin/sshd", "/sbin/sshd")
    assert names_of("/opt/x") == ("/opt/x",)
    said = "coreutils: /bin/ls\nlibc6:amd64, libc6-i386: /lib/x\ndiversion by dash from: /bin/sh\n"
    assert owned_in(said) == {"/bin/ls": "coreutils", "/lib/x": "libc6:amd64"}


def test_listeners_are_told_by_the_widest_of_their_addresses() -> None:
    rows = [
        "  sl  local_address rem_address   st",
        "   0: 00000000:1F90 00000000:0000 0A 00000000:00000000",
        "   1: 0100007F:0016 00000000:0000 0A 00000000:00000000",
        "   2: 0B01007F:1F91 00000000:0000 0A 00000000:00000000",
        "   3: 0100007F:1F92 0100007F:9999 01 00000000:00000000",
        "   4: 00000000000000000000000001000000:0016 " + "0" * 32 + ":0000 0A 0",
        "   5: 00000000000000000000000000000000:01BB " + "0" * 32 + ":0000 0A 0",
    ]
    assert listening_in("\n".join(rows), "127.0.1.11") == (
        Listener(port=22, scope="local"),
        Listener(port=443, scope="everywhere"),
        Listener(port=8080, scope="everywhere"),
        Listener(port=8081, scope="one_address"),
    )


def test_failed_logins_of_faillock_and_lastb_are_counted_without_where_from() -> None:
    said = (
        "app:\nWhen                Type  Source           Valid\n"
        "2026-01-02 08:00:00 RHOST 203.0.113.9        V\n"
        "2026-01-02 08:00:05 RHOST 203.0.113.9        I\n"
        "root:\nWhen                Type  Source           Valid\n"
    )
    assert tallies_in(said) == {"app": 1}
    told = (
        "app      ssh:notty    203.0.113.9      Fri Jan  2 08:26 - 08:26  (00:00)\n"
        "app      ssh:notty    203.0.113.9      Wed Dec 31 08:26 - 08:26  (00:00)\n"
        "\nbtmp begins Fri Jan  2 08:26:00 2026\n"
    )
    assert attempts_in(told, datetime(2026, 1, 2, 9, 0)) == {"app": 1}  # noqa: DTZ001  as the server says it
    assert attempts_in(told, None) == {"app": 2}
