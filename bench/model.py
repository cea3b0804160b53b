"""How fast a GGUF answers on this machine: loading, reading the prompt, and each question.

Usage: python bench/model.py MODEL.gguf [--threads 1] [--examples 12] [--context 4096]
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from intents.fewshot import load_prompt
from intents.grammar import read_answer
from intents.llama import LlamaModel, LlamaOptions

TEXTS = (
    "홈택스 운영 와스 한번 껐다 켜줘",
    "디스크 얼마나 남았는지 봐줄래",
    "어제 재기동했더니 괜찮네요",
    "로그에서 ORA-00060 찾아줘",
    "build-hometax 파이프라인 돌려줘",
    "점심 뭐 먹지",
    "SR-2026-0401 반영 부탁드립니다",
    "접속 절차가 어떻게 되나요",
)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--examples", type=int, default=12)
    parser.add_argument("--context", type=int, default=4096)
    given = parser.parse_args()
    prompt = load_prompt(given.examples)
    options = LlamaOptions(file=given.model, threads=given.threads, context=given.context)
    model = LlamaModel(options)
    began = time.perf_counter()
    await model.start(prompt)
    print(f"load, and read the static part: {time.perf_counter() - began:.2f} s")
    times, valid = [], 0
    for text in TEXTS:
        began = time.perf_counter()
        answer = await model.complete(prompt.asking(text), attempt=0)
        times.append(time.perf_counter() - began)
        valid += read_answer(answer) is not None
        print(f"{times[-1]:6.2f} s  {text}  ->  {answer}")
    print(f"{valid}/{len(TEXTS)} valid")
    print(f"median {statistics.median(times):.2f} s, max {max(times):.2f} s")
    began = time.perf_counter()
    await model.complete(prompt.asking(TEXTS[0])[1:], attempt=0)
    print(f"without the cached prefix: {time.perf_counter() - began:.2f} s")
    await model.close()


if __name__ == "__main__":
    asyncio.run(main())
