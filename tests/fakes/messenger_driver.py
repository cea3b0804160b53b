"""How a messenger's people and screens are driven in the shared stories: one driver an adapter.

Owns: the ``Driver`` protocol, what a driver is given (``Parts``), what people of the stories are
called, and what they see (``Seen``). The stories (``tests/contract/adapters/test_stories.py``)
speak only to this; a driver runs the real adapter against its fake service and acts as that
service's users do. ``tests/fakes/web_driver.py`` is the model.

To plug in: write ``tests/fakes/<name>_driver.py`` with a class ``<Name>Driver(Driver)`` that takes
``Parts``, and add its line to ``DRIVERS`` in ``tests/contract/adapters/test_stories.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.domain.conversation import Click
from bot.core.domain.people import ExternalId
from bot.core.messenger_ports import ConsoleLinks
from bot.core.ports import Adapter, Clock, FileStore, Receiver
from bot.core.texts import Texts, load_texts
from cmdb.rules import DEFAULT_RULES
from tests.fakes.codes import MemoryOneTimeCodes
from tests.fakes.engine import PEOPLE, FakeClock
from tests.fakes.estate_stores import MemoryDirectory
from tests.fakes.files import MemoryFileStore
from tests.fakes.messengers import MemoryIdentityLinks, MemoryMessengerMemory
from tests.fakes.stores import MemoryAudit, MemoryJobs

Approve = Callable[[Click, str], Awaitable[None]]
# Who speaks in the stories: ``stranger`` is in the messenger, and nobody here knows them.
VOICES = ("dev", "operator", "leader", "pm", "auditor", "outsider", "stranger")
STRANGER = "stranger"


@dataclass(kw_only=True)
class Parts:
    """What an adapter under test is made from; the stories' world stands on the same."""

    texts: Texts = field(default_factory=lambda: load_texts("ko"))
    clock: Clock = field(default_factory=FakeClock)
    files: FileStore = field(default_factory=MemoryFileStore)
    directory: MemoryDirectory = field(
        default_factory=lambda: MemoryDirectory(PEOPLE, rules=DEFAULT_RULES)
    )
    memory: MemoryMessengerMemory = field(default_factory=MemoryMessengerMemory)
    audit: MemoryAudit = field(default_factory=MemoryAudit)
    jobs: MemoryJobs = field(default_factory=MemoryJobs)
    codes: MemoryOneTimeCodes = field(default_factory=MemoryOneTimeCodes)
    approvals: list[Approve] = field(default_factory=list)  # the story's world, once it is up

    def __post_init__(self) -> None:
        self.links = MemoryIdentityLinks(self.directory)

    async def approve(self, click: Click, code: str) -> None:
        """A yes with a one-time code goes to the story's world."""
        await self.approvals[-1](click, code)


@dataclass(frozen=True, kw_only=True)
class Drop:
    """A file that a person drops."""

    name: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Heard:
    """How the adapter took one event: the status that the service got (200 where there is none)
    and after how many seconds. ``thread``: what to give as ``thread`` to go on in its thread."""

    status: int
    seconds: float
    thread: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One message of the bot as a person sees it now.

    ``message`` is the service's own id. ``text`` is every word of it. ``buttons`` are the labels
    that can be pressed, on the message or behind its links; ``links`` their addresses by label.
    ``files`` are the names with what a person gets who opens them. ``revision`` counts edits from
    1. ``private``: only the viewer has it. ``thread``: as in ``Heard``; "" in the open channel.
    """

    message: str
    text: str
    thread: str = ""
    buttons: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    files: tuple[tuple[str, bytes], ...] = ()
    revision: int = 1
    private: bool = False


class Driver(Protocol):
    """One messenger with its users, on a fake of its service.

    Everything that people do returns when the service has had its acknowledgement. ``by`` and
    ``viewer`` are names from ``VOICES``. What the messenger cannot do is done as its users would:
    without buttons they open the link, sign in and press there; without files they drop them on
    the upload page.
    """

    adapter: Adapter
    grace_s: float | None  # how long the acknowledgement waits for the core; None: to its end
    has_strangers: bool  # whether there can be somebody whom nobody here knows
    has_outages: bool  # whether a service stands behind it that limits and fails
    links: ConsoleLinks | None  # our own pages, where the messenger needs them

    def __init__(self, parts: Parts) -> None: ...

    def identity(self, voice: str) -> ExternalId:
        """How this messenger names that person; the stories map all but the stranger."""

    async def start(self, receive: Receiver) -> None:
        """The service up, the adapter connected and running."""

    async def stop(self) -> None:
        """Both gone; also after a failure half way. ``start`` may follow: the service remembers
        its messages."""

    # --- what people do ----------------------------------------------------------------------

    async def mention(
        self, by: str, text: str, *, files: Sequence[Drop] = (), thread: str = ""
    ) -> Heard:
        """Speak to the bot in the one channel of the stories, or go on in a thread."""

    async def command(self, by: str, name: str, text: str) -> Heard:
        """``/sm …`` or ``/guardia …``; a mention of the same words where there are none."""

    async def press(self, by: str, message: str, label: str) -> Heard:
        """Press what is labelled so on that message, in whatever way this messenger has; also a
        button that the message does not show any more, as a screen that is behind would."""

    async def redeliver(self, times: int) -> None:
        """The latest event ``times`` more times, as the service does when it is unsure."""

    # --- what people see ---------------------------------------------------------------------

    async def seen(self, viewer: str) -> list[Seen]:
        """The bot's messages that this person sees now, oldest first."""

    # --- trouble -----------------------------------------------------------------------------

    def limit_rate(self, times: int, *, retry_after_s: float) -> None:
        """The next ``times`` calls of the bot are refused with 429 and that Retry-After."""

    def fail(self, times: int) -> None:
        """The next ``times`` calls of the bot are answered with a 5xx."""
