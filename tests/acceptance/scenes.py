"""What happens on stage, once each: the acts whose traces the tests look at.

Owns: doing what a person does, in the windows, and keeping what came of it. Judges nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.stage import (
    DEVELOPER,
    LEADER,
    MANAGER,
    Answers,
    Stage,
    ask_version,
)
from tests.drivers.room import Message, offers, says

SENTENCE = (
    "@guardia 기재부 예산시스템 운영 WAS 1, 2번에 이 파일들 반영하고 무중단 재기동해줘. "
    "SR-2026-0401"
)
GOOD, BROKEN = "budget-1.1.0.zip", "budget-1.2.0-broken.zip"
NODES = ("moef-budget-prod-was01", "moef-budget-prod-was02")
LONG_S = 600.0


@dataclass(kw_only=True)
class File:
    """One file of a package, as it should stand on the card."""

    size: int
    sha256: str
    novelty: str
    handling: str


@dataclass(kw_only=True)
class Asked:
    """A request that has its plan."""

    root: str
    plan: Message
    files: dict[str, File]


@dataclass(kw_only=True)
class Decided:
    """A request that somebody has approved, and what the clicks before and after came to."""

    asked: Asked
    refusal: Message
    card: Message
    late_click: str


@dataclass(kw_only=True)
class Ended:
    """A request that has run to its end."""

    root: str
    progress: Message
    final: Message
    answers: Answers
    after: dict[str, str]


async def sign_in(stage: Stage) -> None:
    for size, window, person in (
        ("1280", stage.desk, DEVELOPER),
        ("390", stage.phone, LEADER),
    ):
        await window.page.goto(window.address)
        await window.page.get_by_test_id(f"person-{person}").wait_for()
        await stage.picture(f"sign-in-{size}", window)
        await window.sign_in(person)


async def ask(stage: Stage) -> Asked:
    """Drag the zip onto the room, write the sentence, send, and wait for the plan."""
    package = stage.demo.package(GOOD)
    files = expected_files(package, deployed(stage, NODES[0]))
    await stage.desk.drop(package)
    await stage.desk.page.get_by_test_id("composer").fill(SENTENCE)
    await stage.picture("request-1280", stage.desk)
    before = await own(stage)
    await stage.desk.page.get_by_test_id("send").click()
    root = await sent(stage, before)
    plan = await stage.people[DEVELOPER].wait_for(offers("approve"), thread=root)
    for size, window in (("1280", stage.desk), ("390", stage.phone)):
        await window.open_thread(root)
        await window.message(plan["id"]).get_by_test_id("button-approve").wait_for()
        await window.top_of(plan["id"])
        await stage.picture(f"plan-{size}", window)
    return Asked(root=root, plan=plan, files=files)


async def refuse(stage: Stage, asked: Asked) -> Message:
    """The requester's own click; returns the answer that only that person gets."""
    await stage.desk.press(asked.plan["id"], "approve")
    refusal = await stage.people[DEVELOPER].wait_for(
        lambda message: bool(message["private"]), thread=asked.root
    )
    await stage.desk.message(refusal["id"]).wait_for()
    await stage.picture("own-approval-refused-1280", stage.desk)
    return refusal


async def approve(stage: Stage, asked: Asked) -> Message:
    """The part leader's thumb on the phone; returns the card once it says who decided."""
    card = stage.phone.message(asked.plan["id"])
    await card.get_by_test_id("button-approve").click()
    await stage.picture("approval-390", stage.phone)
    await card.get_by_test_id("confirm-yes").click()
    return await stage.people[DEVELOPER].wait_for(says("승인 내역"), thread=asked.root)


async def click_again(stage: Stage, asked: Asked) -> str:
    """A second approver's click on the card as it was; returns what the room answers."""
    try:
        await stage.people[MANAGER].press(asked.plan, "approve")
    except AssertionError as refused:
        return str(refused)
    return "taken"


async def follow(stage: Stage, root: str, answers: Answers, *, name: str) -> Ended:
    """Wait until a decided request has run to its end, taking pictures on the way."""
    progress = await second_node_at_work(stage, root)
    for size, window in (("1280", stage.desk), ("390", stage.phone)):
        await window.top_of(progress["id"])
        await stage.picture(f"{name}-progress-{size}", window)
    client = stage.people[DEVELOPER]
    final = await client.wait_for(says("결재", "걸린 시간"), thread=root, timeout_s=LONG_S)
    progress = await client.wait_for(
        lambda m: has_checklist(m) and m["body"]["tone"] != "running", thread=root
    )
    for size, window in (("1280", stage.desk), ("390", stage.phone)):
        await window.message(final["id"]).wait_for()
        await window.top_of(final["id"])
        await stage.picture(f"{name}-report-{size}", window)
    return Ended(
        root=root,
        progress=progress,
        final=final,
        answers=deepcopy(answers),
        after={node: await ask_version(stage.node(node)["url"]) for node in NODES},
    )


async def second_node_at_work(stage: Stage, root: str) -> Message:
    """The progress message once the second node has begun."""
    return await stage.people[DEVELOPER].wait_for(
        lambda message: (
            has_checklist(message)
            and any(
                section.get("title", "").startswith("2/2")
                and section["rows"][4]["state"] != "pending"
                for section in message["body"]["sections"]
            )
        ),
        thread=root,
    )


async def break_it(stage: Stage) -> Ended:
    """The broken zip, approved by two people at the same moment."""
    client = stage.people[DEVELOPER]
    await stage.desk.close_thread()
    await stage.phone.close_thread()
    root = await client.say(SENTENCE, stage.demo.package(BROKEN))
    plan = await client.wait_for(offers("approve"), thread=root)
    for window in (stage.desk, stage.phone):
        await window.page.locator(f'.main [data-message-id="{root}"] .thread-bar').wait_for()
        await window.open_thread(root)
    async with stage.asking_the_balancer() as answers:
        await asyncio.gather(
            *(stage.people[person].press(plan, "approve") for person in (LEADER, MANAGER)),
            return_exceptions=True,
        )
        return await follow(stage, root, answers, name="rollback")


async def say(stage: Stage, text: str) -> str:
    """Write into the room at the desk; returns the message's id."""
    before = await own(stage)
    await stage.desk.close_thread()
    await stage.desk.say(text)
    return await sent(stage, before)


async def own(stage: Stage) -> set[str]:
    """The developer's messages so far."""
    messages = await stage.people[DEVELOPER].messages()
    return {message["id"] for message in messages if message["author"] == DEVELOPER}


async def sent(stage: Stage, before: set[str]) -> str:
    """The id of the message that has come since, once the room has it."""
    async with asyncio.timeout(180):
        while not (new := await own(stage) - before):
            await asyncio.sleep(0.1)
    return new.pop()


def has_checklist(message: Message) -> bool:
    return any(s["kind"] == "checklist" for s in message["body"].get("sections", ()))


def facts_of(message: Message) -> dict[str, str]:
    """All facts of a card, label to value."""
    return {
        label: value
        for section in message["body"]["sections"]
        if section["kind"] == "facts"
        for label, value in section["rows"]
    }


def table_of(message: Message) -> list[list[str]]:
    """The rows of a card's first table."""
    tables = [s for s in message["body"]["sections"] if s["kind"] == "table"]
    rows: list[list[str]] = tables[0]["rows"]
    return rows


def deployed(stage: Stage, node: str) -> Mapping[str, bytes]:
    """What lies in a node's deploy folder now, read from outside."""
    folder = Path(stage.node(node)["deploy_path"])
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


def expected_files(package: Path, now: Mapping[str, bytes]) -> dict[str, File]:
    """What the card must say of each file, worked out from the zip and the server's folder."""
    with zipfile.ZipFile(io.BytesIO(package.read_bytes())) as archive:
        contents = {entry: archive.read(entry) for entry in archive.namelist()}
    return {
        path: File(
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            novelty="신규" if path not in now else "동일" if now[path] == content else "변경",
            handling="동적" if path.endswith((".class", ".properties")) else "정적",
        )
        for path, content in contents.items()
    }
