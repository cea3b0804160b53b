"""Versioned text that understanding learns from: examples for the classifier, prompts of the model.

Owns: the files beside this module and reading them. Knows nothing of what they are used for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

_FOLDER = resources.files("prompts")


def read_prompt(name: str) -> str:
    """The text file of that name, as it is.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return _FOLDER.joinpath(name).read_text("utf-8")


# Said of any layer, so that a layer's name says nothing of what is wanted.
_LAYERS = ("", "was", "", "db", "", "web", "", "db 서버", "", "와스")
_SAID = 5  # endings that an object is said with, unless its form tells another number


def load_examples() -> Mapping[str, tuple[str, ...]]:
    """Label to sentences, those that were written and then those of the forms. A label is an
    action, or ``action/operation`` where the operation decides what is done; "□" stands for the
    name of an institution or system, "▒" for a quotation. No sentence stands twice.

    Raises:
        ValueError: two files give the same label.
    """
    examples = dict(load_sentences())
    taken = {sentence for sentences in examples.values() for sentence in sentences}
    for label, sentence in _formed(tomllib.loads(read_prompt("forms.toml"))):
        if sentence not in taken:
            taken.add(sentence)
            examples[label] = (*examples.get(label, ()), sentence)
    return examples


def load_sentences() -> Mapping[str, tuple[str, ...]]:
    """Label to the sentences that were written one by one, without those of the forms.

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


def _formed(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every object of every form with some endings of its shape, spread over them evenly."""
    for form in data["form"]:
        objects = form["objects"].split("|")
        endings = (form.get("endings") or data["shapes"][form["shape"]]).split("|")
        many = min(int(form.get("many", _SAID)), len(endings))
        step = max(1, len(endings) // many)
        for at, named in enumerate(objects):
            for count in range(many):
                ending = endings[(at * 7 + count * step) % len(endings)]
                layer = _LAYERS[(at + count) % len(_LAYERS)] if form.get("layers") else ""
                placed = named.replace("□", f"□ {layer}", 1)
                yield form["label"], " ".join(f"{placed}{ending}".split())
