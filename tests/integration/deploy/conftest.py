"""A laboratory for one test, and the tables of what went wrong and what was said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from bot.core.domain.job import Job
from bot.core.domain.report import Report
from tests.integration.deploy.site import Site
from tests.lab.fixtures import lab

__all__ = ["lab"]

Tell = Callable[[str, Site, Job | Report], None]  # a job's end, or a refusal
Table = Callable[[str, Sequence[object]], None]


@pytest.fixture
def table(record_property: Callable[[str, object], None]) -> Table:
    """Show these rows under that title at the end of the run (``tests/conftest.py``)."""

    def show(title: str, rows: Sequence[object]) -> None:
        record_property("table", [title, *map(str, rows)])

    return show


@pytest.fixture
def tell(table: Table) -> Tell:
    """Keep what the person was told of a bad day, for the table at the end of the run."""

    def keep(day: str, site: Site, end: Job | Report) -> None:
        if isinstance(end, Report):
            table("bad days", [f"{day} → refused: {end.title} / {end.summary}"])
            return
        report = site.world.messenger.all(f"{end.job_id}:final")[0].now
        table("bad days", [f"{day} → {end.state.value}: {report.summary}"])

    return keep
