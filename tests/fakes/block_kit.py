"""Block Kit as Slack takes it: its limits, and what a person reads and can press.

Owns: the limits that Slack documents (docs.slack.dev/reference/block-kit) and the one that it
does not (``msg_blocks_too_long``: slackapi/bolt-js, issues 2509 and 2867).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Block = Mapping[str, Any]

_MESSAGE = 13_000
_RICH = {"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"}
_STYLES = {"bold", "italic", "strike", "code"}


def fault_of(blocks: Sequence[Block]) -> str | None:
    """The error that Slack would answer with, and why."""
    if len(json.dumps(blocks, ensure_ascii=False)) > _MESSAGE:
        return "msg_blocks_too_long"
    if len(blocks) > 50:
        return f"invalid_blocks: {len(blocks)} blocks"
    for block in blocks:
        fault = _block(block)
        if fault:
            return f"invalid_blocks: {fault}"
    return None


def words_of(blocks: Sequence[Block]) -> str:
    """Every word that is on the screen, confirmations of buttons included."""
    return "\n".join(" ".join(_words(block)) for block in blocks)


def buttons_of(blocks: Sequence[Block]) -> list[Block]:
    """The buttons, in order."""
    return [e for block in blocks if block["type"] == "actions" for e in block["elements"]]


def links_of(blocks: Sequence[Block]) -> dict[str, str]:
    """Addresses by what is written on them."""
    return {e["text"]: e["url"] for e in _leaves(blocks) if e.get("type") == "link"}


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("text"), str):
            yield value["text"]
        if value.get("type") == "user":
            yield f"@{value['user_id']}"
        for inner in value.values():
            if isinstance(inner, Mapping | list):
                yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


def _leaves(value: Any) -> Iterator[Block]:
    if isinstance(value, Mapping):
        yield value
        for inner in value.values():
            yield from _leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner)


def _block(block: Block) -> str | None:
    check = _CHECKS.get(block.get("type", ""))
    return f"a block of type {block.get('type')}" if check is None else check(block)


def _section(block: Block) -> str | None:
    return _object(block.get("text"), 3000)


def _header(block: Block) -> str | None:
    return _object(block.get("text"), 150, plain_only=True)


def _context(block: Block) -> str | None:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 10:
        return f"{len(elements)} elements in a context"
    return _first(_object(element, 2000) for element in elements)


def _object(text: Any, limit: int, *, plain_only: bool = False) -> str | None:
    if not isinstance(text, Mapping) or text.get("type") not in ("plain_text", "mrkdwn"):
        return "no text object"
    if plain_only and text["type"] != "plain_text":
        return "a header is plain text"
    if not 1 <= len(text.get("text", "")) <= limit:
        return f"{len(text.get('text', ''))} characters of {limit}"
    return None


def _actions(block: Block) -> str | None:
    elements = block.get("elements", [])
    if not 1 <= len(elements) <= 25:
        return f"{len(elements)} elements in an actions block"
    ids = [element.get("action_id") for element in elements]
    if len(set(ids)) != len(ids) or any(not i or len(i) > 255 for i in ids):
        return "action ids"
    return _first(_button(element) for element in elements)


def _button(button: Block) -> str | None:
    if button.get("type") != "button":
        return f"an element of type {button.get('type')}"
    if len(button.get("value", "x")) > 2000 or button.get("value") == "":
        return "a value"
    if button.get("style", "primary") not in ("primary", "danger"):
        return f"a style {button['style']}"
    return _object(button.get("text"), 75, plain_only=True) or _confirm(button.get("confirm"))


def _confirm(confirm: Block | None) -> str | None:
    if confirm is None:
        return None
    limits = {"title": 100, "text": 300, "confirm": 30, "deny": 30}
    return _first(_object(confirm.get(key), limit) for key, limit in limits.items())


def _rich(block: Block) -> str | None:
    if not block.get("elements"):
        return "an empty rich text"
    length = 0
    for element in block["elements"]:
        if element.get("type") not in _RICH or not element.get("elements"):
            return f"a rich text element {element.get('type')}"
        for leaf in element["elements"]:
            fault = _leaf(leaf)
            if fault:
                return fault
            length += len(leaf.get("text", ""))
    return None if length <= 3000 else f"{length} characters of rich text"


def _leaf(leaf: Block) -> str | None:
    if leaf.get("type") not in ("text", "link", "user", "emoji"):
        return f"a rich text leaf {leaf.get('type')}"
    if leaf["type"] in ("text", "link") and not leaf.get("text"):
        return "an empty text"
    if set(leaf.get("style", {})) - _STYLES:
        return "a style"
    if leaf["type"] == "link" and not leaf["url"].startswith(("http://", "https://")):
        return "an address"
    return None


def _first(faults: Iterator[str | None]) -> str | None:
    return next((fault for fault in faults if fault), None)


_CHECKS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "rich_text": _rich,
}
