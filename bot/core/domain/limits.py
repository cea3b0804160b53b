"""From which value on a reading is a warning, or critical, of one node.

Owns: the limits' names and what they are where nobody has said otherwise. A system or a node of
its own may have others; a plan carries them frozen.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.wire.readings import Threshold

_LOAD = Threshold(warning=80, critical=95)
_MEMORY = Threshold(warning=85, critical=95)
_DISK = Threshold(warning=80, critical=90)
_CERTIFICATE = Threshold(warning=30, critical=7, falling=True)
_QUEUE = Threshold(warning=500, critical=2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Percent, but for ``certificate`` (days left), ``queue`` (messages) and ``stuck_minutes``.

    The numbers of certificate, queue and stuck transactions are the catalogue's of actions.
    """

    cpu: Threshold = _LOAD
    memory: Threshold = _MEMORY
    disk: Threshold = _DISK
    connections: Threshold = _LOAD
    certificate: Threshold = _CERTIFICATE
    queue: Threshold = _QUEUE
    stuck_minutes: int = 10
