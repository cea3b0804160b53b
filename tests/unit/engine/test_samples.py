"""What a look leaves behind: numbers for charts, and the chart of the last day in its report."""

from __future__ import annotations

import struct
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta

from actions.resources import MonitorResources
from bot.core.domain.estate import Layer
from bot.core.domain.intent import Intent, Selector
from bot.core.domain.job import JobState
from bot.core.errors import OperationError
from bot.engine.chart import Chart, Line, Panel, draw
from bot.engine.enclosures import enclosures
from bot.engine.samples import keep_samples
from tests.fakes.engine import MOEF, World, words_of
from tests.fakes.files import MemoryFileStore
from tests.fakes.planning import NOW, SYSTEM
from tests.fakes.pool import Scripted
from tests.fakes.read_jobs import (
    health_of_three,
    one_busy,
    plan_of,
    read_job,
    resources,
    sixty_resources,
)
from tests.fakes.samples import MemorySamples

RESOURCES = Intent(
    action="monitor_resources",
    selector=Selector(institution=MOEF, system=SYSTEM.name, layer=Layer.WAS),
)
NODE = "moef-budget-prod-was01"
FAR_BACK = NOW - timedelta(days=365)


class Broken(MemorySamples):
    async def add(self, node_id, at, values) -> None:
        raise OperationError("store_unavailable")

    async def series(self, node_id, names, since):
        raise OperationError("store_unavailable")


async def kept(samples: MemorySamples, node_id: str = NODE) -> dict[str, list[float]]:
    found = await samples.series(node_id, ("cpu", "memory", "disk", "load", "swap"), FAR_BACK)
    return {series.name: [point.value for point in series.points] for series in found}


# --- samples -------------------------------------------------------------------------------------


async def test_keeps_the_numbers_of_a_look_once_however_often_it_ends() -> None:
    samples = MemorySamples()
    for _ in range(3):
        await keep_samples(one_busy(), samples, now=NOW)
    assert await kept(samples) == {"cpu": [97.2], "memory": [88.4], "disk": [71], "load": [8.1]}


async def test_what_could_not_be_told_or_is_no_number_leaves_nothing() -> None:
    samples = MemorySamples()
    await keep_samples(health_of_three(), samples, now=NOW)
    assert samples.kept == {}


async def test_of_many_nodes_each_that_answered_leaves_its_numbers() -> None:
    samples = MemorySamples()
    await keep_samples(sixty_resources(), samples, now=NOW)
    assert len({node for node, _ in samples.kept}) == 59


async def test_what_is_older_than_thirty_days_is_forgotten() -> None:
    samples = MemorySamples()
    await samples.add(NODE, NOW - timedelta(days=31), {"cpu": 1})
    await samples.add(NODE, NOW - timedelta(days=29), {"cpu": 2})
    await keep_samples(one_busy(), samples, now=NOW)
    assert (await kept(samples))["cpu"] == [2, 97.2]


async def test_a_store_that_does_not_answer_holds_no_job_up() -> None:
    await keep_samples(one_busy(), Broken(), now=NOW)
    world = World(samples=Broken())
    assert await enclosures(one_busy(), world.services) == ()


# --- the picture ---------------------------------------------------------------------------------


def size_of(png: bytes) -> tuple[int, int]:
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def line(label: str, *values: float) -> Line:
    times = [NOW - timedelta(minutes=15 * back) for back in reversed(range(len(values)))]
    return Line(label=label, points=tuple(zip(times, values, strict=True)))


async def test_a_chart_is_a_png_twice_as_wide_as_a_phone() -> None:
    panels = (
        Panel(title="CPU %", lines=(line("was01", 10, 40, 97),), bounds=(80, 95)),
        Panel(title="Load", lines=(line("was01", 0.4, 2, 17),), percent=False),
    )
    since = NOW - timedelta(hours=1)
    drawn = await draw(Chart(title="moef", panels=panels, since=since, until=NOW))
    width, height = size_of(drawn)
    assert width == 860
    assert height > 700
    again = await draw(Chart(title="moef", panels=panels, since=since, until=NOW))
    assert drawn == again


async def test_lines_beyond_the_eighth_and_single_points_are_no_trouble() -> None:
    lines = tuple(line(f"node-{number:02}", number) for number in range(8))
    chart = Chart(title="x", panels=(Panel(title="CPU %", lines=lines),), since=NOW, until=NOW)
    assert size_of(await draw(replace(chart, until=NOW + timedelta(hours=1))))[0] == 860


def test_the_drawing_library_is_not_loaded_with_the_engine() -> None:
    code = "import bot.engine.conductor, sys; print('matplotlib' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert ran.stdout.strip() == "False"


async def test_the_picture_has_what_was_kept_and_what_was_found_now() -> None:
    world = World()
    for back in range(1, 90):
        await world.samples.add(NODE, NOW - timedelta(minutes=15 * back), {"cpu": 40 + back % 30})
    [file] = await enclosures(one_busy(), world.services)
    assert file.media_type == "image/png"
    assert file.name == "J260401-AB12CD.png"
    content = await world.files.read(file.digest, 0, 1 << 20)
    assert len(content) == file.size
    assert size_of(content)[0] == 860


async def test_a_look_at_something_else_has_no_picture() -> None:
    assert await enclosures(health_of_three(), World().services) == ()


async def test_nodes_that_did_not_answer_are_not_drawn() -> None:
    job = read_job(plan_of(MonitorResources(), 2), ["unreachable", "timeout"])
    assert await enclosures(job, World().services) == ()


async def test_sixty_nodes_are_drawn_as_the_eight_worst() -> None:
    world = World()
    [file] = await enclosures(sixty_resources(), world.services)
    assert size_of(await world.files.read(file.digest, 0, 1 << 20))[0] == 860


async def test_a_file_store_that_is_full_holds_no_report_up() -> None:
    world = World(files=MemoryFileStore(max_file_bytes=10))
    assert await enclosures(one_busy(), world.services) == ()


# --- through the engine --------------------------------------------------------------------------


async def test_asked_for_resources_a_room_gets_levels_and_a_picture() -> None:
    world = World()
    world.agents.script("read_resources", lambda _: Scripted(result=resources(97.2, 61, 55)))
    world.parser.answers["자원"] = RESOURCES
    job_id = str((await world.pipeline.handle(world.mention("자원"))).start)
    await world.requests.open(job_id)
    assert await world.conductor.begin(job_id) is None
    steps = [step.step_id for run in world.job(job_id).plan.wire.runs() for step in run.steps]
    await world.conductor.execute_all(job_id, steps)
    await world.conductor.conclude(job_id, JobState.SUCCEEDED)
    await world.conductor.announce(job_id)
    progress = world.job(job_id).progress
    assert progress is not None
    said = words_of(world.messenger.at(progress).now)
    assert "2대 이상: moef-budget-prod-was01(심각)" in said
    [enclosed] = world.messenger.all(":log")
    assert [file.media_type for file in enclosed.now.files] == ["image/png"]
    assert "첨부 파일" in words_of(enclosed.now)
    assert (await kept(world.samples))["cpu"] == [97.2]
