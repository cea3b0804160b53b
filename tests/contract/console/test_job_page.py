"""The page of a job over real HTTP: who may see it, what is on it, and what never is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from actions.logs import CollectTargetLogs
from actions.rollback import Rollback
from actions.service import ManageService
from agent.wire.readings import Excerpt, Reading
from bot.core.domain.job import Job, JobState, StepState
from bot.core.domain.plan import Plan
from tests.fakes.planning import (
    JOB,
    SYSTEM,
    deployment_of,
    job_of,
    pair,
    request_for,
    states,
)
from tests.fakes.read_jobs import plan_of, read_job
from tests.fakes.room_server import RoomServer
from tests.fakes.told_jobs import (
    earlier,
    fleet_rolled_back_job,
    fleet_running_job,
    pair_plan,
    rollback_failed_job,
    rolled_back_job,
    running_job,
    succeeded_job,
)

PAGE = f"/jobs/{JOB}"
ADDRESS = re.compile(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])")
SCRIPT = "<script>window.broken = 1</script>"
ENGLISH = {"Accept-Language": "en-US,en;q=0.9"}


def rollback_job() -> Job:
    two = pair()
    request = request_for(two, history=[deployment_of("J260301-AAAAAA", two.nodes)])
    return job_of(Rollback().plan(request), JobState.SUCCEEDED)


def restart_job() -> Job:
    two = pair()
    facts = states(two.nodes, running=True)
    plan = ManageService().plan(
        request_for(two, params={"operation": "restart"}, facts=facts, sr=None)
    )
    assert isinstance(plan, Plan)
    return job_of(plan, JobState.RUNNING, ended_at=None)


def reading_job() -> Job:
    plan = ManageService().plan(request_for(pair(), params={"operation": "status"}))
    assert isinstance(plan, Plan)
    return job_of(plan, JobState.SUCCEEDED)


@pytest.fixture
async def server() -> AsyncIterator[RoomServer]:
    async with RoomServer() as running:
        yield running


async def get(
    client: aiohttp.ClientSession, path: str, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    async with client.get(path, headers=headers) as response:
        return response.status, await response.text()


async def shown(
    server: RoomServer, job: Job, *, path: str = PAGE, headers: dict[str, str] | None = None
) -> str:
    await server.jobs.create(job)
    status, text = await get(await server.client("u016"), path, headers=headers)
    assert status == 200, text
    return text


async def test_whoever_is_not_signed_in_is_asked_to_and_learns_nothing(server: RoomServer) -> None:
    await server.jobs.create(succeeded_job())
    client = await server.client()
    known, unknown = await get(client, PAGE), await get(client, "/jobs/J260401-ZZZZZZ")
    assert known[0] == unknown[0] == 401
    assert f'href="/?next={PAGE}"' in known[1]
    assert SYSTEM.name not in known[1]


async def test_a_job_of_others_and_one_that_is_not_there_get_the_same_answer(
    server: RoomServer,
) -> None:
    await server.jobs.create(succeeded_job())
    outsider = await server.client("u099")
    forbidden = await get(outsider, PAGE)
    assert forbidden == await get(outsider, "/jobs/J260401-ZZZZZZ")
    assert forbidden == await get(outsider, "/jobs/nonsense%00%3Cb%3E")
    assert forbidden[0] == 404


async def test_rights_are_looked_at_with_every_fetch(server: RoomServer) -> None:
    await server.jobs.create(running_job(server.clock.now()))
    client = await server.client("u016")
    live = f"{PAGE}/live?state=running"
    assert (await get(client, live))[0] == 200
    person = server.directory.by_id["u016"]
    server.directory.by_id["u016"] = replace(person, institutions=frozenset())
    assert (await get(client, PAGE))[0] == 404
    async with client.get(live) as response:
        assert response.headers["HX-Refresh"] == "true"
        assert await response.text() == ""


async def test_shows_steps_versions_seconds_plan_and_decisions(server: RoomServer) -> None:
    await server.jobs.add_deployment(earlier(pair_plan()))
    said = await shown(server, succeeded_job())
    for expected in (
        "완료 · 기획재정부 예산시스템",
        "ea6458e41d49 → 2ebdffbbbd1c",
        "J260325-AAAAAA",
        "9.1초",
        "Server startup in [9120] milliseconds",
        "파트장011",
        "160c7c40b218",
    ):
        assert expected in re.sub(r"</?span[^>]*>", "", said), expected


@pytest.mark.parametrize(
    "make", [succeeded_job, rolled_back_job, rollback_failed_job, fleet_rolled_back_job]
)
async def test_no_page_shows_an_address_or_a_secret(server: RoomServer, make: object) -> None:
    assert callable(make)
    said = await shown(server, make())
    assert not ADDRESS.findall(said)
    assert "hunter2" not in said


async def test_what_came_from_servers_files_and_people_stays_text(server: RoomServer) -> None:
    job = succeeded_job()
    steps = tuple(
        replace(
            each, state=StepState.FAILED, code=SCRIPT, values=((SCRIPT, SCRIPT),), lines=(SCRIPT,)
        )
        for each in job.steps
    )
    said = await shown(server, replace(job, steps=steps, requester_name=SCRIPT, sr=SCRIPT))
    assert SCRIPT not in said
    assert "&lt;script&gt;window.broken" in said


async def test_a_running_job_asks_for_more_and_an_ended_one_does_not(server: RoomServer) -> None:
    job = running_job(server.clock.now())
    said = await shown(server, job)
    assert f'hx-get="{PAGE}/live' in said
    assert '<noscript><meta http-equiv="refresh"' in said
    ended = replace(succeeded_job(), job_id="J260401-EEEEEE")
    said = await shown(server, ended, path="/jobs/J260401-EEEEEE")
    assert "hx-get" not in said
    assert "htmx" not in said


async def test_a_page_of_another_state_is_told_to_fetch_itself_anew(server: RoomServer) -> None:
    await server.jobs.create(succeeded_job())
    client = await server.client("u016")
    async with client.get(f"{PAGE}/live?state=running") as response:
        assert response.headers["HX-Refresh"] == "true"


async def test_speaks_the_language_of_the_browser_or_the_one_that_was_chosen(
    server: RoomServer,
) -> None:
    said = await shown(server, succeeded_job(), headers=ENGLISH)
    assert "Node by node" in said
    client = await server.client("u016")
    assert "노드별 진행" in (await get(client, f"{PAGE}?lang=ko", headers=ENGLISH))[1]


@pytest.mark.parametrize("state", list(JobState))
async def test_every_state_has_a_page(server: RoomServer, state: JobState) -> None:
    job = job_of(pair_plan(), state)
    assert job.job_id in await shown(server, job)


async def test_a_fleet_shows_first_what_is_at_work(server: RoomServer) -> None:
    said = await shown(server, fleet_running_job(server.clock.now()))
    assert said.index('id="node-moef-budget-prod-was10"') < said.index(
        'id="node-moef-budget-prod-was01"'
    )


async def test_a_node_of_a_fleet_has_its_output_on_a_page_of_its_own(server: RoomServer) -> None:
    said = await shown(server, fleet_running_job(server.clock.now()))
    assert "Server startup in" not in said
    assert len(said) < 1024 * 1024
    client = await server.client("u016")
    status, one = await get(client, f"{PAGE}?node=moef-budget-prod-was03")
    assert status == 200
    assert "Server startup in" in one
    assert one.count('data-testid="node"') == 1
    assert "node=moef-budget-prod-was03" in one  # also when it is fetched again
    assert (await get(client, f"{PAGE}?node=elsewhere"))[0] == 404


@pytest.mark.parametrize("make", [rollback_job, restart_job, reading_job])
async def test_every_kind_of_job_has_a_page(server: RoomServer, make: object) -> None:
    assert callable(make)
    assert 'data-testid="node"' in await shown(server, make())


async def test_pages_and_files_carry_the_strict_policy(server: RoomServer) -> None:
    await server.jobs.create(running_job(server.clock.now()))
    client = await server.client("u016")
    for path in (PAGE, "/console/static/htmx.min.js", "/console/static/console.css"):
        async with client.get(path) as response:
            assert response.status == 200
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
    text = (await get(client, PAGE))[1]
    assert not re.findall(r"<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", text)
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", text)


async def test_no_file_outside_the_folder_is_served(server: RoomServer) -> None:
    client = await server.client("u016")
    for name in ("pages.py", "..%2fpages.py", "%2e%2e/pages.py"):
        assert (await get(client, f"/console/static/{name}"))[0] == 404


# --- what steps say while they run ---------------------------------------------------------------


async def test_shows_what_a_running_step_says_and_hands_out_all_of_it(server: RoomServer) -> None:
    job = running_job(server.clock.now())
    step = next(one.step_id for one in job.steps if one.state is StepState.RUNNING)
    lines = [f"line {number} password=hunter2 at 10.20.30.40 {SCRIPT}\n" for number in range(2000)]
    offset = 0
    for line in lines:
        await server.outputs.append(job.job_id, step, offset=offset, text=line)
        offset += len(line)
    said = await shown(server, job)
    assert "line 0 " in said
    assert "line 1999 " in said
    assert "line 1000 " not in said
    assert "생략했습니다" in said
    assert "hunter2" not in said
    assert SCRIPT not in said
    assert not ADDRESS.search(re.sub(r"<[^>]*>", "", said))
    client = await server.client("u016")
    async with client.get(f"{PAGE}/output/{step}") as response:
        assert response.status == 200
        assert response.headers["Content-Disposition"].startswith("attachment")
        body = await response.text()
    assert body.count("line ") == 2000


async def test_the_output_of_others_and_of_silent_steps_is_not_there(server: RoomServer) -> None:
    job = running_job(server.clock.now())
    step = job.steps[0].step_id
    await server.jobs.create(job)
    await server.outputs.append(job.job_id, step, offset=0, text="secret\n")
    insider, outsider = await server.client("u016"), await server.client("u099")
    assert (await get(insider, f"{PAGE}/output/{step}"))[0] == 200
    assert (await get(outsider, f"{PAGE}/output/{step}"))[0] == 404
    assert (await get(await server.client(), f"{PAGE}/output/{step}"))[0] == 401
    silent = job.plan.wire.steps()[-1].step_id
    for name in (silent, "no-such-step", "..%2f..%2fetc"):
        assert (await get(insider, f"{PAGE}/output/{name}"))[0] == 404


async def test_a_page_of_many_lines_stops_nobody_else(server: RoomServer) -> None:
    """Everything on it is masked, which takes seconds where many servers have much to say."""
    lines = tuple(f"2026-04-01 10:00:00 ERROR from 10.20.30.40 order={n}" for n in range(5000))
    reading = Reading(level="warning", excerpts=(Excerpt(name="log_lines", lines=lines),))
    await server.jobs.create(read_job(plan_of(CollectTargetLogs(), 6), [reading] * 6))
    ticks = 0

    async def others() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.005)
            ticks += 1

    client = await server.client("u016")
    working = asyncio.create_task(others())
    assert (await get(client, PAGE))[0] == 200
    working.cancel()
    assert ticks > 10
