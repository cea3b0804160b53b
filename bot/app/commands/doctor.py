"""``guardia doctor``: are settings and connections as they must be, and what to mend.

Owns: the checks. Each is one line: what was looked at, whether it is well, what to do.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp

from bot.app.adapters import MESSENGERS
from bot.app.commands.administration import verify_chain
from bot.app.local_model import embedding_of, model_of
from bot.app.settings import GuardiaSettings
from bot.app.wiring import open_database
from bot.core.errors import GuardiaError
from bot.core.messenger_ports import Finding as Check
from bot.core.texts import load_texts
from cmdb.engine import is_current
from cmdb.people import SqlDirectory
from cmdb.systems import SqlSystems
from intents.fewshot import load_prompt
from intents.grammar import read_answer
from intents.model import ModelError

_WAIT_S = aiohttp.ClientTimeout(total=3)
# What ids look like that messengers name their people by, and what they are called there.
_IDS = {
    "slack": (re.compile(r"[UW][A-Z0-9]{2,20}"), "Slack member ids (U…, W…)"),
    "teams": (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "Entra object ids"),
}
_MODEL_S = 600  # loading a large model and reading its prompt on a slow disk and one core
_QUESTION = "예산시스템 운영 WAS 상태 확인해줘"
_MODEL_REMEDY = "is the file whole, is the server running, does the prompt fit into context?"
_GRAMMAR_REMEDY = "the server ignores response_format: use llama-server, vLLM or a newer Ollama"


async def examine(settings: GuardiaSettings, messenger: str | None = None) -> AsyncIterator[Check]:
    """Every check, one after the other; a later one may rest on an earlier one.

    Args:
        messenger: look at this one only, whether or not the site has it.
    """
    if messenger is None:
        async for check in _own(settings):
            yield check
    for each in MESSENGERS:
        if each.name == messenger or (messenger is None and each.enabled(settings)):
            if each.enabled(settings) and each.name in _IDS:
                async for check in _known_there(settings, each.name):
                    yield check
            async for check in each.load().examine(settings):
                yield check


async def _own(settings: GuardiaSettings) -> AsyncIterator[Check]:
    for check in _folders(settings):
        yield check
    current = await _database(settings)
    yield current
    if current.well:
        yield await _people(settings)
        yield await _audit(settings)
        async for check in _repositories(settings):
            yield check
    yield await _server(settings)
    if settings.model.engine != "off":
        yield await _model(settings)
    if settings.guides.embedding_url is not None:
        yield await _embedding(settings)


def _folders(settings: GuardiaSettings) -> Iterator[Check]:
    folder = settings.data_dir
    writable = folder.is_dir() and os.access(folder, os.W_OK)
    yield Check(
        name="data_dir",
        well=writable,
        found=str(folder.resolve()),
        remedy="create it, owned by the account that runs guardia: `guardia db upgrade` does",
    )
    for name in ("bot.key", "web.secret", "audit.key", "codes.key"):
        file = folder / "keys" / name
        if file.exists():
            yield _private(file)


def _private(file: Path) -> Check:
    mode = stat.S_IMODE(file.stat().st_mode)
    return Check(
        name=f"keys/{file.name}",
        well=mode & 0o077 == 0,
        found=f"mode {mode:04o}",
        remedy=f"chmod 600 {file}",
    )


async def _database(settings: GuardiaSettings) -> Check:
    shown = settings.application_database.split("@")[-1]
    try:
        current = await is_current(settings.application_database)
    except GuardiaError as error:
        return Check(
            name="database",
            well=False,
            found=f"{shown}: {error.code}",
            remedy="is it running, and is GUARDIA_DATABASE_URL right?",
        )
    return Check(
        name="database",
        well=current,
        found=shown if current else f"{shown}: not up to date",
        remedy="guardia db upgrade",
    )


async def _people(settings: GuardiaSettings) -> Check:
    async with open_database(settings) as engine:
        directory = SqlDirectory(engine)
        people, rules = await directory.people(), await directory.rules()
    return Check(
        name="cmdb",
        well=bool(people and rules),
        found=f"{len(people)} people, {len(rules)} rules",
        remedy="guardia cmdb import DIR",
    )


async def _known_there(settings: GuardiaSettings, messenger: str) -> AsyncIterator[Check]:
    """People whom the messenger will never name as the CMDB lists them are nobody, silently."""
    if settings.database_url is None and not settings.data_dir.is_dir():
        return
    try:
        async with open_database(settings) as engine:
            listed = await SqlDirectory(engine).listed(messenger)
    except GuardiaError:
        return  # what is wrong with the database is said by its own check
    form, called = _IDS[messenger]
    good = [each for each in listed if form.fullmatch(each)]
    yield Check(
        name=f"{messenger}/people",
        well=len(good) == len(listed),
        found=f"{len(good)} of {len(listed)} {messenger}_id in the CMDB are {called}",
        remedy=f"give {called} instead and import again; until then those people link themselves "
        "by a code from /me",
    )


async def _audit(settings: GuardiaSettings) -> Check:
    findings = await verify_chain(settings, None)
    return Check(
        name="audit",
        well=not findings,
        found=str(findings[0]) if findings else "the chain holds",
        remedy="guardia audit verify names every finding; keep the files and ask who touched them",
    )


async def _repositories(settings: GuardiaSettings) -> AsyncIterator[Check]:
    """Only where a system has one: a site without repositories needs no git."""
    async with open_database(settings) as engine:
        codes = await SqlSystems(engine).with_repository()
    if codes:
        yield Check(
            name="git",
            well=shutil.which("git") is not None,
            found=f"{len(codes)} systems with a repository",
            remedy="apt-get install git; then guardia repository check CODE",
        )


async def _server(settings: GuardiaSettings) -> Check:
    scheme = "https" if settings.server.tls_certificate else "http"
    address = f"{scheme}://{settings.server.host}:{settings.server.port}/healthz"
    try:
        async with (
            aiohttp.ClientSession(timeout=_WAIT_S) as session,
            session.get(address, ssl=False) as response,
        ):
            agents = (await response.json())["agents"]
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return Check(name="server", well=False, found=f"{address}: silent", remedy="guardia serve")
    offline = [agent["name"] for agent in agents if not agent["online"]]
    return Check(
        name="server",
        well=bool(agents) and not offline,
        found=f"{address}: {len(agents)} agents, offline: {', '.join(offline) or 'none'}",
        remedy="start guardia-agent on the bastion; new ones enrol with `guardia agent enrol NAME`",
    )


async def _model(settings: GuardiaSettings) -> Check:
    """Load the model as the bot does, and have it answer one request under the grammar."""
    shown = str(settings.model.file or settings.model.url)
    try:
        model = await model_of(settings.model)
    except GuardiaError as error:
        summary, hint = load_texts("en").explain(error)
        return Check(name="model", well=False, found=summary, remedy=hint)
    prompt = load_prompt(settings.model.examples)
    try:
        async with asyncio.timeout(_MODEL_S):
            began = time.monotonic()
            await model.start(prompt)
            loaded = time.monotonic()
            said = await model.complete(prompt.asking(_QUESTION), attempt=0)
            ended = time.monotonic()
    except (ModelError, TimeoutError) as error:
        found = f"{shown}: {error or 'no answer'}"
        return Check(name="model", well=False, found=found, remedy=_MODEL_REMEDY)
    finally:
        await model.close()
    return _answered(shown, said, load_s=loaded - began, answer_s=ended - loaded, limit=settings)


async def _embedding(settings: GuardiaSettings) -> Check:
    try:
        async with embedding_of(settings.guides) as embedding:
            near = await embedding.near(_QUESTION, [_QUESTION]) if embedding else ()
    except GuardiaError as error:
        summary, hint = load_texts("en").explain(error)
        return Check(name="guides/embedding", well=False, found=summary, remedy=hint)
    said = "answers" if near else "no vectors in time: guides are ordered by words alone"
    return Check(
        name="guides/embedding",
        well=bool(near),
        found=f"{settings.guides.embedding_url}: {said}",
        remedy="is the server running with /v1/embeddings, and embedding_name right?",
    )


def _answered(
    shown: str, said: str, *, load_s: float, answer_s: float, limit: GuardiaSettings
) -> Check:
    answer = read_answer(said)
    deadline_s = limit.model.deadline_s
    times = f"{shown}: loaded in {load_s:.1f} s"
    if answer is None:
        found = f"{times}, but its answer is not of the grammar"
        return Check(name="model", well=False, found=found, remedy=_GRAMMAR_REMEDY)
    found = f"{times}, answered {answer.action} in {answer_s:.1f} s (deadline_s {deadline_s:g})"
    return Check(
        name="model",
        well=answer_s <= deadline_s,
        found=found,
        remedy="more threads, a smaller model, fewer examples, or a longer deadline_s",
    )
