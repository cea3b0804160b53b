"""GUARDiA's reverse agent: installs alone, dials out, trusts nobody, runs only its own operations."""

__version__ = "0.1.0"
