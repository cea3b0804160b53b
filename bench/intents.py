"""How well texts are understood: accuracy per field on a file of expectations.

Usage: python bench/intents.py CASES.jsonl ESTATE_FOLDER [--now ISO] [--verbose]
Each line: {"id", "text", "expect": {...}} and optionally "files" and "thread".
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.core.domain.intent import Utterance
from cmdb.importers.estate import vocabulary_of
from cmdb.importers.estate_csv import read_estate
from intents.answer import describe
from intents.chain import build_parser

TARGET = ("institution", "system", "layer", "nodes", "env")
FIELDS = ("action", *TARGET, "sr", "params", "missing_includes")


def agrees(field: str, expected: object, answer: dict[str, object]) -> bool:
    """Parameters and missing slots must include what is expected; the rest must be equal."""
    if field == "params":
        given = answer["params"]
        assert isinstance(expected, dict)
        assert isinstance(given, dict)
        return all(given.get(name) == value for name, value in expected.items())
    if field == "missing_includes":
        assert isinstance(expected, list)
        missing = answer["missing"]
        assert isinstance(missing, list)
        return set(expected) <= set(missing)
    return answer[field] == expected


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", type=Path)
    parser.add_argument("estate", type=Path)
    parser.add_argument("--now", default="2026-05-23T10:00:00+09:00")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    understand = build_parser()
    vocabulary = vocabulary_of(read_estate(options.estate), None)
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    whole = wrong_targets = 0
    times: list[float] = []
    for line in options.cases.read_text("utf-8").splitlines():
        case = json.loads(line)
        utterance = Utterance(
            text=case["text"],
            now=dt.datetime.fromisoformat(options.now),
            vocabulary=vocabulary,
            files=tuple(case.get("files", ())),
            thread=tuple(case.get("thread", ())),
        )
        started = time.perf_counter()
        answer = describe(await understand.parse(utterance))
        times.append((time.perf_counter() - started) * 1000)
        checked = [field for field in FIELDS if field in case["expect"]]
        bad = [field for field in checked if not agrees(field, case["expect"][field], answer)]
        right.update(set(checked) - set(bad))
        asked.update(checked)
        whole += not bad
        # A wrong target is one that is named and is not the one meant; a gap is only a question.
        wrong = [field for field in TARGET if field in bad and answer[field]]
        wrong_targets += bool(wrong)
        if bad and options.verbose:
            told = {field: answer.get(field, answer["missing"]) for field in bad}
            print(
                f"{case['id']} {case['text']!r}\n   {told} wanted "
                f"{ {field: case['expect'][field] for field in bad} }"
            )
        elif options.verbose:
            print(case["id"], answer["params"], answer["missing"])
    for field in FIELDS:
        print(f"{field:17} {right[field]:4}/{asked[field]}")
    print(f"{'all slots':17} {whole:4}/{len(times)}")
    print(f"{'wrong targets':17} {wrong_targets:4}")
    times.sort()
    print(f"median {times[len(times) // 2]:.1f} ms, slowest {times[-1]:.1f} ms")


if __name__ == "__main__":
    asyncio.run(main())
