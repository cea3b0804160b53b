"""The latest names of something, so that what comes again costs nothing.

Owns: a bounded set that forgets the oldest. Only a short cut: what it has forgotten is still
recognised where it is durably kept.
"""

from __future__ import annotations

from collections import OrderedDict


class Recent:
    """The last ``size`` names."""

    def __init__(self, size: int) -> None:
        self._names: OrderedDict[str, None] = OrderedDict()
        self._size = size

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        self._names[name] = None
        self._names.move_to_end(name)
        while len(self._names) > self._size:
            self._names.popitem(last=False)
