"""The three ways in which GUARDiA says no.

Owns: the error classes. The wording lives in the catalogues under ``errors.<code>``.
"""

from __future__ import annotations


class GuardiaError(Exception):
    """Base. ``code`` names the sentences; ``values`` fill them."""

    def __init__(self, code: str, /, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = {name: str(value) for name, value in values.items()}


class UserError(GuardiaError):
    """The request cannot be followed as it stands: shown as written, with what to do next."""


class OperationError(GuardiaError):
    """Something beyond the person's reach failed: shown as a summary with the job id."""


class ConfigurationError(GuardiaError):
    """Start-up only: names the file, the key and the fix."""
