"""The steps of a rolling plan in words, as far as verbs share them.

Owns: the sentences about order, balancers, health and watching. Pure; must not know any one verb.
"""

from __future__ import annotations

from collections.abc import Sequence

from actions.nodes import Seat, has_shell, listed, note, wire_of
from bot.core.domain.estate import Node
from bot.core.domain.plan import Note


def order_note(batches: Sequence[Sequence[Node]]) -> Note:
    """In which order, and how many at once."""
    names = listed([node.node_id for batch in batches for node in batch])
    sizes = [len(batch) for batch in batches]
    if max(sizes) == 1:
        return note("outline.rolling", nodes=names)
    return note("outline.batches", sizes=" → ".join(map(str, sizes)), nodes=names)


def helpers_of(seats: dict[str, tuple[Seat, ...]]) -> str:
    """The balancers that these seats stand behind, for one sentence."""
    places = {
        f"L4 {seat.device}" if seat.device else seat.helper
        for row in seats.values()
        for seat in row
    }
    return listed(sorted(places))


def health_notes(nodes: Sequence[Node]) -> list[Note]:
    """How a start is proved."""
    signs = sorted({wire_of(node).service.log_success or "" for node in nodes if has_shell(node)})
    found = [sign for sign in signs if sign]
    return [
        note("outline.health_log"),
        *([note("outline.log_success", words=", ".join(found))] if found else []),
    ]


def watch_notes(nodes: Sequence[Node], *, judges_log: bool = False) -> list[Note]:
    """How long a node is watched after it is back, and whether its log may turn it back."""
    seconds = max((wire_of(node).service.watch_s for node in nodes), default=0)
    key = "outline.watch_log" if judges_log else "outline.watch"
    return [note(key, seconds=seconds)] if seconds else []
