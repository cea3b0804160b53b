"""A text file that somebody names on the command line.

Owns: reading it whole, and saying which file cannot be read.
"""

from __future__ import annotations

from pathlib import Path

from bot.core.errors import UserError


def read_lines(file: Path) -> list[str]:
    """Its lines.

    Raises:
        UserError: it is missing, not to be read, or not UTF-8 (``file_unreadable``).
    """
    try:
        return file.read_text("utf-8").splitlines()
    except OSError as error:
        raise UserError("file_unreadable", file=file, problem=error.strerror) from error
    except UnicodeDecodeError as error:
        # Not what it holds: it may carry credentials.
        raise UserError("file_unreadable", file=file, problem="UTF-8") from error
