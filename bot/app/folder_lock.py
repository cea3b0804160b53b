"""One process at a time on a folder.

Owns: the lock file. The system releases it with the process that held it, however that ends.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType


class FolderBusyError(Exception):
    """Another process works on this folder."""


class FolderLock:
    """Held from entering to leaving.

    Raises:
        FolderBusyError: another process holds it.
    """

    def __init__(self, file: Path) -> None:
        self._path = file

    def __enter__(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise FolderBusyError(str(self._path)) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
