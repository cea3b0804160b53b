"""The doctor says which people a messenger will never name as the CMDB lists them."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.slack.settings import SlackSettings
from adapters.teams.settings import TeamsSettings
from bot.app.commands.doctor import examine
from bot.app.settings import GuardiaSettings
from bot.core.domain.people import Actor, ExternalId, Role
from bot.core.messenger_ports import Finding
from cmdb.engine import open_engine, upgrade
from cmdb.people import PersonRecord, SqlDirectory

OBJECT_ID = "0d5a6f0b-2222-4333-8444-9444aaaa6666"


async def finding(settings: GuardiaSettings, messenger: str) -> Finding | None:
    async with aclosing(examine(settings, messenger)) as checks:
        async for check in checks:
            return check if check.name == f"{messenger}/people" else None
    return None


def site(folder: Path) -> GuardiaSettings:
    app_id = "6f0b3c1e-0d5a-4f43-9f2e-2b7a3d1c9e10"
    secret = SecretStr("never sent")
    return GuardiaSettings(
        data_dir=folder,
        teams=TeamsSettings(enabled=True, app_id=app_id, tenant_id=app_id, app_password=secret),
        slack=SlackSettings(
            mode="socket",
            bot_token=SecretStr("xoxb-1"),
            app_token=SecretStr("xapp-1"),
            api_url="http://127.0.0.1:9/api/",  # nobody is there
        ),
    )


@pytest.mark.parametrize(
    ("messenger", "ids", "well", "found"),
    [
        ("teams", [], True, "0 of 0"),
        ("teams", [OBJECT_ID], True, "1 of 1"),
        ("teams", [OBJECT_ID, "29:1I9Is_Sx0OIy2rQ7Xz1lcaPKlO9eqm"], False, "1 of 2"),
        ("slack", ["U0010", "W012A3CDE"], True, "2 of 2"),
        ("slack", ["U0010", "홍길동"], False, "1 of 2"),
    ],
)
async def test_an_id_that_its_messenger_does_not_send_is_counted(
    tmp_path: Path, messenger: str, ids: list[str], well: bool, found: str
) -> None:
    settings = site(tmp_path)
    await upgrade(settings.application_database)
    engine = open_engine(settings.application_database)
    for number, user_id in enumerate(ids):
        person = Actor(person_id=f"u{number}", name="가", role=Role.PM)
        external = ExternalId(adapter=messenger, tenant="", user_id=user_id)
        record = PersonRecord(actor=person, employee_no=str(number), externals=(external,))
        await SqlDirectory(engine).add(record)
    await engine.dispose()
    check = await finding(settings, messenger)
    assert check is not None
    assert (check.well, found in check.found) == (well, True)
    assert "/me" in check.remedy


async def test_without_a_database_nothing_is_said_of_people_and_nothing_made(
    tmp_path: Path,
) -> None:
    assert await finding(site(tmp_path / "none"), "slack") is None
    assert not (tmp_path / "none").exists()
