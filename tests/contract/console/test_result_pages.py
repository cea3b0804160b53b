"""What looks have found stands whole on their jobs' pages."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from bot.core.domain.job import Job
from tests.fakes.planning import JOB
from tests.fakes.read_jobs import (
    disks_of_two,
    few_resources,
    logs_of_one,
    one_busy,
    sixty_resources,
)
from tests.fakes.room_server import RoomServer


@pytest.fixture
async def server() -> AsyncIterator[RoomServer]:
    async with RoomServer() as running:
        yield running


async def shown(server: RoomServer, job: Job) -> str:
    """The page as somebody gets it who may see everything."""
    await server.jobs.create(replace(job, job_id=JOB))
    client = await server.client("u016")
    async with client.get(f"/jobs/{JOB}") as answer:
        assert answer.status == 200
        return html.unescape(await answer.text())


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (one_busy, ("97.2% (심각)", "메모리 용량", "16.0 GB")),
        (few_resources, ("91.4% (심각)", "서버에 접속할 수 없습니다", "60.5%")),
        (sixty_resources, ("57대 정상, 2대 이상", "98% (심각)", "moef-budget-prod-was60")),
        (disks_of_two, ("93.2 GB", "/app/budget/logs")),
        (logs_of_one, ("catalina.out", "1,300", "HikariPool-1", "외 1,240줄")),
    ],
)
async def test_a_look_shows_on_its_page_what_it_found(
    server: RoomServer, make: Callable[[], Job], told: tuple[str, ...]
) -> None:
    page = await shown(server, make())
    assert [words for words in told if words not in page] == []


async def test_names_from_a_server_stay_text_on_the_page(server: RoomServer) -> None:
    job = logs_of_one()
    result = job.steps[0].result
    assert result is not None
    script = "<script>window.broken = 1</script>"
    evil = result.model_copy(
        update={"excerpts": (result.excerpts[0].model_copy(update={"lines": (script,)}),)}
    )
    await server.jobs.create(replace(job, job_id=JOB, steps=(replace(job.steps[0], result=evil),)))
    client = await server.client("u016")
    async with client.get(f"/jobs/{JOB}") as answer:
        page = await answer.text()
    assert script not in page
    assert html.escape(script, quote=False) in page or "&lt;script&gt;" in page
