"""Kill the writer at any moment: what it was told is there, and the chain goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cmdb.audit import ChainedAuditLog, verify_audit

WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from bot.core.domain.audit import AuditEvent, AuditKind
from cmdb.audit import ChainedAuditLog
from cmdb.engine import open_engine

async def main(url, folder, round_):
    engine = open_engine(url)
    log = await ChainedAuditLog.open(
        engine, jsonl=folder / "audit.jsonl", key=folder / "key", anchor=folder / "anchor"
    )
    for number in range(100_000):
        name = f"{round_}-{number}"
        now = datetime.now(UTC)
        await log.append(AuditEvent(kind=AuditKind.STATE, at=now, actor="bot", subject=name))
        print(name, flush=True)

asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
"""


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_a_killed_writer_loses_nothing_it_was_told(engine, backend_url, tmp_path) -> None:
    folder = tmp_path / "audit"
    places = {
        "jsonl": folder / "audit.jsonl",
        "key": folder / "key",
        "anchor": folder / "anchor",
    }
    told: list[str] = []
    for round_ in range(5):
        told += kill_after(3 + 7 * round_, backend_url, folder, round_)
        await ChainedAuditLog.open(engine, **places)
        assert await verify_audit(engine, **places) == ()
    lines = places["jsonl"].read_text("utf-8").splitlines()
    subjects = [json.loads(line)["subject"] for line in lines]
    assert set(told) <= set(subjects)
    assert len(subjects) == len(set(subjects))


def kill_after(count: int, url: str, folder: Path, round_: int) -> list[str]:
    """Start the writer, read so many acknowledgements, kill it in whatever it is doing."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(folder), str(round_)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert writer.stdout is not None
    try:
        read = [writer.stdout.readline().strip() for _ in range(count)]
    finally:
        writer.kill()
    rest, _ = writer.communicate(timeout=60)
    # A line that the kill cut short is no acknowledgement.
    whole = rest.splitlines(keepends=True)
    return read + [line.strip() for line in whole if line.endswith("\n")]
