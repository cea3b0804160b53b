"""Adaptive Cards 1.5 as they are documented, for the elements that bots here use.

Owns: which properties and values an element may have
(https://learn.microsoft.com/adaptive-cards/schema-explorer/), what Teams is known to make of some
of them otherwise than documented, and what a person reads and can press.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Card = Mapping[str, Any]

CARD = "application/vnd.microsoft.card.adaptive"

_COLORS = {"default", "dark", "light", "accent", "good", "warning", "attention"}
_ELEMENT = {"type": {}, "id": str, "isVisible": bool, "separator": bool} | {
    "spacing": {"default", "none", "small", "medium", "large", "extraLarge", "padding"},
    "height": {"auto", "stretch"},
}
_STYLES = {"default", "emphasis", "good", "attention", "warning", "accent"}
_ACTION = {"type": {}, "id": str, "title": str, "tooltip": str, "isEnabled": bool} | {
    "mode": {"primary", "secondary"},
    "style": {"default", "positive", "destructive"},
    "fallback": dict,
}
# By type: of each property its kind, or the values that it may have. "*" marks what is required.
_TYPES: Mapping[str, Mapping[str, Any]] = {
    "AdaptiveCard": {"type": {}, "$schema": str, "version": str, "body*": list, "actions": list}
    | {"msteams": dict, "fallbackText": str, "speak": str, "lang": str},
    "RichTextBlock": _ELEMENT | {"inlines*": list},
    "TextRun": {"type": {}, "text*": str, "color": _COLORS, "isSubtle": bool, "italic": bool}
    | {"highlight": bool, "strikethrough": bool, "underline": bool}
    | {"fontType": {"default", "monospace"}, "weight": {"default", "lighter", "bolder"}}
    | {"size": {"default", "small", "medium", "large", "extraLarge"}},
    "Container": _ELEMENT | {"items*": list, "style": _STYLES, "bleed": bool},
    "ColumnSet": _ELEMENT | {"columns": list, "style": _STYLES, "bleed": bool},
    "Column": _ELEMENT | {"items": list, "width": (str, int), "style": _STYLES, "bleed": bool},
    # Whether its first row is a header cannot be said: it is written in two ways, and Teams heeds
    # neither (microsoft/AdaptiveCards#8599). It always is one.
    "Table": _ELEMENT | {"columns": list, "rows": list, "showGridLines": bool},
    "TableRow": {"type": {}, "cells": list, "style": _STYLES},
    "TableCell": {"type": {}, "items*": list, "style": _STYLES, "bleed": bool},
    "Action.Execute": _ACTION | {"verb": str, "data": (str, dict)},
    "Action.Submit": _ACTION | {"data": (str, dict)},
    "Action.OpenUrl": _ACTION | {"url*": str},
    "Action.ShowCard": _ACTION | {"card": dict},
}
_INNER = ("body", "actions", "inlines", "items", "rows", "cells", "card", "fallback")


def fault_of(card: Card) -> str | None:
    """What is not as it is documented; None: nothing."""
    return next(_faults(card), None)


def words_of(card: object) -> list[str]:
    """Every word of a card, in order, that a person can read."""
    if isinstance(card, list):
        return [word for each in card for word in words_of(each)]
    if not isinstance(card, dict):
        return []
    own = [str(card["text"])] if card.get("type") in ("TextRun", "TextBlock") else []
    kept = ("body", "items", "inlines", "rows", "cells", "columns")
    return own + [word for name in kept for word in words_of(card.get(name))]


def actions_of(card: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What can be pressed, by the label that leads there: a card that unfolds is looked into."""
    found: dict[str, dict[str, Any]] = {}
    for action in card.get("actions", ()):
        if action["type"] == "Action.ShowCard":
            found[action["title"]] = next(iter(actions_of(action["card"]).values()))
        else:
            found[action["title"]] = action
    return found


def card_in(activity: Mapping[str, Any]) -> dict[str, Any]:
    """The Adaptive Card of a message; empty where it has none."""
    for each in activity.get("attachments", ()):
        if each["contentType"] == CARD:
            return dict(each["content"])
    return {}


def _faults(element: Card) -> Iterator[str]:
    kind = str(element.get("type"))
    known = _TYPES.get(kind)
    if known is None:
        yield f"an element of type {kind}"
        return
    allowed = {name.removesuffix("*"): value for name, value in known.items()}
    for name in known:
        if name.endswith("*") and name[:-1] not in element:
            yield f"{kind} without {name[:-1]}"
    for name, value in element.items():
        if name not in allowed:
            yield f"{kind}.{name}"
        elif name != "type" and not _fits(value, allowed[name]):
            yield f"{kind}.{name}: {value!r}"
    yield from _inside(kind, element)


def _inside(kind: str, element: Card) -> Iterator[str]:
    for name in _INNER:
        inner = element.get(name, ())
        for each in [inner] if isinstance(inner, Mapping) else inner:
            yield from _faults(each)
    if kind == "ColumnSet":
        for column in element.get("columns", ()):
            yield from _faults(column)
    if kind == "Table":
        wide = len(element.get("columns", ()))
        if any(len(row["cells"]) > wide for row in element.get("rows", ())):
            yield "a row of more cells than the table has columns"


def _fits(value: Any, wanted: Any) -> bool:
    return value in wanted if isinstance(wanted, set) else isinstance(value, wanted)
