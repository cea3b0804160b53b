"""MacroStore: the same on every implementation."""

from __future__ import annotations

import pytest

from bot.core.check_ports import Macro, MacroOwner, MacroStore
from bot.core.domain.conversation import ConversationRef
from bot.core.macros import MOST_MACROS
from cmdb.macros import SqlMacroStore
from tests.fakes.jobs import NOW
from tests.fakes.macros import MemoryMacros

ROOM = ConversationRef(adapter="web", channel="ops", thread="t1")
OTHER_ROOM = ConversationRef(adapter="slack", channel="ops")


@pytest.fixture
def macros(backend_engine) -> MacroStore:
    return MemoryMacros() if backend_engine is None else SqlMacroStore(backend_engine)


def macro(name: str, *, of: str = "u010", macro_id: str = "", command: str = "backup_db") -> Macro:
    owner = MacroOwner.ROOM if ":" in of else MacroOwner.PERSON
    return Macro(
        macro_id=macro_id or f"{of}-{name}",
        name=name,
        command=command,
        owner=owner,
        owner_key=of,
        made_by="u010",
        made_at=NOW,
    )


async def test_a_person_sees_their_own_then_the_rooms_by_name(macros) -> None:
    for one in (
        macro("하", of="web:ops"),
        macro("나"),
        macro("가", of="web:ops"),
        macro("가"),
        macro("다", of="u011"),
        macro("라", of="slack:ops"),
    ):
        assert await macros.keep(one)
    seen = await macros.of("u010", ROOM)
    assert [(one.name, one.owner.value) for one in seen] == [
        ("가", "person"),
        ("나", "person"),
        ("가", "room"),
        ("하", "room"),
    ]
    assert [one.name for one in await macros.of("u012", OTHER_ROOM)] == ["라"]


async def test_the_same_owner_and_name_is_replaced_whatever_its_case(macros) -> None:
    await macros.keep(macro("Night", macro_id="m1", command="backup_db 예산"))
    await macros.keep(macro("night", macro_id="m2", command="check_disk_space 예산"))
    (kept,) = await macros.of("u010", ROOM)
    assert (kept.name, kept.command, kept.macro_id) == ("night", "check_disk_space 예산", "m2")
    assert await macros.find("m1") is None


async def test_what_is_kept_comes_back_as_it_was(macros) -> None:
    kept = macro("야간점검", macro_id="m1", command='collect_target_logs pattern="a \\"b\\""')
    await macros.keep(kept)
    assert await macros.find("m1") == kept
    assert await macros.find("m2") is None


async def test_an_owner_keeps_only_so_many_and_may_still_replace(macros) -> None:
    for number in range(MOST_MACROS):
        assert await macros.keep(macro(f"작업{number}"))
    assert not await macros.keep(macro("하나 더"))
    assert await macros.keep(macro("작업0", macro_id="new"))
    assert await macros.keep(macro("하나 더", of="u011"))
    assert len(await macros.of("u010", ROOM)) == MOST_MACROS


async def test_it_is_dropped_once(macros) -> None:
    await macros.keep(macro("가", macro_id="m1"))
    assert await macros.drop("m1")
    assert not await macros.drop("m1")
    assert await macros.of("u010", ROOM) == ()
