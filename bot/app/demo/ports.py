"""The ports of the demo: chosen once, kept over restarts as long as they are free.

Owns: the file that remembers them. Must not know what listens on a port.
"""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path

from bot.app.demo.nodes import LOOPBACK

# Below the range from which Linux takes the ports of outgoing connections (32768 and up).
_RANGE = range(20000, 30000)


class PortBook:
    """Named ports in a file. ``keep`` is for a port that one of our own processes holds."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._ports: dict[str, int] = json.loads(file.read_text("utf-8")) if file.exists() else {}

    def take(self, name: str, *, keep: bool = False) -> int:
        """The port of that name: the remembered one when it is free or ours, else a new one."""
        port = self._ports.get(name)
        if port is None or not (keep or is_free(port)):
            port = self._choose()
        self._ports[name] = port
        return port

    def save(self) -> None:
        """Remember all ports. The file is replaced in one go."""
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self._ports, indent=2) + "\n", "utf-8")
        draft.replace(self._file)

    def _choose(self) -> int:
        taken = set(self._ports.values())
        for port in random.sample(_RANGE, len(_RANGE)):
            if port not in taken and is_free(port):
                return port
        raise OSError("no free port between 20000 and 29999")


def is_free(port: int) -> bool:
    """Whether this port can be listened on at loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
