"""Folders of old logs on the lab's servers, as a site lets them be cleared.

Owns: what is old and where it lies. Must not know what becomes of it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from agent.wire.checks import ListStale
from agent.wire.profile import NodeProfile
from tests.integration.operations.at_node import Watched
from tests.lab import Lab, LabNode

DAY_S = 86_400
ASKED = ListStale(compress_days=30, delete_days=90)
TEXT = b"2026-01-02 10:00:00 INFO the same line again and again\n" * 200


@pytest.fixture(scope="module")
def node(module_lab: Lab) -> LabNode:
    return module_lab.nodes(1, web=False).nodes[0]


@pytest.fixture
def logs(module_lab: Lab) -> Path:
    """A clearable folder of the test's own."""
    folder = Path(tempfile.mkdtemp(dir=module_lab.root))
    folder.chmod(0o755)
    return module_lab.account.own(folder)


@pytest.fixture
def place(module_lab: Lab, node: LabNode, logs: Path) -> Watched:
    return watched(node, logs)


def watched(node: LabNode, folder: Path, **more: Any) -> Watched:
    profile = NodeProfile(clearable=(str(folder),), **more)
    return Watched(access=node.access(profile=profile))


def old(lab: Lab, path: Path, days: float, body: bytes = TEXT) -> Path:
    lab.ground.write(path, body)
    at = time.time() - days * DAY_S
    os.utime(path, (at, at))
    return path
