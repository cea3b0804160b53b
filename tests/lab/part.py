"""What every part of the lab stands on: a folder, an account and the lab's mark.

Owns: those three, and the order of start and stop. Knows no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.lab.account import Account
from tests.lab.processes import MARK


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where the parts of one lab live. ``root``: the lab's folder, also its mark."""

    root: Path
    account: Account

    @property
    def mark(self) -> dict[str, str]:
        return {MARK: str(self.root)}

    def claim(self, name: str) -> Path:
        """The folder of a new part, not made yet.

        Raises:
            ValueError: another part of this lab has that name.
        """
        path = self.root / name
        if path.exists():
            raise ValueError(f"this lab has {name} already: give another name")
        return path

    def write(self, path: Path, content: str | bytes, *, mode: int = 0o644) -> Path:
        """A file of the account, with its folder."""
        self.account.make_folder(path.parent)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return self.account.own(path)

    def run(
        self,
        arguments: list[str | Path],
        *,
        cwd: Path,
        environment: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        """Exit status and output of a command of the account, marked."""
        return self.account.run(
            arguments, cwd=cwd, environment={**self.mark, **(environment or {})}
        )


class Part:
    """Something that starts and stops; as a context manager it does both."""

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it for good. Fine when it does not run."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
