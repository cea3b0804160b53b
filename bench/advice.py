"""How often overheard talk is taken for trouble, and how much trouble is found.

Usage: python bench/advice.py [--verbose]
Two sets: the lines that the classifier learns from, each judged by one that has not seen it (five
folds), and ``tests/cases/advice/unseen.toml``, which nothing was made from. Sources: patterns
alone; patterns and classifier, as a bot without a model; and with a model that always agrees,
which is the worst that a model can do to the number of false cards.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.core.domain.intent import NONE
from intents.advise import SymptomAdviser
from intents.incidents import IncidentClassifier, written_lines

FOLDS = 5
UNSEEN = Path(__file__).parent.parent / "tests" / "cases" / "advice" / "unseen.toml"
Lines = Mapping[str, Sequence[str]]


class Agreeing:
    """A model that sees trouble everywhere."""

    async def topic(self, line: str) -> str | None:
        return "unreachable"


class Count:
    """Of one source over one set."""

    def __init__(self) -> None:
        self.quiet = self.false = self.trouble = self.found = 0
        self.wrong: list[str] = []
        self.seconds: list[float] = []

    async def add(self, adviser: SymptomAdviser, lines: Lines) -> None:
        for label, texts in lines.items():
            for text in texts:
                began = time.perf_counter()
                offered = await adviser.advise([text]) is not None
                self.seconds.append(time.perf_counter() - began)
                if label == NONE:
                    self.quiet, self.false = self.quiet + 1, self.false + offered
                    self.wrong += [text] if offered else []
                else:
                    self.trouble, self.found = self.trouble + 1, self.found + offered

    def shown(self, name: str) -> str:
        p95 = sorted(self.seconds)[int(len(self.seconds) * 0.95)] * 1000
        share = 1000 * self.false / self.quiet
        return (
            f"  {name:22} false cards {self.false}/{self.quiet} = {share:.1f} per 1,000 lines;"
            f" found {self.found}/{self.trouble}; p95 {p95:.1f} ms"
        )


async def sources(lines: Lines) -> dict[str, SymptomAdviser]:
    classifier = IncidentClassifier(lines=lines)
    await classifier.warm()
    return {
        "patterns": SymptomAdviser(),
        "and classifier": SymptomAdviser(classifier=classifier),
        "and an agreeing model": SymptomAdviser(classifier=classifier, opinion=Agreeing()),
    }


async def measured(folds: Sequence[tuple[Lines, Lines]]) -> dict[str, Count]:
    counts: dict[str, Count] = {}
    for learnt, judged in folds:
        for name, adviser in (await sources(learnt)).items():
            await counts.setdefault(name, Count()).add(adviser, judged)
    return counts


def folded(lines: Lines) -> list[tuple[Lines, Lines]]:
    return [
        (
            {
                label: [one for at, one in enumerate(texts) if at % FOLDS != fold]
                for label, texts in lines.items()
            },
            {label: texts[fold::FOLDS] for label, texts in lines.items()},
        )
        for fold in range(FOLDS)
    ]


def unseen() -> Lines:
    tables = tomllib.loads(UNSEEN.read_text("utf-8"))
    read = {name: table["lines"].strip().splitlines() for name, table in tables.items()}
    return {NONE: read["quiet"], "trouble": read["trouble"]}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verbose", action="store_true", help="list the false cards")
    given = parser.parse_args()
    lines = written_lines()
    for title, folds in (
        ("examples, each by a classifier that has not seen it", folded(lines)),
        ("unseen.toml", [(lines, unseen())]),
    ):
        print(title)
        for name, count in (await measured(folds)).items():
            print(count.shown(name))
            if given.verbose:
                print("".join(f"      {text}\n" for text in count.wrong), end="")


if __name__ == "__main__":
    asyncio.run(main())
