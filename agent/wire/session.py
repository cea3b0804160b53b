"""The numbered conversation between bot and agent, without I/O and without a clock.

Owns: numbering, acknowledging, resuming and the heartbeat; both ends drive the same class. A
session outlives its connections: what the other end has not acknowledged waits in the outbox and
is sent again after the next ``attach``. Times are seconds of any one monotonic clock, passed in.

To drive it: ``attach`` once a handshake is done; pass what arrives to ``receive``; after every
call send what ``frames`` returns, and call that again no later than ``beat_due``; close the
connection when ``silent``; then ``detach`` and begin again.
"""

from __future__ import annotations

from collections import deque

from agent.wire.messages import Beat, Envelope, Message

SILENT_BEATS = 3  # so many heartbeats without a word, and the other end is taken for gone


class SessionError(Exception):
    """The other end broke the rules, or cannot resume. The connection must be closed.

    ``code``: ``gap``, ``ack_ahead``, ``resume_impossible`` or ``outbox_full``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Session:
    """One end of a session. Delivers every message once and in order, over any connections."""

    def __init__(self, *, heartbeat_s: float, outbox_limit: int = 512) -> None:
        self.heartbeat_s = heartbeat_s
        self.received = 0  # the last number received from the other end
        self.attached = False
        self._outbox_limit = outbox_limit
        self._outbox: deque[tuple[int, Message]] = deque()
        self._last_sent = 0  # the last number given to a message
        self._acknowledged = 0  # the last of ours that the other end has
        self._queued = 0  # numbers above this one are still to go out on this connection
        self._beat_owed = False
        self._asking = False
        self._heard_at = 0.0
        self._spoke_at = 0.0

    # --- the connection ---

    def can_resume(self, peer_received: int) -> bool:
        """Whether everything the other end has not received is still here."""
        return self._acknowledged <= peer_received <= self._last_sent

    def attach(self, peer_received: int, now: float) -> None:
        """A connection is up; the other end has received our messages up to ``peer_received``.

        Raises:
            SessionError: what it lacks is not here any more (``resume_impossible``).
        """
        if not self.can_resume(peer_received):
            raise SessionError("resume_impossible")
        self._acknowledge(peer_received)
        self._queued = peer_received
        self._heard_at = self._spoke_at = now
        self._beat_owed = self._asking = False
        self.attached = True

    def detach(self) -> None:
        """The connection is gone."""
        self.attached = False

    # --- sending ---

    @property
    def unacknowledged(self) -> int:
        """How many messages wait in the outbox."""
        return len(self._outbox)

    def send(self, message: Message) -> None:
        """Number the message and put it into the outbox.

        Raises:
            SessionError: too many are unacknowledged (``outbox_full``).
        """
        if len(self._outbox) >= self._outbox_limit:
            raise SessionError("outbox_full")
        self._last_sent += 1
        self._outbox.append((self._last_sent, message))

    def ask(self) -> None:
        """Have the other end answer at once, to see whether it is there."""
        self._asking = True

    def frames(self, now: float) -> list[Envelope | Beat]:
        """What is to be sent now. Nothing while detached."""
        if not self.attached:
            return []
        out: list[Envelope | Beat] = [
            Envelope(seq=seq, ack=self.received, message=message)
            for seq, message in self._outbox
            if seq > self._queued
        ]
        self._queued = self._last_sent
        if self._asking or (not out and (self._beat_owed or now >= self.beat_due)):
            out.append(Beat(ack=self.received, ask=self._asking))
        if out:
            self._spoke_at = now
            self._beat_owed = self._asking = False
        return out

    @property
    def beat_due(self) -> float:
        """When the next heartbeat must go out."""
        return self._spoke_at + self.heartbeat_s

    # --- receiving ---

    def receive(self, frame: Envelope | Beat, now: float) -> Message | None:
        """Take one frame. The message, unless it is a duplicate or a heartbeat.

        Raises:
            SessionError: a message is missing before it (``gap``), or it acknowledges what was
                never sent (``ack_ahead``).
        """
        if frame.ack > self._last_sent:
            raise SessionError("ack_ahead")
        self._acknowledge(frame.ack)
        self._heard_at = now
        if isinstance(frame, Beat):
            self._beat_owed = self._beat_owed or frame.ask
            return None
        self._beat_owed = True
        if frame.seq <= self.received:
            return None
        if frame.seq != self.received + 1:
            raise SessionError("gap")
        self.received = frame.seq
        return frame.message

    @property
    def silent_at(self) -> float:
        """When the other end is taken for gone, unless it is heard before."""
        return self._heard_at + SILENT_BEATS * self.heartbeat_s

    def silent(self, now: float) -> bool:
        """Whether the other end has not been heard for too long."""
        return now >= self.silent_at

    @property
    def heard_at(self) -> float:
        """When the other end was last heard."""
        return self._heard_at

    def _acknowledge(self, seq: int) -> None:
        while self._outbox and self._outbox[0][0] <= seq:
            self._outbox.popleft()
        self._acknowledged = max(self._acknowledged, seq)
