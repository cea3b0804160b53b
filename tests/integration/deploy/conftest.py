"""A laboratory for one test, and the table of what went wrong and what was said of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.core.domain.job import Job
from tests.integration.deploy.site import Site
from tests.lab.fixtures import lab

__all__ = ["lab"]

_ROW = "bad_day"
Tell = Callable[[str, Site, Job], None]


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Tell:
    """Keep what the person was told of a bad day, for the table at the end of the run."""

    def keep(day: str, site: Site, job: Job) -> None:
        report = site.world.messenger.all(f"{job.job_id}:final")[0].now
        record_property(_ROW, (day, job.state.value, report.title, report.summary))

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = [
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == _ROW
    ]
    if rows:
        terminalreporter.section("bad days: what happened, how it ended, what the person is told")
    for day, state, title, summary in sorted(rows):
        terminalreporter.write_line(f"{day} → {state}\n    {title}\n    {summary}")
