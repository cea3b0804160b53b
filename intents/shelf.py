"""Where trained models lie: those that were built with the installation, then a site's own.

Owns: what a model is known by, and when it is read, made and kept. A model is good for exactly
the examples that it was made from. Must not import what is heavy before a model is asked for.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from intents.wording import VERSION

if TYPE_CHECKING:
    from intents.linear import LinearModel

BUILT = Path(sys.prefix) / "share" / "guardia" / "models"  # filled by ``python -m intents.build``
_log = structlog.get_logger(__name__)
Examples = Mapping[str, Sequence[str]]


class Shelf:
    """``kept``: the folder that takes what had to be made; None: nothing is kept."""

    def __init__(self, kept: Path | None = None, *, built: Path = BUILT) -> None:
        self._kept = kept
        self._built = built

    def model(self, name: str, examples: Examples) -> LinearModel:
        """The model of these examples, read where it lies or made now.

        Raises:
            ImportError: what makes or reads it is not installed.
        """
        key = key_of(examples)
        file = f"{name}-{key[:16]}.npz"
        linear = importlib.import_module("intents.linear")
        for folder in (self._built, self._kept):
            found: LinearModel | None = linear.read_model(folder / file, key) if folder else None
            if found is not None:
                return found
        made: LinearModel = importlib.import_module("intents.training").train(examples, key)
        self._keep(made, file)
        return made

    def _keep(self, model: LinearModel, file: str) -> None:
        try:
            if self._kept is not None:
                model.save(self._kept / file)
        except OSError as error:  # it is there all the same, and will be made again next time
            _log.warning("classifier_not_kept", file=file, reason=error.strerror)


def key_of(examples: Examples) -> str:
    """What a model is known by: its examples, and the form in which it sees texts."""
    written = json.dumps(
        [VERSION, {label: list(examples[label]) for label in sorted(examples)}], ensure_ascii=False
    )
    return hashlib.sha256(written.encode()).hexdigest()
