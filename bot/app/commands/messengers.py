"""The page that says which messenger can do what, and what stands in for the rest.

Owns: making ``docs/messengers.md`` from the adapters' capabilities and the one table. A test
holds the page to the code.
"""

from __future__ import annotations

from importlib import resources
from string import Template

from adapters.web.adapter import WebAdapter
from bot.app.adapters import MESSENGERS
from bot.core.degradation import TABLE
from bot.core.ports import Capabilities
from bot.core.texts import Texts

_NAMES = {"web": "Web room", "slack": "Slack", "teams": "Teams", "jandi": "Jandi"}
_BY = {
    "report": "the core, in the report itself",
    "outbound": "the core, where it is sent",
    "adapter": "the messenger's own place for it",
    "pipeline": "the core, before anything is planned",
}


def capabilities() -> dict[str, Capabilities]:
    """Every adapter's, our own room's first."""
    others = {each.name: each.load().capabilities for each in MESSENGERS}
    return {WebAdapter.name: WebAdapter.capabilities, **others}


def messengers_page(texts: Texts) -> str:
    """The page, in Markdown."""
    known = capabilities()
    frame = resources.files("bot.app.commands").joinpath("messengers_page.md").read_text("utf-8")
    tables = {"matrix": _matrix(known, texts), "instead": _instead(known, texts)}
    return Template(frame).substitute({name: "\n".join(rows) for name, rows in tables.items()})


def _matrix(known: dict[str, Capabilities], texts: Texts) -> list[str]:
    heads = [_NAMES.get(name, name) for name in known]
    rows = [f"| | {' | '.join(heads)} |", f"|---|{'---|' * len(heads)}"]
    for capability in TABLE:
        marks = ["yes" if getattr(each, capability) else "–" for each in known.values()]
        rows.append(f"| {texts.say(f'messengers.has.{capability}')} | {' | '.join(marks)} |")
    paces = [f"{each.pace_s:g} s" if each.pace_s else "–" for each in known.values()]
    rows.append(f"| Least time between two calls about one channel | {' | '.join(paces)} |")
    return rows


def _instead(known: dict[str, Capabilities], texts: Texts) -> list[str]:
    rows = ["| Without | Instead | Done by | Where |", "|---|---|---|---|"]
    for capability, row in TABLE.items():
        lacking = [
            _NAMES.get(name, name) for name, each in known.items() if not getattr(each, capability)
        ]
        cells = [
            texts.say(f"messengers.has.{capability}"),
            texts.say(f"messengers.without.{capability}"),
            _BY[row.by],
            ", ".join(lacking) or "nowhere",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows
