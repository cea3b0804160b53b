"""GUARDiA's reverse agent: installs alone, dials out, runs only operations of its own code."""

__version__ = "0.1.0"
