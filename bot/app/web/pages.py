"""The console's routes: the page of one job, live while it runs.

Owns: who may open it and what it shows. People sign in at the web room's door (``frame``), and a
job that does not exist and one of another institution get the same answer.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources

import aiohttp_jinja2
import jinja2
from aiohttp import web

from adapters.web.door import Door
from adapters.web.gate import RequestError
from bot.app.web.frame import Frame
from bot.app.web.job_view import JobView, Known, job_view
from bot.app.web.step_output import parts_of, send_output
from bot.core.check_ports import OutputStore
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.core.domain.report import Section
from bot.core.policy import eligible
from bot.core.ports import Clock, DeploymentStore, Directory, JobStore
from bot.core.texts import Texts
from bot.engine.past import past_of

_JOB = r"{job_id:J[0-9]{6}-[A-Z0-9]{6}}"
_OUTPUT = r"output/{step_id:[a-z0-9][a-z0-9.-]{0,80}}"
_TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class _Asset:
    content: bytes
    content_type: str
    etag: str


class ConsolePages:
    """The job's page, its live part, and their files."""

    def __init__(
        self,
        *,
        door: Door,
        jobs: JobStore,
        deployments: DeploymentStore,
        directory: Directory,
        outputs: OutputStore,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._outputs = outputs
        self._door = door
        self.frame = Frame(door, texts)
        self._jobs = jobs
        self._deployments = deployments
        self._directory = directory
        self._clock = clock
        self._assets = _load_assets()

    def attach(self, app: web.Application) -> None:
        """Mount every route."""
        loader = jinja2.PackageLoader("bot.app.web")
        made = aiohttp_jinja2.setup(
            app, loader=loader, autoescape=True, undefined=jinja2.StrictUndefined
        )
        made.globals["kind_of"] = _kind_of
        app.add_routes(
            [
                web.get(f"/jobs/{_JOB}", self.frame.guarded(self._page)),
                web.get(f"/jobs/{_JOB}/live", self.frame.guarded(self._live)),
                web.get(f"/jobs/{_JOB}/{_OUTPUT}", self.frame.guarded(self._output)),
                web.get("/jobs/{other:.*}", self.frame.guarded(self._unknown)),
                web.get("/console/static/{name}", self._door.guard(self._asset)),
            ]
        )

    # --- the job's page ----------------------------------------------------------------------

    async def _page(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        job = await self._visible(request)
        return self.frame.render(
            request, "job.html", texts, view=await self._view(job, request, texts)
        )

    async def _live(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        """The part that changes. A job in another state than the page was made for is a new
        page: the browser is told to fetch it."""
        job = await self._visible(request)
        if request.query.get("state") != job.state.value:
            return web.Response(headers={"HX-Refresh": "true"})
        return self.frame.render(
            request, "live.html", texts, view=await self._view(job, request, texts)
        )

    async def _view(self, job: Job, request: web.Request, texts: Texts) -> JobView:
        node = request.query.get("node", "")
        if node and node not in {run.node_id for run in job.plan.wire.runs()}:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        known = Known(
            past=await past_of(job, jobs=self._jobs, deployments=self._deployments),
            people=eligible(job, await self._directory.people()),
            now=self._clock.now(),
            node=node,
            outputs=await parts_of(job, self._outputs, node=node),
        )
        # Off the loop: everything that servers have said is masked for it.
        return await asyncio.to_thread(job_view, job, known, texts)

    async def _output(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        """Everything that one step has said, as a file."""
        job = await self._visible(request)
        return await send_output(request, job, self._outputs)

    async def _visible(self, request: web.Request) -> Job:
        person: Actor = await self.frame.signed_in(request)
        job = await self._jobs.load(request.match_info["job_id"])
        if job is None or not person.may_see(job.plan.institution):
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return job

    async def _unknown(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        await self.frame.signed_in(request)
        raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")

    # --- files ---------------------------------------------------------------------------------

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = self._assets.get(request.match_info["name"])
        if asset is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
        if request.headers.get("If-None-Match") == asset.etag:
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
        return web.Response(
            body=asset.content, content_type=asset.content_type, charset="utf-8", headers=headers
        )


def _kind_of(section: Section) -> str:
    return type(section).__name__.lower()


def _load_assets() -> Mapping[str, _Asset]:
    assets: dict[str, _Asset] = {}
    for file in resources.files("bot.app.web").joinpath("static").iterdir():
        suffix = file.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = file.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            assets[file.name] = _Asset(content, _TYPES[suffix], etag)
    return assets
