"""What must hold at the end of every bad day, on the servers and in what people are told.

Owns: those checks. Knows no single bad day.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping, Sequence

from bot.core.domain.job import Job
from bot.core.domain.report import Report
from tests.fakes.engine import words_of
from tests.integration.deploy.site import Site
from tests.lab import FtpNode, Lab, LabNode

_ADDRESS = re.compile(r"127\.0\.\d|PRIVATE KEY")


def pictures(count: int, size: int, *, seed: int) -> dict[str, bytes]:
    """That many static files of that size which no compression makes smaller."""
    made = random.Random(seed)
    return {f"img/{number:04}.png": made.randbytes(size) for number in range(count)}


def new_digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """What must lie on a server's disk once these files are there."""
    return {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


def leftovers(lab: Lab) -> list[str]:
    """What an agent left lying about anywhere: staging folders, probes, half files."""
    found = [*lab.root.rglob("*.guardia-*"), *lab.root.rglob("*.part")]
    return [str(path.relative_to(lab.root)) for path in found]


async def require_settled(
    site: Site, lab: Lab, job: Job, *, nodes: Sequence[LabNode | FtpNode] = ()
) -> None:
    """Services serve, nothing is left behind, the system is free, and no address is told."""
    for node in nodes or site.fleet.nodes:
        assert node.service.get("/health")[0] == 200, f"{node.node_id} does not serve"
    if site.fleet.web is not None:
        assert "down" not in site.fleet.nginx.upstream
    assert leftovers(lab) == []
    assert await site.world.jobs.holder(job.plan.wire.lock or "") is None
    require_discreet(site)


def require_discreet(site: Site, *secrets: str) -> None:
    """Nothing that anybody was told names an address, a key or a password."""
    said = site.world.said()
    assert not _ADDRESS.search(said), said
    assert not [secret for secret in secrets if secret in said]


def require_told(said: str | Report, *words: str) -> None:
    """All of these words were told."""
    text = words_of(said) if isinstance(said, Report) else said
    missing = [word for word in words if word not in text]
    assert not missing, f"{missing} in:\n{text}"


def require_same(found: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    """The same files with the same contents; says which differ."""
    differing = {
        path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path)
    }
    assert not differing, sorted(differing)[:10]
