"""The web room driven by a program, as docs/web-api.md describes it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

Message = dict[str, Any]
POLL_S = 0.2


class RoomClient:
    """One signed-in person in one room."""

    def __init__(self, address: str, person_id: str, room: str = "moef-budget-ops") -> None:
        self._address = address
        self._person_id = person_id
        self._room = room
        self._session = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={"Origin": address}
        )

    async def __aenter__(self) -> RoomClient:
        await self._json("POST", "/api/session", json={"person_id": self._person_id})
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        """One call, tried again while the bot is being restarted."""
        deadline = asyncio.get_running_loop().time() + 300
        while True:
            try:
                async with self._session.request(
                    method, self._address + path, **options
                ) as response:
                    body = await response.json()
                    if response.status == 503:
                        raise ConnectionError(body)
                    if response.status >= 400:
                        raise AssertionError(f"{method} {path}: {response.status} {body}")
                    return body
            except (aiohttp.ClientError, ConnectionError):
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(POLL_S)

    async def say(self, text: str, *files: Path, thread: str | None = None) -> str:
        """Post a message with files; returns its id."""
        tickets = [await self._upload(file) for file in files]
        post = {"text": text, "thread": thread, "client_id": uuid.uuid4().hex, "files": tickets}
        answer = await self._json("POST", f"/api/rooms/{self._room}/messages", json=post)
        return str(answer["message"]["id"])

    async def _upload(self, file: Path) -> str:
        answer = await self._json(
            "POST",
            f"/api/rooms/{self._room}/files",
            params={"name": file.name},
            data=file.read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        return str(answer["files"][0]["upload"])

    async def press(self, message: Message, button: str) -> None:
        """Press a button of a message."""
        offered = next(b for b in message["body"]["buttons"] if b["button"] == button)
        press = {"button": button, "value": offered["value"], "client_id": uuid.uuid4().hex}
        await self._json("POST", f"/api/messages/{message['id']}/press", json=press)

    async def messages(self, thread: str | None = None) -> list[Message]:
        """Everything this person sees, as it stands now, oldest first; perhaps of one thread."""
        path, since, seen = f"/api/rooms/{self._room}/messages", 0, {}
        while True:
            page = await self._json("GET", path, params={"since": str(since)})
            seen.update({message["id"]: message for message in page["messages"]})
            since = page["position"]
            if not page["more"]:
                break
        found = sorted(seen.values(), key=lambda message: message["posted_at"])
        return [m for m in found if thread is None or m["thread"] == thread]

    async def wait_for(
        self, wanted: Callable[[Message], bool], *, thread: str, timeout_s: float = 400
    ) -> Message:
        """The first message of the bot in a thread that fits, as soon as there is one."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while asyncio.get_running_loop().time() < deadline:
            for message in await self.messages(thread):
                if message["author"] == "bot" and wanted(message):
                    return message
            await asyncio.sleep(POLL_S)
        raise AssertionError(transcript(await self.messages(thread)))


def offers(button: str) -> Callable[[Message], bool]:
    """A message that offers this button."""
    return lambda message: any(b["button"] == button for b in message["body"].get("buttons", ()))


def says(*parts: str) -> Callable[[Message], bool]:
    """A message in which all these texts stand."""
    return lambda message: all(part in text_of(message) for part in parts)


def text_of(message: Message) -> str:
    """Everything a message says, as one text."""
    body = message["body"]
    if body["kind"] == "text":
        return str(body["text"])
    lines = [body["title"], body["summary"]]
    for section in body["sections"]:
        lines.append(section.get("title") or "")
        lines.append(section.get("text") or "")
        lines += section.get("lines", [])
        for row in section.get("rows", []):
            cells = row.values() if isinstance(row, dict) else row
            lines.append(" | ".join(str(cell) for cell in cells))
    lines += [f"[{button['label']}]" for button in body["buttons"]] + [body["footer"]]
    return "\n".join(line for line in lines if line)


def transcript(messages: list[Message]) -> str:
    """Messages as a person would read them, for failing tests."""
    return "\n\n".join(f"<{m['author']}> {text_of(m)}" for m in messages)
