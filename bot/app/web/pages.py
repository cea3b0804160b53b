"""The console's routes: the page of one job, live while it runs.

Owns: who may open it, in which language, and what is answered to whom. People sign in at the web
room's door, and a job that does not exist and one of another institution get the same answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources

import aiohttp_jinja2
import jinja2
from aiohttp import web

from adapters.web.door import Door
from adapters.web.gate import RequestError
from bot.app.web.job_view import JobView, Known, job_view
from bot.core.domain.job import Job
from bot.core.domain.people import Actor
from bot.core.domain.report import Section
from bot.core.errors import GuardiaError, OperationError
from bot.core.policy import eligible
from bot.core.ports import Clock, Directory, HistoryStore, JobStore
from bot.core.texts import LANGUAGES, Texts, load_texts
from bot.engine.past import past_of

_JOB = r"{job_id:J[0-9]{6}-[A-Z0-9]{6}}"
_TYPES = {"js": "text/javascript", "css": "text/css", "txt": "text/plain"}
_COMPRESSED_FROM = 8 * 1024  # bytes

_Handler = Callable[[web.Request, Texts], Awaitable[web.StreamResponse]]


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
        history: HistoryStore,
        directory: Directory,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._door = door
        self._jobs = jobs
        self._history = history
        self._directory = directory
        self._clock = clock
        self._language = texts.language
        self._texts = {name: load_texts(name) for name in LANGUAGES}
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
                web.get(f"/jobs/{_JOB}", self._guarded(self._page)),
                web.get(f"/jobs/{_JOB}/live", self._guarded(self._live)),
                web.get("/jobs/{other:.*}", self._guarded(self._unknown)),
                web.get("/console/static/{name}", self._door.guard(self._asset)),
            ]
        )

    # --- the job's page ----------------------------------------------------------------------

    async def _page(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        job = await self._visible(request)
        return self._render(request, "job.html", texts, view=await self._view(job, request, texts))

    async def _live(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        """The part that changes. A job in another state than the page was made for is a new
        page: the browser is told to fetch it."""
        job = await self._visible(request)
        if request.query.get("state") != job.state.value:
            return web.Response(headers={"HX-Refresh": "true"})
        return self._render(request, "live.html", texts, view=await self._view(job, request, texts))

    async def _view(self, job: Job, request: web.Request, texts: Texts) -> JobView:
        node = request.query.get("node", "")
        if node and node not in {run.node_id for run in job.plan.wire.runs()}:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        known = Known(
            past=await past_of(job, jobs=self._jobs, history=self._history),
            people=eligible(job, await self._directory.people()),
            now=self._clock.now(),
            node=node,
        )
        return job_view(job, known, texts)

    async def _visible(self, request: web.Request) -> Job:
        person: Actor = await self._door.signed_in(request)
        job = await self._jobs.load(request.match_info["job_id"])
        if job is None or not person.may_see(job.plan.institution):
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return job

    async def _unknown(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        await self._door.signed_in(request)
        raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")

    # --- answers -----------------------------------------------------------------------------

    def _guarded(self, handler: _Handler) -> Callable[..., Awaitable[web.StreamResponse]]:
        """As the door's guard, with refusals that people can read."""

        async def told(request: web.Request) -> web.StreamResponse:
            texts = self._texts[self._language_of(request)]
            try:
                return await handler(request, texts)
            except RequestError as refusal:
                return self._refused(request, texts, refusal.error, refusal.status)
            except GuardiaError as error:
                beyond_reach = isinstance(error, OperationError)
                status = HTTPStatus.SERVICE_UNAVAILABLE if beyond_reach else HTTPStatus.BAD_REQUEST
                return self._refused(request, texts, error, status)

        return self._door.guard(told)

    def _refused(
        self, request: web.Request, texts: Texts, error: GuardiaError, status: HTTPStatus
    ) -> web.StreamResponse:
        if request.path.endswith("/live"):
            return web.Response(headers={"HX-Refresh": "true"})
        summary, hint = texts.explain(error)
        response = self._render(
            request,
            "message.html",
            texts,
            summary=summary,
            hint=hint,
            sign_in=request.path if status is HTTPStatus.UNAUTHORIZED else "",
        )
        response.set_status(status)
        return response

    def _render(
        self, request: web.Request, template: str, texts: Texts, **values: object
    ) -> web.Response:
        context = {"say": texts.say, "language": texts.language, **values}
        body = aiohttp_jinja2.render_string(template, request, context)
        response = web.Response(text=body, content_type="text/html", charset="utf-8")
        if len(body) > _COMPRESSED_FROM:
            response.enable_compression()
        return response

    def _language_of(self, request: web.Request) -> str:
        """What was chosen on the page, else what the browser prefers, else the bot's own."""
        chosen = request.query.get("lang", "")
        if chosen in LANGUAGES:
            return chosen
        for wish in request.headers.get("Accept-Language", "").split(","):
            language = wish.split(";")[0].strip().lower()[:2]
            if language in LANGUAGES:
                return language
        return self._language

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
