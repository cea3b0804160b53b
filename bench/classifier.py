"""How good the classifier is on examples it has not seen, and whether its probabilities are true.

Usage: python bench/classifier.py
Cross-validated on ``prompts/examples``: accuracy, Brier score, expected calibration error, how
often it is right above each threshold, the commonest confusions, and the times.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from intents.agreement import ACTS, READS
from intents.linear import LinearModel
from intents.training import HeldOut, fitted_temperature, held_out, probabilities, train
from intents.wording import canonical
from prompts import load_examples


def calibration(held: HeldOut) -> dict[str, float]:
    """Accuracy and the truth of the probabilities: Brier score (0 is best), expected calibration
    error over ten equal bins, and both shares above the threshold at which the bot acts."""
    shares = probabilities(held.scores, fitted_temperature(held))
    rows = np.arange(len(held.right))
    sure, hit = shares.max(axis=1), shares.argmax(axis=1) == held.right
    wanted = np.zeros_like(shares)
    wanted[rows, held.right] = 1.0
    bins = np.minimum((sure * 10).astype(int), 9)
    error = sum(
        (bins == at).mean() * abs(hit[bins == at].mean() - sure[bins == at].mean())
        for at in range(10)
        if (bins == at).any()
    )
    actions = np.array([label.partition("/")[0] for label in held.labels])
    reads = np.array([label in READS for label in held.labels])[shares.argmax(axis=1)]
    acts = (sure >= ACTS) & reads
    return {
        "examples": float(len(rows)),
        "label accuracy": float(hit.mean()),
        "action accuracy": float((actions[shares.argmax(axis=1)] == actions[held.right]).mean()),
        "Brier score": float(((shares - wanted) ** 2).sum(axis=1).mean()),
        "calibration error": float(error),
        f"share of reads at {ACTS}": float(acts.mean()),
        f"right of these at {ACTS}": float(hit[acts].mean()),
    }


def confusions(held: HeldOut) -> list[tuple[tuple[str, str], int]]:
    """(right, guessed) with how often, the commonest first."""
    guessed = held.scores.argmax(axis=1)
    wrong = Counter(
        (held.labels[right], held.labels[guess])
        for right, guess in zip(held.right, guessed, strict=True)
        if right != guess
    )
    return wrong.most_common(12)


def prediction_ms(model: LinearModel, texts: list[str]) -> float:
    """The 95th percentile of one prediction."""
    times = []
    for text in texts:
        started = time.perf_counter()
        model.probabilities(canonical(text))
        times.append((time.perf_counter() - started) * 1000)
    return sorted(times)[int(len(times) * 0.95)]


def main() -> None:
    examples = load_examples()
    started = time.perf_counter()
    model = train(examples, "bench")
    print(f"{'training with calibration':28} {time.perf_counter() - started:.2f} s")
    held = held_out(examples)
    for name, value in calibration(held).items():
        print(f"{name:28} {value:.3f}" if value <= 1 else f"{name:28} {value:.0f}")
    texts = [sentence for sentences in examples.values() for sentence in sentences]
    print(f"{'prediction, p95':28} {prediction_ms(model, texts):.2f} ms")
    for (right, guess), count in confusions(held):
        print(f"  {count:3} × {right} taken for {guess}")


if __name__ == "__main__":
    main()
