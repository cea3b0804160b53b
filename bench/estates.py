"""Estates to measure on: the one of the demo, and the same many times over.

Owns: making a vocabulary of a given number of servers. Must not know what is measured.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from bot.core.domain.estate import Vocabulary

_MARKS = "가나다라마바사아자차카타파하"


def grown(vocabulary: Vocabulary, servers: int) -> Vocabulary:
    """The vocabulary with copies of itself under other institutions, up to that many servers."""
    institutions, systems = list(vocabulary.institutions), list(vocabulary.systems)
    nodes = list(vocabulary.nodes)
    for copy in count():
        if len(nodes) >= servers:
            break
        mark = _MARKS[copy % len(_MARKS)] * (1 + copy // len(_MARKS))
        institutions += [
            replace(row, name=f"{mark}{row.name}", code=f"{row.code}{copy}", aliases=())
            for row in vocabulary.institutions
        ]
        systems += [
            replace(row, institution=f"{mark}{row.institution}", code=f"{row.code}{copy}")
            for row in vocabulary.systems
        ]
        nodes += [
            replace(row, institution=f"{mark}{row.institution}", node_id=f"x{copy}-{row.node_id}")
            for row in vocabulary.nodes
        ]
    return replace(
        vocabulary,
        institutions=tuple(institutions),
        systems=tuple(systems),
        nodes=tuple(nodes[:servers]),
    )


def reread(vocabulary: Vocabulary) -> Vocabulary:
    """The same vocabulary as a database would give it again: equal, and none of its objects."""
    return replace(
        vocabulary,
        institutions=tuple(replace(row) for row in vocabulary.institutions),
        systems=tuple(replace(row) for row in vocabulary.systems),
        nodes=tuple(replace(row) for row in vocabulary.nodes),
    )
