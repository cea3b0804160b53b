"""The checks as a form: a command chosen, its target and typed values filled in, and said.

Owns: the list and the form. What is sent is the same line that the person could have typed, said in
a room of theirs as themselves: it is understood, decided and answered there like any other.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web

from adapters.web.adapter import WebAdapter
from adapters.web.gate import RequestError
from bot.app.web.frame import Frame
from bot.core.command_text import PREFIX, quoted
from bot.core.domain.command import CommandParameter, CommandSpec
from bot.core.domain.estate import Vocabulary
from bot.core.domain.people import Actor
from bot.core.ports import Inventory
from bot.core.texts import Texts
from bot.engine.commands import Commands

_COMMAND = r"{command:[A-Za-z0-9][A-Za-z0-9._-]{0,63}}"
_NONCE = re.compile(r"[0-9a-f]{24}")


class CheckPages:
    """``/checks`` lists, ``/checks/<command>`` is the form; POST says the command."""

    def __init__(
        self, frame: Frame, room: WebAdapter, commands: Commands, *, inventory: Inventory
    ) -> None:
        self._frame = frame
        self._room = room
        self._commands = commands
        self._inventory = inventory

    def attach(self, app: web.Application) -> None:
        """Add its routes."""
        app.add_routes(
            [
                web.get("/checks", self._frame.guarded(self._list)),
                web.get(f"/checks/{_COMMAND}", self._frame.guarded(self._form)),
                web.post(f"/checks/{_COMMAND}", self._frame.guarded(self._say)),
            ]
        )

    async def _list(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        families: dict[str, list[tuple[str, str, str]]] = {}
        for spec in (await self._known(person)).values():
            row = (spec.command, _title(spec, texts), _about(spec, texts))
            families.setdefault(texts.say(f"command.family.{spec.family}"), []).append(row)
        return self._frame.render(request, "checks.html", texts, families=families)

    async def _form(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        spec = await self._chosen(request, person)
        return self._frame.render(
            request,
            "check.html",
            texts,
            spec=spec,
            title=_title(spec, texts),
            about=_about(spec, texts),
            called=lambda value: _called(spec, value, texts),
            words={one.name: _label(spec, one, texts) for one in spec.parameters},
            rooms=await self._room.rooms_of(person),
            target=request.query.get("target", "")[:200],
            nonce=secrets.token_hex(12),
        )

    async def _say(self, request: web.Request, texts: Texts) -> web.StreamResponse:
        person = await self._frame.signed_in(request)
        spec = await self._chosen(request, person)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not _NONCE.fullmatch(form.get("nonce", "")):
            raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="nonce")
        room = next(
            (one for one in await self._room.rooms_of(person) if one.room_id == form.get("room")),
            None,
        )
        if room is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        line = command_line(spec, form)
        await self._room.say(person, room.room_id, line, client_id=f"checks:{form['nonce']}")
        return self._frame.render(
            request,
            "check_sent.html",
            texts,
            line=line,
            room=room,
            command=spec.command,
        )

    async def _known(self, person: Actor) -> dict[str, CommandSpec]:
        return await self._commands.permitted(person, await self._vocabulary(person))

    async def _vocabulary(self, person: Actor) -> Vocabulary:
        vocabulary = await self._inventory.vocabulary(person)
        return self._commands.with_scripts(vocabulary, PREFIX)

    async def _chosen(self, request: web.Request, person: Actor) -> CommandSpec:
        """The command; what a person may not ask for is not there for them."""
        spec = (await self._known(person)).get(request.match_info["command"])
        if spec is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return spec


def command_line(spec: CommandSpec, form: Mapping[str, str]) -> str:
    """The line that the filled-in form says; what was left empty is left out."""
    target = " ".join(form.get("target", "").split())
    values = [
        f"{one.name}={quoted(value)}"
        for one in spec.parameters
        if (value := " ".join(form.get(f"value.{one.name}", "").split("\n")).strip())
    ]
    return " ".join(filter(None, (PREFIX, spec.command, target, *values)))


def _label(spec: CommandSpec, one: CommandParameter, texts: Texts) -> str:
    """What the value is, and its name as a command has it."""
    key = f"command.parameter.{one.name}"
    about = texts.say(key) if texts.has(key) and not spec.script else one.help
    return f"{about} ({one.name})" if about else one.name


def _called(spec: CommandSpec, value: str, texts: Texts) -> str:
    """What a value means, and how a command has it; a script's own stay as they are."""
    key = f"command.choice.{value}"
    return f"{texts.say(key)} ({value})" if texts.has(key) and not spec.script else value


def _title(spec: CommandSpec, texts: Texts) -> str:
    return spec.title if spec.script else texts.say(f"action.{spec.command}")


def _about(spec: CommandSpec, texts: Texts) -> str:
    return spec.title if spec.script else texts.say(f"command.about.{spec.command}")
