"""What the watched files of each node should be, kept on the agent's own disk.

Owns: the form of a baseline, and where and how it is kept: one file a node, mode 0600, replaced
atomically. Text is kept masked: no secret of a server ever rests here. Knows no server.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import AwareDatetime, ValidationError

from agent.wire.types import AbsolutePath, JobId, Sha256, WireModel


class KeptFile(WireModel):
    """One file. ``sha256`` None: it is not to be there. ``lines``: masked, where they may show."""

    sha256: Sha256 | None
    lines: tuple[str, ...] | None = None


class Baseline(WireModel):
    """All watched files of one node, as people approved them."""

    version: int = 1
    recorded: AwareDatetime
    job_id: JobId
    files: dict[AbsolutePath, KeptFile]


class BaselineError(Exception):
    """A baseline could not be kept or read. The message is for the log of the agent."""


@dataclass(frozen=True, slots=True)
class Baselines:
    """The baselines of all nodes, below one folder of the agent's state. Blocks; small files."""

    folder: Path

    def find(self, node_id: str) -> Baseline | None:
        """The node's baseline; None: nobody has recorded one.

        Raises:
            BaselineError: there is one that cannot be read.
        """
        try:
            return Baseline.model_validate_json(self._path(node_id).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise BaselineError(f"{self._path(node_id)}: {error}") from error

    def keep(self, node_id: str, baseline: Baseline) -> None:
        """Replace the node's baseline, atomically and durably.

        Raises:
            BaselineError: it could not be written; the earlier one stands.
        """
        path = self._path(node_id)
        made = path.with_suffix(".new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                os.fchmod(handle, 0o600)
                file.write(baseline.model_dump_json().encode())
                file.flush()
                os.fsync(handle)
            made.replace(path)
        except OSError as error:
            raise BaselineError(f"{path}: {error.strerror}") from error

    def _path(self, node_id: str) -> Path:
        # A node's id has letters, digits, dots and hyphens only, and begins with none of the last.
        return self.folder / f"{node_id}.json"
