"""Versioned text that understanding learns from: examples for the classifier, prompts of the model.

Owns: the files beside this module and reading them. Knows nothing of what they are used for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources

_FOLDER = resources.files("prompts")


def read_prompt(name: str) -> str:
    """The text file of that name, as it is.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return _FOLDER.joinpath(name).read_text("utf-8")


def load_examples() -> Mapping[str, tuple[str, ...]]:
    """Label to sentences. A label is an action, or ``action/operation`` where the operation decides
    what is done; "□" stands for the name of an institution or system, "▒" for a quotation.

    Raises:
        ValueError: two files give the same label.
    """
    examples: dict[str, tuple[str, ...]] = {}
    folder = _FOLDER.joinpath("examples")
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".toml"):
            continue
        for label, table in tomllib.loads(file.read_text("utf-8")).items():
            if label in examples:
                raise ValueError(f"{file.name} gives {label} a second time")
            lines = str(table["sentences"]).splitlines()
            examples[label] = tuple(line.strip() for line in lines if line.strip())
    return examples
