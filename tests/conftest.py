"""What every run of the tests shows at its end: the tables that tests have filled.

A test fills one with ``record_property("table", [title, row, …])``; the rows of one title come
together, whichever process they were made in.
"""

from __future__ import annotations

from collections import defaultdict

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tables: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "table" and isinstance(value, list):
                title, *rows = value
                tables[title] += rows
    for title in sorted(tables):
        terminalreporter.section(title)
        for row in tables[title]:
            terminalreporter.write_line(row)
