"""The whole bot on PostgreSQL: its own tables and the durable workflows, one job end to end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drivers.demo import running_demo
from tests.drivers.room import RoomClient, offers, says, text_of
from tests.fakes.postgres import postgres_programs, scratch_postgres

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(1500)]
REQUEST = "@guardia 기재부 예산시스템 개발 WAS 1번에 이 파일들 반영하고 재기동해줘. SR-2026-0401"


@pytest.fixture
def databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Both addresses in the environment, as a site gives them."""
    programs = postgres_programs()
    assert programs is not None, "deploy/system-packages.sh installs postgresql"
    with scratch_postgres(programs) as address:
        plain = address.replace("postgresql+asyncpg", "postgresql")
        monkeypatch.setenv("GUARDIA_DATABASE_URL", address)
        monkeypatch.setenv("GUARDIA_DBOS_DATABASE_URL", plain.replace("/postgres", "/workflows"))
        yield


@pytest.mark.usefixtures("databases")
async def test_a_development_server_is_updated_at_once_and_rolled_back_after_approval(
    tmp_path: Path,
) -> None:
    async with running_demo(tmp_path / "demo") as demo:
        async with RoomClient(demo.address, "u032") as developer:
            thread = await developer.say(REQUEST, demo.package("budget-1.1.0.zip"))
            done = await developer.wait_for(says("완료", "SHA-256"), thread=thread)
            assert "moef-budget-dev-was01" in text_of(done)
            everything = await developer.messages(thread)
            assert not any(offers("approve")(message) for message in everything)
            await developer.say("롤백해줘", thread=thread)
            await developer.wait_for(says("롤백", "완료", "정상"), thread=thread)
        status, told = await demo.command("audit", "verify")
        assert (status, told.strip()) == (0, "the audit chain holds")
        assert not (demo.folder / "bot" / "guardia.sqlite").exists()
        assert not (demo.folder / "bot" / "workflows.sqlite").exists()
