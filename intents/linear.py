"""A linear classifier over character n-grams as plain arrays: asking it, keeping it, reading it.

Owns: the arithmetic of a prediction and the file format (arrays only: reading a file runs no code
from it). Must not know how the arrays came about: ``training`` makes them.
"""

from __future__ import annotations

import math
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
LONGEST_GRAM = 4


def grams_of(text: str) -> Iterator[str]:
    """Every run of one to four characters, the ends of the text marked."""
    marked = f"^{text}$"
    for length in range(1, LONGEST_GRAM + 1):
        for at in range(len(marked) - length + 1):
            yield marked[at : at + length]


@dataclass(frozen=True, kw_only=True)
class LinearModel:
    """``weights`` has a row per n-gram and a column per label; ``temperature`` is what the scores
    are divided by so that their softmax is a calibrated probability."""

    key: str
    labels: tuple[str, ...]
    grams: tuple[str, ...]
    rarity: Floats  # inverse document frequency of each n-gram
    weights: Floats
    offsets: Floats
    temperature: float

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {gram: row for row, gram in enumerate(self.grams)}

    def probabilities(self, text: str) -> list[tuple[str, float]]:
        """Labels with their probabilities, the most likely first."""
        counted = Counter(
            row for gram in grams_of(text) if (row := self._rows.get(gram)) is not None
        )
        scores = self.offsets.astype(np.float64)
        if counted:
            rows = np.fromiter(counted, dtype=np.intp)
            counts = np.fromiter(counted.values(), dtype=np.float64)
            values = (1.0 + np.log(counts)) * self.rarity[rows]
            scores = scores + (values / math.sqrt(float(values @ values))) @ self.weights[rows]
        heights = np.exp((scores - scores.max()) / self.temperature)
        shares = heights / heights.sum()
        order = np.argsort(-shares, kind="stable")
        return [(self.labels[at], float(shares[at])) for at in order]

    def save(self, file: Path) -> None:
        """Written whole or not at all."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = file.with_suffix(".part")
        with unfinished.open("wb") as stream:
            np.savez(
                stream,
                key=np.array(self.key),
                labels=np.array(self.labels),
                grams=np.array(self.grams),
                rarity=self.rarity,
                weights=self.weights,
                offsets=self.offsets,
                temperature=np.array(self.temperature),
            )
        unfinished.replace(file)


def read_model(file: Path, key: str) -> LinearModel | None:
    """The model of that file; None where there is none, or it is not the one of ``key``."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            model = LinearModel(
                key=str(arrays["key"]),
                labels=tuple(arrays["labels"].tolist()),
                grams=tuple(arrays["grams"].tolist()),
                rarity=arrays["rarity"],
                weights=arrays["weights"],
                offsets=arrays["offsets"],
                temperature=float(arrays["temperature"]),
            )
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None
    shape = (len(model.grams), len(model.labels))
    fits = (model.weights.shape, model.rarity.shape) == (shape, shape[:1])
    return model if fits and model.key == key and model.offsets.shape == shape[1:] else None
