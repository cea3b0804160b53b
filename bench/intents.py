"""How well texts are understood: per source, on files of expectations.

Usage: python bench/intents.py [CASES.jsonl …] [--estate FOLDER] [--sources rules,chain] [--verbose]
A line of intents: {"id", "text", "expect": {…}} and optionally "files" and "thread"; a line of
guides: {"query", "guide"}. Sources: rules alone; the classifier alone (slots by code); the chain
of both as the bot uses it. The local model is measured by ``bench/model.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.estates import grown, reread
from bench.scoring import Tally, percentile, score
from bot.core.domain.estate import Vocabulary
from bot.core.domain.intent import Clarification, Intent, Selector, Utterance
from bot.core.texts import load_texts
from cmdb.importers.estate import Estate, vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.answer import describe
from intents.chain import build_parser
from intents.classifier import Classifier
from intents.guides import GuideFinder
from intents.rules import RuleParser

Understood = Intent | Clarification | None
Understand = Callable[[Utterance], Awaitable[Understood]]
TOP = 3
ROOT = Path(__file__).parent.parent


def sources() -> Mapping[str, Understand]:
    """Every way of understanding that needs no model."""
    rules, classifier = RuleParser(load_texts("ko")), Classifier()

    async def by_classifier(utterance: Utterance) -> Understood:
        guess = await classifier.propose(utterance)
        return None if guess is None else rules.intent_for(guess.action, utterance)

    return {
        "rules": rules.parse,
        "classifier": by_classifier,
        "chain": build_parser(classifier=classifier).parse,
    }


async def measured(
    understand: Understand,
    cases: list[dict[str, Any]],
    vocabulary: Vocabulary,
    now: dt.datetime,
    *,
    anew: bool = False,
) -> Tally:
    """The scores; what is built at the first message of all is not part of the times.

    ``anew``: every message brings a vocabulary of its own, equal and not the same object.
    """
    tally = Tally()
    await understand(Utterance(text="홈택스 상태", now=now, vocabulary=vocabulary))
    for case in cases:
        utterance = Utterance(
            text=case["text"],
            now=now,
            vocabulary=reread(vocabulary) if anew else vocabulary,
            files=tuple(case.get("files", ())),
            thread=tuple(case.get("thread", ())),
        )
        started = time.perf_counter()
        understood = await understand(utterance)
        spent = (time.perf_counter() - started) * 1000
        asked = isinstance(understood, Clarification) or bool(
            understood is not None and understood.missing
        )
        tally.scores.append(
            score(case["id"], case["expect"], describe(understood), asked=asked, milliseconds=spent)
        )
    return tally


def told(name: str, tally: Tally, cases: list[dict[str, Any]], *, verbose: bool) -> None:
    """Print one source's figures on one file."""
    print(
        f"  {name:10} intents {tally.intents:5.1f} %  slot F1 {tally.slot_f1:5.1f} %"
        f"  fully right {tally.whole:5.1f} %  wrong targets {len(tally.wrong_targets)}"
        f"  asked back {tally.asked:4.1f} %"
        f"  p50 {tally.latency(50):.1f} ms  p95 {tally.latency(95):.1f} ms"
    )
    for (expected, got), number in tally.confusions:
        print(f"      {number} × {expected} taken for {got}")
    texts = {case["id"]: case["text"] for case in cases}
    for row in tally.scores:
        if row.bad and (verbose or row.wrong_target):
            mark = "WRONG TARGET" if row.wrong_target else "not right"
            print(f"      {row.case} {mark} {', '.join(row.bad)}: {texts[row.case]!r}")


def guides(cases: list[dict[str, str]], estate: Estate, vocabulary: Vocabulary) -> None:
    """Print how often the right guide is among the first."""
    finder, right, times, lost = GuideFinder(), 0, [], []
    for case in cases:
        started = time.perf_counter()
        found = finder.search(
            case["query"], estate.guides or (), vocabulary=vocabulary, about=Selector()
        )
        times.append((time.perf_counter() - started) * 1000)
        hit = case["guide"] in [row.guide.guide_id for row in found.passages[:TOP]]
        right += hit
        lost += [] if hit else [case["query"]]
    print(
        f"  guides     right one among the first {TOP}: {right}/{len(cases)}"
        f"  p50 {percentile(times, 50):.1f} ms  p95 {percentile(times, 95):.1f} ms"
    )
    for query in lost:
        print(f"      not found: {query!r}")


async def latencies(cases: list[dict[str, Any]], vocabulary: Vocabulary, now: dt.datetime) -> None:
    """Print how the size of the estate changes the time."""
    for size in (len(vocabulary.nodes), 10_000):
        estate = grown(vocabulary, size)
        for name, understand in sources().items():
            tally = await measured(understand, cases, estate, now)
            again = await measured(understand, cases, estate, now, anew=True)
            print(
                f"  {size:6} servers {name:10} p50 {tally.latency(50):.1f} ms"
                f"  p95 {tally.latency(95):.1f} ms"
                f"  (read anew each time: p95 {again.latency(95):.1f} ms)"
            )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = [ROOT / "tests/cases/intents/styles.jsonl"]
    parser.add_argument("cases", type=Path, nargs="*", default=default)
    parser.add_argument("--estate", type=Path, default=ROOT / "bot/app/demo/data")
    parser.add_argument("--now", default="2026-05-23T10:00:00+09:00")
    parser.add_argument("--sources", default="rules,classifier,chain")
    parser.add_argument("--no-sizes", action="store_true", help="leave the large estate out")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    now = dt.datetime.fromisoformat(options.now)
    estate = read_estate(options.estate)
    vocabulary = vocabulary_of(estate, None)
    known = sources()
    texts: list[dict[str, Any]] = []
    for file in options.cases:
        cases = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line]
        print(f"{file.name}: {len(cases)} cases")
        if "query" in cases[0]:
            guides(cases, estate, vocabulary)
            continue
        texts += cases
        for name in options.sources.split(","):
            tally = await measured(known[name], cases, vocabulary, now)
            told(name, tally, cases, verbose=options.verbose)
    if texts and not options.no_sizes:
        print("latency by size of the estate")
        await latencies(texts, vocabulary, now)


if __name__ == "__main__":
    asyncio.run(main())
