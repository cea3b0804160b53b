"""The web room as an adapter: our own messenger over HTTP and WebSocket.

Owns: routes, sessions at the door, storing what people say before the bot hears of it, and
posting reports. It reads no meaning into text; rights beyond room membership are the engine's.
"""

from __future__ import annotations

import asyncio
import secrets
from http import HTTPStatus

import structlog
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from adapters.web.door import Door
from adapters.web.downloads import send_download
from adapters.web.gate import RequestError, check_origin, error_json, read_model
from adapters.web.hub import Hub
from adapters.web.inbound import (
    ADAPTER,
    BOT,
    is_addressed,
    thread_is_the_bots,
    to_click,
    to_inbound,
)
from adapters.web.outbound import (
    Json,
    has_button,
    made_file,
    message_json,
    report_body,
    room_json,
    text_body,
    visible_to,
)
from adapters.web.pages import Pages
from adapters.web.session import UploadTickets
from adapters.web.settings import MAX_FILES, MAX_TEXT_CHARACTERS, WebSettings
from adapters.web.stream import PAGE, Stream
from adapters.web.uploads import receive_uploads
from bot.core.domain.conversation import ConversationRef, Inbound, ReceivedFile
from bot.core.domain.people import Actor
from bot.core.domain.report import Report
from bot.core.domain.room import Room, RoomMessage
from bot.core.errors import GuardiaError, OperationError
from bot.core.inbound_text import clean_text
from bot.core.messenger_ports import MessengerMemory
from bot.core.ports import AuditSink, Capabilities, Clock, Directory, FileStore, Receiver
from bot.core.room_ports import RoomStore, SignInStore
from bot.core.texts import Texts

RECEIVE_S = 10.0
log = structlog.get_logger(__name__)


class _Post(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = ""
    thread: str | None = Field(default=None, max_length=200)
    client_id: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")
    files: list[str] = Field(default_factory=list)


class _Press(BaseModel):
    model_config = ConfigDict(extra="forbid")
    button: str = Field(max_length=200)
    value: str = Field(max_length=10_000)
    client_id: str = Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")


class WebAdapter:
    """Our own room. The HTTP server itself is run by the composition root."""

    name = ADAPTER
    capabilities = Capabilities(
        threads=True, buttons=True, files=True, edits=True, private_replies=True
    )

    def __init__(
        self,
        *,
        settings: WebSettings,
        rooms: RoomStore,
        files: FileStore,
        directory: Directory,
        audit: AuditSink,
        sign_in: SignInStore | None,
        memory: MessengerMemory,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._rooms = rooms
        self._files = files
        self._texts = texts
        self._clock = clock
        self._tickets = UploadTickets(settings.secret.get_secret_value())
        self._door = Door(
            settings,
            directory,
            rooms=rooms,
            audit=audit,
            sign_in=sign_in,
            memory=memory,
            texts=texts,
            clock=clock,
        )
        self._hub = Hub()
        self._stream = Stream(rooms, self._hub)
        self._pages = Pages(texts)
        self._receive: Receiver | None = None

    @property
    def door(self) -> Door:
        """For our own pages beside the room: the same people, the same session."""
        return self._door

    @property
    def proves_people(self) -> bool:
        """Whether whoever is signed in has proved to be that person."""
        return self._settings.sign_in != "cards"

    # --- the port ----------------------------------------------------------------------------

    def attach(self, app: web.Application) -> None:
        """Mount every route; ends the open streams when the application shuts down."""
        app.add_routes(
            [
                web.get("/", self._door.guard(self._pages.page)),
                web.get("/static/{name}", self._door.guard(self._pages.asset)),
                web.get("/api/texts", self._door.guard(self._pages.texts)),
                *self._door.routes(),
                web.get("/api/rooms", self._door.guard(self._list_rooms)),
                web.get("/api/rooms/{room}/messages", self._door.guard(self._list_messages)),
                web.post("/api/rooms/{room}/messages", self._door.guard(self._post_message)),
                web.post("/api/rooms/{room}/files", self._door.guard(self._upload)),
                web.post("/api/messages/{message}/press", self._door.guard(self._press)),
                web.get("/api/messages/{message}/files/{digest}", self._door.guard(self._download)),
                web.get("/api/stream", self._door.guard(self._open_stream)),
            ]
        )
        app.on_shutdown.append(self._close_streams)

    async def run(self, receive: Receiver) -> None:
        """Hand every event to ``receive`` until cancelled."""
        self._receive = receive
        try:
            await asyncio.Event().wait()
        finally:
            self._receive = None
            self._hub.close()

    async def post(self, report: Report, to: ConversationRef, *, key: str) -> ConversationRef:
        """As the port. A report into a thread makes the thread the bot's."""
        stored = await self._rooms.put(
            RoomMessage(
                message_id=self._new_id(),
                room=to.channel,
                thread=to.thread,
                author=BOT,
                body=report_body(report),
                only_for=report.only_for,
                posted_at=self._clock.now(),
                revision=1,
                position=0,
            ),
            key=f"report:{key}",
        )
        if to.thread is not None:
            await self._claim_thread(await self._rooms.find(to.thread))
        self._hub.wake(stored.room)
        return ConversationRef(
            adapter=ADAPTER, channel=stored.room, thread=stored.thread, message=stored.message_id
        )

    async def edit(self, report: Report, message: ConversationRef) -> None:
        """As the port."""
        if message.message is None:
            raise OperationError("message_missing")
        stored = await self._rooms.edit(message.message, report_body(report))
        self._hub.wake(stored.room)

    # --- rooms -------------------------------------------------------------------------------

    async def _list_rooms(self, request: web.Request) -> web.Response:
        person = await self._door.signed_in(request)
        rooms = await self._rooms.rooms(person.person_id)
        return web.json_response({"rooms": [room_json(room) for room in rooms]})

    async def _list_messages(self, request: web.Request) -> web.Response:
        person = await self._door.signed_in(request)
        room = await self._room(person, request.match_info["room"])
        since = request.query.get("since", "0")
        if not (since.isascii() and since.isdecimal() and len(since) < 19):
            raise RequestError(HTTPStatus.BAD_REQUEST, "web_bad_request", field="since")
        page = await self._rooms.since(room.room_id, int(since), PAGE)
        shown = [message_json(m) for m in page if visible_to(m, person.person_id)]
        position = page[-1].position if page else int(since)
        return web.json_response(
            {"messages": shown, "position": position, "more": len(page) == PAGE}
        )

    async def _upload(self, request: web.Request) -> web.Response:
        person = await self._door.signed_in(request)
        room = await self._room(person, request.match_info["room"])
        limit = self._settings.max_upload_bytes
        received = await receive_uploads(request, self._files, max_bytes=limit)
        shown = [self._upload_json(file, person, room) for file in received]
        return web.json_response({"files": shown}, status=HTTPStatus.CREATED)

    def _upload_json(self, file: ReceivedFile, person: Actor, room: Room) -> Json:
        ticket = self._tickets.issue(
            file, person_id=person.person_id, room=room.room_id, now=self._clock.now()
        )
        return {"upload": ticket, "digest": file.digest, "name": file.name, "size": file.size}

    async def _post_message(self, request: web.Request) -> web.Response:
        person = await self._door.signed_in(request)
        room = await self._room(person, request.match_info["room"])
        message = await self._composed(await read_model(request, _Post), person, room)
        stored, error = await self._said(message, person)
        return self._delivery_response(stored, error, new=stored.message_id == message.message_id)

    async def say(self, person: Actor, room_id: str, text: str, *, client_id: str) -> None:
        """Say this in the room as that person, who has asked for it on a page of ours. The same
        ``client_id`` says it once.

        Raises:
            RequestError: it is too long, or no room of that person.
            GuardiaError: it is said, and could not be handed to the bot.
        """
        room = await self._room(person, room_id)
        message = await self._composed(_Post(text=text, client_id=client_id), person, room)
        _, error = await self._said(message, person)
        if error is not None:
            raise error

    async def rooms_of(self, person: Actor) -> tuple[Room, ...]:
        """The rooms in which this person may speak."""
        return await self._rooms.rooms(person.person_id)

    async def _said(
        self, message: RoomMessage, person: Actor
    ) -> tuple[RoomMessage, GuardiaError | None]:
        """Put it into its room and hand it to the bot: as it stands there, and what went wrong."""
        root = await self._root(message, person)
        key = f"post:{message.room}:{person.person_id}:{message.body['client_id']}"
        stored = await self._rooms.put(message, key=key)
        self._hub.wake(stored.room)
        if is_addressed(str(stored.body.get("text", ""))):
            await self._claim_thread(root)
        # A repeated post is handed on again: the bot knows the event by its id, and the first
        # attempt may have ended between the store and the bot.
        event = to_inbound(stored, bot_thread=thread_is_the_bots(root))
        error = await self._deliver(event)
        return await self._mark_delivery(stored, error), error

    async def _composed(self, post: _Post, person: Actor, room: Room) -> RoomMessage:
        text = clean_text(post.text)
        if len(text) > MAX_TEXT_CHARACTERS:
            raise RequestError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "web_text_too_long", limit=MAX_TEXT_CHARACTERS
            )
        if len(post.files) > MAX_FILES:
            raise RequestError(HTTPStatus.BAD_REQUEST, "web_too_many_files", limit=MAX_FILES)
        files = [self._redeem(ticket, person, room) for ticket in post.files]
        if not text and not files:
            raise RequestError(HTTPStatus.BAD_REQUEST, "web_empty_message")
        body = text_body(text, files, author=person, client_id=post.client_id)
        if post.thread is None and is_addressed(text):
            body["addressed"] = True
        return RoomMessage(
            message_id=self._new_id(),
            room=room.room_id,
            thread=post.thread,
            author=person.person_id,
            body=body,
            only_for=None,
            posted_at=self._clock.now(),
            revision=1,
            position=0,
        )

    def _redeem(self, ticket: str, person: Actor, room: Room) -> ReceivedFile:
        file = self._tickets.redeem(
            ticket, person_id=person.person_id, room=room.room_id, now=self._clock.now()
        )
        if file is None:
            raise RequestError(HTTPStatus.BAD_REQUEST, "web_upload_unknown")
        return file

    async def _download(self, request: web.Request) -> web.StreamResponse:
        person = await self._door.signed_in(request)
        message = await self._visible(request, person)
        digest = request.match_info["digest"]
        known = made_file(message.body, digest)
        if message.author != BOT or known is None:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return await send_download(request, self._files, digest=digest, name=known[0])

    async def _root(self, message: RoomMessage, person: Actor) -> RoomMessage | None:
        if message.thread is None:
            return None
        root = await self._rooms.find(message.thread)
        known = root is not None and visible_to(root, person.person_id)
        if root is None or not known or root.room != message.room or root.thread is not None:
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        return root

    async def _claim_thread(self, root: RoomMessage | None) -> None:
        if root is not None and not thread_is_the_bots(root):
            await self._rooms.edit(root.message_id, {**root.body, "addressed": True})

    # --- to the bot --------------------------------------------------------------------------

    async def _press(self, request: web.Request) -> web.Response:
        person = await self._door.signed_in(request)
        press = await read_model(request, _Press)
        message = await self._visible(request, person)
        if message.author != BOT or not has_button(message.body, press.button, press.value):
            raise RequestError(HTTPStatus.CONFLICT, "web_button_gone")
        click = to_click(
            message, press.model_dump(), person_id=person.person_id, at=self._clock.now()
        )
        error = await self._deliver(click)
        return self._delivery_response(message, error, new=False)

    async def _visible(self, request: web.Request, person: Actor) -> RoomMessage:
        message = await self._rooms.find(request.match_info["message"])
        if message is None or not visible_to(message, person.person_id):
            raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")
        await self._room(person, message.room)
        return message

    async def _deliver(self, event: Inbound) -> GuardiaError | None:
        """Hand it to the bot; what went wrong, if anything did."""
        if self._receive is None:
            return OperationError("web_not_delivered")
        try:
            async with asyncio.timeout(RECEIVE_S):
                await self._receive(event)
        except GuardiaError as error:
            return error
        except Exception:  # the adapter loop: one event's failure must not end the room
            log.exception("event_not_delivered", event_id=event.event_id)
            return OperationError("web_not_delivered")
        return None

    async def _mark_delivery(self, message: RoomMessage, error: GuardiaError | None) -> RoomMessage:
        marked = bool(message.body.get("undelivered"))
        if marked == (error is not None):
            return message
        current = await self._rooms.find(message.message_id) or message
        body = {k: v for k, v in current.body.items() if k != "undelivered"}
        edited = await self._rooms.edit(
            message.message_id, {**body, "undelivered": True} if error else body
        )
        self._hub.wake(edited.room)
        return edited

    def _delivery_response(
        self, message: RoomMessage, error: GuardiaError | None, *, new: bool
    ) -> web.Response:
        answer: Json = {"message": message_json(message)}
        if error is None:
            return web.json_response(answer, status=HTTPStatus.CREATED if new else HTTPStatus.OK)
        answer["error"] = error_json(error, self._texts)
        return web.json_response(answer, status=HTTPStatus.SERVICE_UNAVAILABLE)

    # --- streams and rooms -------------------------------------------------------------------

    async def _open_stream(self, request: web.Request) -> web.StreamResponse:
        check_origin(request, public_origin=self._settings.public_origin)
        await self._door.signed_in(request)
        return await self._stream.serve(request, lambda: self._door.person(request))

    async def _close_streams(self, _app: web.Application) -> None:
        self._hub.close()

    async def _room(self, person: Actor, room_id: str) -> Room:
        for room in await self._rooms.rooms(person.person_id):
            if room.room_id == room_id:
                return room
        # The same answer for a room that does not exist and for one that is somebody else's.
        raise RequestError(HTTPStatus.NOT_FOUND, "web_not_found")

    def _new_id(self) -> str:
        stamp = int(self._clock.now().timestamp() * 1000)
        return f"m{stamp:012x}{secrets.token_hex(5)}"
