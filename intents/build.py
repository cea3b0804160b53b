"""``python -m intents.build``: train the classifiers once, with the installation.

Owns: that everything which would be trained at a first start lies on the shelf before it.
"""

from __future__ import annotations

import asyncio

from intents.classifier import Classifier
from intents.incidents import IncidentClassifier
from intents.shelf import BUILT


async def build() -> bool:
    """Whether all of them are there."""
    BUILT.mkdir(parents=True, exist_ok=True)  # whoever runs the bot reads it, whoever built it
    return all([await Classifier(cache=BUILT).warm(), await IncidentClassifier(cache=BUILT).warm()])


if __name__ == "__main__":
    raise SystemExit(not asyncio.run(build()))
