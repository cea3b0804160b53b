"""The page that says which messenger can do what, and what stands in for the rest.

Owns: making ``docs/messengers.md`` from the adapters' capabilities and the one table. A test
holds the page to the code.
"""

from __future__ import annotations

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
    others = {each.name: each.capabilities for each in MESSENGERS}
    return {WebAdapter.name: WebAdapter.capabilities, **others}


def messengers_page(texts: Texts) -> str:
    """The page, in Markdown."""
    known = capabilities()
    return "\n".join(
        [
            "# Messengers",
            "",
            "<!-- Made by `guardia messengers > docs/messengers.md`; a test holds it to the code. -->",
            "",
            "One core, an adapter per messenger. Each adapter says what its messenger can do; what it",
            "cannot is degraded by one table (`bot/core/degradation.py`), never by the adapter itself.",
            "",
            *_matrix(known, texts),
            "",
            "## What stands in for what is lacking",
            "",
            *_instead(known, texts),
            "",
            *_PROMISES,
            "",
        ]
    )


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


_PROMISES = """\
## What holds everywhere

- **Order.** What is said in a conversation (a thread, or the open channel) goes out one after
  another, posts and edits alike. A conversation that hangs holds no other.
- **Limits.** A service that answers 429 with `Retry-After` is left alone for so long, the whole
  channel with it; then the same call is made again. Progress that comes meanwhile is merged into
  one edit. Without a word of when to come again a call is tried three times.
- **The end is told.** The final report is a durable step. Where the messenger stays away, telling
  goes on beside the runs, every ten minutes for a week, over restarts, and holds up no other job.
- **Once.** A report is posted once per key, an event is taken once per id, over restarts. One gap
  is left on purpose: if the process dies between the service's answer and its note of it, that one
  message can appear twice. It is never lost instead.
- **Who.** A person is (messenger, tenant, immutable id); display names are never read. Somebody
  unknown has no rights and is told how to be known: sign in at `/me`, get a code, say
  `연결 CODE` or `link CODE` to the bot. A code works once, for ten minutes.

See [Slack](slack.md), [Teams](teams.md), [Jandi](jandi.md) and the [web room's API](web-api.md).""".split(
    "\n"
)
