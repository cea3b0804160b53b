"""Who is logged in: rows of ps, the table of logins, and what of a source is sent."""

from __future__ import annotations

import struct

import pytest
from pydantic import ValidationError

from agent.operations import utmp
from agent.operations.sessions import masked_source, read_row
from agent.wire.checks import EndSession
from tests.fakes.logins import LONG, SHORT, login_record


@pytest.mark.parametrize("layout", [SHORT, LONG], ids=["x86", "aarch64"])
def test_reads_the_table_of_logins(layout: struct.Struct) -> None:
    table = (
        login_record(layout, kind=2, line="~") + login_record(layout) + login_record(layout, kind=8)
    )
    (login,) = utmp.logins(table).values()
    assert (login.pid, login.terminal, login.user) == (4711, "pts/0", "kim")
    assert (login.source, login.since) == ("10.20.30.40", 1795314758)


@pytest.mark.parametrize("table", [b"", b"x", b"\xff" * 384, b"\xff" * 400, b"\0" * 1000])
def test_a_table_that_fits_no_layout_says_nothing(table: bytes) -> None:
    assert utmp.logins(table) == {}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("11496 11477   999 sshd: kim@pts/0", ("kim", "pts/0")),
        ("11496 11477   999 sshd: kim@pts/0,pts/1", ("kim", "pts/0")),
        ("11496 11477   999 sshd-session: kim@pts/12", ("kim", "pts/12")),
        ("11496 11477   999 sshd: kim@corp.example@pts/3", ("kim@corp.example", "pts/3")),
        ("  901     1     0 login -- kim", ("kim", "console")),
        ("  901     1     0 /bin/login -p -- kim", ("kim", "console")),
        ("11496 11477   999 sshd: kim@notty", ("kim", "notty")),
        ("11477  9953     0 sshd: kim [priv]", None),
        ("11477  9953     0 sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", None),
        ("11477  9953     0 sshd: kim@pts/0; touch /tmp/pwn", None),
        ("11477  9953     0 login: -- -f root", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_reads_a_row_of_ps(line: str, expected: tuple[str, str] | None) -> None:
    row = read_row(line)
    assert (None if row is None else (row.user, row.terminal)) == expected


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("10.20.30.40", "10.20.*.*"),
        ("2001:db8:1:2::5", "2001:db8:*"),
        ("::1", "local"),
        ("::ffff:10.20.30.40", "10.20.*.*"),
        (":0", "local"),
        ("pc-kim.office.example", "*.office.example"),
        ("pc-kim", "*"),
        ("10.20.30.40.5", "*"),
        ("", None),
    ],
)
def test_half_of_a_source_is_sent_at_most(source: str, shown: str | None) -> None:
    assert masked_source(source) == shown


@pytest.mark.parametrize(
    "pid",
    ["3321; reboot", "$(reboot)", "-1", "1e309", "٣٣٢١", "3321\n2", -1, 0, 1, 4_194_305, 2.5, None],
)
def test_a_process_number_is_a_number_and_nothing_else(pid: object) -> None:
    with pytest.raises(ValidationError):
        EndSession.model_validate({"pid": pid, "started": 1})
