"""What FTP servers print about a folder."""

from __future__ import annotations

import pytest

from agent.transports.ftp_listing import read_facts, read_lines


@pytest.mark.parametrize(
    ("line", "name", "kind", "size", "mode"),
    [
        ("-rw-r--r--    1 999      995       18 Nov 22 06:10 a.txt", "a.txt", "file", 18, 0o644),
        ("drwxr-xr-x   2 u g with space 4096 Jan  1  2025 dir", "dir", "folder", 4096, 0o755),
        ("-rwxr-x---+  1 u g 5 2025-01-01 10:00 x  y ", "x  y ", "file", 5, 0o750),
        ("-rw-------   1 root 그룹 7 11월 22 06:10 한글.txt", "한글.txt", "file", 7, 0o600),
        ("-rw-r--r--   1 u g 1 Nov 22 06:10  leading", " leading", "file", 1, 0o644),
        ("-rw-r--r--   1 u g 1 Nov 22 06:10 -> odd", "-> odd", "file", 1, 0o644),
        ("crw-rw-rw-   1 u g 3 Nov 22 06:10 null", "null", "other", 3, 0o666),
        ("01-31-25  03:04PM       <DIR>          wwwroot", "wwwroot", "folder", 0, 0o644),
        ("01-31-2025  15:04             1,234 a b.txt", "a b.txt", "file", 1234, 0o644),
    ],
)  # fmt: skip
def test_reads_a_line(line: str, name: str, kind: str, size: int, mode: int) -> None:
    ((found, listed),) = read_lines([line]).items()
    assert (found, listed.entry.kind, listed.entry.size, listed.entry.mode) == (
        name,
        kind,
        size,
        mode,
    )


def test_a_link_tells_where_it_leads() -> None:
    line = "lrwxrwxrwx    1 0 0 5 Nov 22 06:10 current -> /srv/app/v1"
    listed = read_lines([line])["current"]
    assert (listed.entry.kind, listed.target) == ("link", "/srv/app/v1")


def test_what_is_no_entry_names_nothing() -> None:
    lines = ["total 12", "", "drwxr-xr-x 2 u g 1 Jan 1 2025 .", "drwxr-xr-x 2 u g 1 Jan 1 2025 .."]
    assert read_lines(lines) == {}
    assert read_facts(["type=cdir;modify=20250101000000; /app", "nonsense", ""]) == {}


def test_reads_facts() -> None:
    found = read_facts(
        [
            "type=file;size=12;modify=20260401090000;UNIX.mode=0640; a b.txt",
            "Type=dir;Modify=20260401090000; folder",
            "type=OS.unix=slink:/srv/x;size=1; link",
            "type=OS.unix=chr-1/3; device",
        ]
    )
    file = found["a b.txt"].entry
    assert (file.kind, file.size, file.mode, file.mtime) == ("file", 12, 0o640, 1775034000.0)
    assert found["folder"].entry.kind == "folder"
    assert (found["link"].entry.kind, found["link"].target) == ("link", "/srv/x")
    assert found["device"].entry.kind == "other"
