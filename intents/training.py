"""Learning the classifier's weights from the examples: the only place that names scikit-learn.

Owns: the estimator, its settings, and how scores are made into calibrated probabilities. The same
examples give the same weights. Imported only where a model has to be made: it is heavy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from intents.linear import LinearModel, grams_of
from intents.wording import canonical

FOLDS = 5
_SEED = 20260523
_COST = 1.0

Scores = npt.NDArray[np.float64]
Columns = npt.NDArray[np.intp]
Grams = list[str]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Scores of each example by a model that has not seen it, and the column that is right."""

    scores: Scores
    right: Columns
    labels: tuple[str, ...]


def train(examples: Mapping[str, Sequence[str]], key: str) -> LinearModel:
    """A model of all examples, calibrated on what models of the other folds say of each."""
    texts, right, labels = _spread(examples)
    temperature = _temperature(_held_out(texts, right, len(labels)), right)
    vectorizer, estimator = _fitted(texts, right)
    return LinearModel(
        key=key,
        labels=labels,
        grams=tuple(map(str, vectorizer.get_feature_names_out())),
        rarity=np.asarray(vectorizer.idf_, dtype=np.float32),
        weights=_both(np.asarray(estimator.coef_.T, dtype=np.float32)),
        offsets=_both(np.asarray(estimator.intercept_, dtype=np.float32)),
        temperature=temperature,
    )


def held_out(examples: Mapping[str, Sequence[str]]) -> HeldOut:
    """What cross-validation is measured on."""
    texts, right, labels = _spread(examples)
    return HeldOut(scores=_held_out(texts, right, len(labels)), right=right, labels=labels)


def probabilities(scores: Scores, temperature: float) -> Scores:
    """Softmax of each row."""
    heights = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    shares: Scores = heights / heights.sum(axis=1, keepdims=True)
    return shares


def fitted_temperature(held: HeldOut) -> float:
    """The temperature at which the right labels are least surprising."""
    return _temperature(held.scores, held.right)


def _spread(examples: Mapping[str, Sequence[str]]) -> tuple[list[Grams], Columns, tuple[str, ...]]:
    labels = tuple(sorted(examples))
    pairs = [
        (list(grams_of(canonical(sentence))), column)
        for column, label in enumerate(labels)
        for sentence in examples[label]
    ]
    return [text for text, _ in pairs], np.array([column for _, column in pairs]), labels


def _fitted(texts: Sequence[Grams], right: Columns) -> tuple[TfidfVectorizer, LinearSVC]:
    vectorizer = TfidfVectorizer(analyzer=list, min_df=2, sublinear_tf=True)
    # Half way to balance: "none" has six times as many examples as others, and must neither win
    # wherever a word is unknown nor lose its talk about changes to the changes.
    sizes = np.bincount(right)
    weights = {label: float((sizes.max() / sizes[label]) ** 0.5) for label in np.unique(right)}
    estimator = LinearSVC(C=_COST, class_weight=weights, random_state=_SEED)
    estimator.fit(vectorizer.fit_transform(texts), right)
    return vectorizer, estimator


def _held_out(texts: Sequence[Grams], right: Columns, labels: int) -> Scores:
    scores = np.zeros((len(texts), labels))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=_SEED)
    for seen, unseen in folds.split(np.zeros(len(texts)), right):
        vectorizer, estimator = _fitted([texts[row] for row in seen], right[seen])
        found = estimator.decision_function(vectorizer.transform([texts[row] for row in unseen]))
        scores[np.ix_(unseen, estimator.classes_)] = _both(found.reshape(len(unseen), -1))
    return scores


def _both(columns: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of two labels the estimator scores the second only; the first is its opposite."""
    if columns.shape[-1] != 1:
        return columns
    return np.concatenate([-columns, columns], axis=-1)


def _temperature(scores: Scores, right: Columns) -> float:
    rows = np.arange(len(right))
    candidates = np.geomspace(0.02, 2.0, 80)
    surprise = [-np.log(probabilities(scores, at)[rows, right] + 1e-12).mean() for at in candidates]
    return float(candidates[int(np.argmin(surprise))])
