"""A Slack workspace in memory, with the limits and errors that Slack documents.

Owns: channels, messages, files, what the Web API's methods do to them, and the payloads of what
people do. How they travel is ``tests.fakes.slack_service``'s business.
"""

from __future__ import annotations

import itertools
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.block_kit import buttons_of, fault_of

Json = dict[str, Any]

TEAM, APP, BOT, BOT_ID = "T0TEAM", "A0APP", "U0BOT", "B0BOT"
BOT_TOKEN, APP_TOKEN, SECRET = "xoxb-test", "xapp-test", "signing-secret-of-tests"
CHANNEL = "C0OPS"
ALL_SCOPES = (
    "app_mentions:read,channels:history,chat:write,commands,files:read,files:write,"
    "groups:history,im:history,im:write,mpim:history"
)


class TooFastError(Exception):
    """More messages than a channel takes: 429."""


@dataclass(kw_only=True)
class Message:
    """A message as it stands. ``only_for``: nobody else sees it, and it cannot be edited."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str = ""
    only_for: str = ""
    past: list[list[Json]] = field(default_factory=list)  # blocks of earlier revisions

    @property
    def revision(self) -> int:
        return len(self.past) + 1


@dataclass(kw_only=True)
class Stored:
    """A file. ``row`` is laid over what a message says of it."""

    file_id: str
    name: str
    length: int
    data: bytes = b""
    media_type: str = "application/octet-stream"
    channel: str = ""
    thread_ts: str = ""
    row: Json = field(default_factory=dict)


class Workspace:
    """A workspace: its channels, messages and files, and the Web API's methods on them.

    Args:
        burst: messages a second and channel before 429; None: as many as come.
        now: the service's clock, in seconds.
    """

    url: str

    def __init__(self, *, burst: int | None, now: Callable[[], float]) -> None:
        self.now = now
        self.scopes = ALL_SCOPES
        self.messages: dict[tuple[str, str], Message] = {}
        self.files: dict[str, Stored] = {}
        self.members: dict[str, set[str]] = {CHANNEL: {BOT}}
        self.tickets: set[str] = set()  # of sockets; each opens one
        self.tickets_lapse = False  # they are spent before they are used
        self.line_url = ""  # of another host than the Web API's
        self._burst = burst
        self._posted: defaultdict[str, deque[float]] = defaultdict(deque)
        self._number = itertools.count(1)

    def ts(self) -> str:
        return f"{int(self.now())}.{next(self._number):06d}"

    # --- what users do -----------------------------------------------------------------------

    def join(self, channel: str, *users: str) -> None:
        self.members.setdefault(channel, set()).update(users)

    def say(self, user: str, text: str, *, channel: str = CHANNEL, thread: str = "") -> Message:
        """A person's message, before anybody is told of it."""
        message = Message(
            channel=channel, ts=self.ts(), user=user, text=text, blocks=[], thread_ts=thread
        )
        self.messages[channel, message.ts] = message
        return message

    def share(self, name: str, data: bytes, **row: Any) -> Json:
        """A person's file, as a message names it."""
        file = Stored(
            file_id=f"F{next(self._number):05d}", name=name, length=len(data), data=data, row=row
        )
        self.files[file.file_id] = file
        return self.file_row(file)

    def mention_of(self, message: Message, *files: Json) -> Json:
        return self.event("app_mention", message, *files)

    def event(self, kind: str, message: Message, /, *files: Json, **more: Any) -> Json:
        """The payload for a message: ``app_mention`` or ``message``."""
        event: Json = {
            "type": kind,
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "event_ts": message.ts,
            "channel": message.channel,
            "team": TEAM,
        }
        if kind == "message":
            event["channel_type"] = "im" if message.channel.startswith("D") else "channel"
        if files:
            event["files"] = list(files)
            event |= {"subtype": "file_share"} if kind == "message" else {}
        if message.thread_ts:
            event["thread_ts"] = message.thread_ts
        return self.event_callback(event | more)

    def event_callback(self, event: Json) -> Json:
        return {
            "token": "verification",
            "team_id": TEAM,
            "api_app_id": APP,
            "type": "event_callback",
            "event_id": f"Ev{next(self._number):08d}",
            "event_time": int(self.now()),
            "authorizations": [{"team_id": TEAM, "user_id": BOT, "is_bot": True}],
            "is_ext_shared_channel": False,
            "event": event,
        }

    def command(self, user: str, name: str, text: str, *, channel: str = CHANNEL) -> Json:
        return {
            "command": f"/{name}",
            "text": text,
            "user_id": user,
            "user_name": user.lower(),
            "channel_id": channel,
            "team_id": TEAM,
            "api_app_id": APP,
            "trigger_id": f"{next(self._number)}.{TEAM}.trigger",
            "response_url": f"{self.url}/response/{next(self._number)}",
        }

    def press(self, user: str, message: Message, label: str) -> Json:
        """A press of the button that is labelled so, or was: a screen may be behind."""
        shown_once = [message.blocks, *reversed(message.past)]
        button = next(
            b for blocks in shown_once for b in buttons_of(blocks) if b["text"]["text"] == label
        )
        action = {k: v for k, v in button.items() if k in ("action_id", "value", "text", "type")}
        shown: Json = {"ts": message.ts, "text": message.text, "blocks": message.blocks}
        container: Json = {
            "type": "message",
            "message_ts": message.ts,
            "channel_id": message.channel,
            "is_ephemeral": bool(message.only_for),
        }
        if message.thread_ts:
            shown["thread_ts"] = container["thread_ts"] = message.thread_ts
        return {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "username": user.lower(), "team_id": TEAM},
            "api_app_id": APP,
            "container": container,
            "channel": {"id": message.channel, "name": "ops"},
            "trigger_id": f"{next(self._number)}.{TEAM}.trigger",
            "response_url": f"{self.url}/response/{next(self._number)}",
            "actions": [{**action, "block_id": "b1", "action_ts": self.ts()}],
        } | ({} if message.only_for else {"message": shown})

    # --- the Web API -------------------------------------------------------------------------

    def call(self, method: str, given: Json) -> Json:
        """What Slack answers.

        Raises:
            TooFastError: in the channel of this message.
        """
        handler = getattr(self, "_" + method.replace(".", "_").lower(), None)
        return {"error": "unknown_method"} if handler is None else handler(given)

    def _auth_test(self, _: Json) -> Json:
        return {
            "url": self.url,
            "team": "행정 SM",
            "user": "guardia",
            "team_id": TEAM,
            "user_id": BOT,
            "bot_id": BOT_ID,
        }

    def _apps_connections_open(self, _: Json) -> Json:
        ticket = str(uuid.uuid4())
        if not self.tickets_lapse:
            self.tickets.add(ticket)
        line = self.line_url or f"{self.url.replace('http', 'ws')}/link"
        return {"url": f"{line}?ticket={ticket}&app_id={APP}"}

    def _chat_postmessage(self, given: Json) -> Json:
        fault = self._message_fault(given)
        if fault is not None:
            return fault
        ts = self.ts()
        message = Message(
            channel=given["channel"],
            ts=ts,
            user=BOT,
            text=given.get("text", ""),
            blocks=given.get("blocks") or [],
            thread_ts=given.get("thread_ts") or "",
        )
        self.messages[message.channel, ts] = message
        return {"channel": message.channel, "ts": ts}

    def _chat_postephemeral(self, given: Json) -> Json:
        fault = self._message_fault(given)
        if fault is not None:
            return fault
        if given.get("user") not in self.members[given["channel"]]:
            return {"error": "user_not_in_channel"}
        ts = self.ts()
        self.messages[given["channel"], ts] = Message(
            channel=given["channel"],
            ts=ts,
            user=BOT,
            text=given.get("text", ""),
            blocks=given.get("blocks") or [],
            thread_ts=given.get("thread_ts") or "",
            only_for=given["user"],
        )
        return {"message_ts": ts}

    def _chat_update(self, given: Json) -> Json:
        message = self.messages.get((given["channel"], given["ts"]))
        if message is None or message.only_for:
            return {"error": "message_not_found"}
        if message.user != BOT:
            return {"error": "cant_update_message"}
        fault = fault_of(given.get("blocks") or [])
        if fault:
            return {"error": fault.partition(":")[0], "detail": fault}
        message.past.append(message.blocks)
        message.text = given.get("text", "")
        message.blocks = given.get("blocks") or []
        return {"channel": message.channel, "ts": message.ts}

    def _conversations_open(self, given: Json) -> Json:
        return {"channel": {"id": f"D{given['users']}"}}

    def _message_fault(self, given: Json) -> Json | None:
        channel = given.get("channel", "")
        if channel.startswith("D"):
            self.members.setdefault(channel, {BOT, channel[1:]})
        if channel not in self.members:
            return {"error": "channel_not_found"}
        if BOT not in self.members[channel]:
            return {"error": "not_in_channel"}
        if not given.get("text") and not given.get("blocks"):
            return {"error": "no_text"}
        if len(given.get("text", "")) > 40_000:
            return {"error": "msg_too_long"}
        fault = fault_of(given.get("blocks") or [])
        if fault:
            return {"error": fault.partition(":")[0], "detail": fault}
        self._count(channel)
        return None

    def _count(self, channel: str) -> None:
        if self._burst is None:
            return
        recent, now = self._posted[channel], time.monotonic()
        while recent and recent[0] < now - 1.0:
            recent.popleft()
        if len(recent) >= self._burst:
            raise TooFastError(channel)
        recent.append(now)

    def _files_getuploadurlexternal(self, given: Json) -> Json:
        if "files:write" not in self.scopes.split(","):
            return {"error": "missing_scope", "needed": "files:write"}
        if int(given["length"]) <= 0:
            return {"error": "invalid_arguments"}
        file = Stored(
            file_id=f"F{next(self._number):05d}",
            name=given["filename"],
            length=int(given["length"]),
        )
        self.files[file.file_id] = file
        return {"upload_url": f"{self.url}/upload/{file.file_id}", "file_id": file.file_id}

    def _files_completeuploadexternal(self, given: Json) -> Json:
        done = []
        for row in given["files"]:
            file = self.files[row["id"]]
            if len(file.data) != file.length:
                return {"error": "file_upload_size_mismatch"}
            file.channel = given.get("channel_id") or ""
            file.thread_ts = given.get("thread_ts") or ""
            done.append(self.file_row(file))
        return {"files": done}

    def _files_info(self, given: Json) -> Json:
        file = self.files.get(given["file"])
        if file is None:
            return {"error": "file_not_found"}
        file.row.pop("file_access", None)
        return {"file": self.file_row(file)}

    def file_row(self, file: Stored) -> Json:
        address = f"{self.url}/files-pri/{file.file_id}/{file.name}"
        row: Json = {
            "id": file.file_id,
            "name": file.name,
            "title": file.name,
            "mimetype": file.media_type,
            "size": file.length,
            "mode": "hosted",
            "url_private": address,
            "url_private_download": address,
        }
        return row | file.row
