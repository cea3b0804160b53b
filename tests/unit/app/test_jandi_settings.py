"""What Jandi's settings refuse, and what ``guardia doctor jandi`` finds."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr, ValidationError

from adapters.jandi.checks import examine_jandi
from adapters.jandi.settings import JandiSettings
from bot.app.adapters import MESSENGERS
from bot.app.settings import load_settings
from bot.core.errors import ConfigurationError
from tests.fakes.jandi_service import JandiService

HOOK = "https://wh.jandi.com/connect-api/webhook/11/secret-part-of-the-address"
ROOMS = {"ops": {"token": "a-secret-token", "url": HOOK}}


def settings_of(rooms: object = ROOMS, **more: str) -> JandiSettings:
    given = rooms if isinstance(rooms, str) else json.dumps(rooms)
    values = {"mode": "webhook", "team": "acme"} | more
    return JandiSettings.model_validate(values | {"rooms": SecretStr(given)})


def test_a_site_with_one_topic_has_jandi() -> None:
    assert settings_of().enabled
    assert set(settings_of().topics()) == {"ops"}
    assert not JandiSettings().enabled


@pytest.mark.parametrize(
    "rooms",
    [
        "not json",
        "[]",
        {},
        {"ops": {"token": "a-secret-token"}},
        {"ops": {"token": "short", "url": HOOK}},
        {"ops": {"token": "a-secret-token", "url": "http://wh.jandi.com/connect-api/webhook/1"}},
        {"ops": {"token": "a-secret-token", "url": "https://evil.example/webhook/1"}},
        {"ops": {"token": "a-secret-token", "url": "https://wh.jandi.com@evil.example/x"}},
        {"ops": {"token": "a-secret-token", "url": "http://10.0.0.1/x"}},
        {"ops": {"token": "a-secret-token", "url": HOOK, "colour": "red"}},
        {name: {"token": "a-secret-token", "url": HOOK} for name in ("a", "b")},
    ],
)
def test_what_cannot_work_is_refused_without_repeating_secrets(rooms: object) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_of(rooms)
    problem = refused.value.errors()[0]["msg"]
    assert "GUARDIA_JANDI__ROOMS" in problem
    assert "secret" not in problem


def test_a_team_is_named_in_small_letters() -> None:
    for team in ("", "Acme", "우리 팀"):
        with pytest.raises(ValidationError):
            settings_of(team=team)


def test_the_topics_come_from_the_environment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "guardia.toml"
    file.write_text(f"[jandi]\nmode = 'webhook'\nteam = 'acme'\nrooms = '{json.dumps(ROOMS)}'\n")
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert refused.value.values["problem"] == "give it as GUARDIA_JANDI__ROOMS"
    file.write_text("[jandi]\nmode = 'webhook'\nteam = 'acme'\n")
    monkeypatch.setenv("GUARDIA_JANDI__ROOMS", json.dumps(ROOMS, ensure_ascii=False))
    settings = load_settings(file)
    assert settings.jandi.topics()["ops"].url.get_secret_value() == HOOK
    assert "secret" not in repr(settings.jandi)


def test_links_must_lead_somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARDIA_JANDI__ROOMS", json.dumps(ROOMS))
    file = tmp_path / "guardia.toml"
    file.write_text(
        "[server]\nhost = '10.0.0.7'\ntls_certificate = 'c.pem'\ntls_key = 'k.pem'\n"
        "[jandi]\nmode = 'webhook'\nteam = 'acme'\n"
    )
    with pytest.raises(ConfigurationError) as refused:
        load_settings(file)
    assert "web.public_origin" in refused.value.values["problem"]


def test_jandi_is_one_line_of_the_table_and_a_folder() -> None:
    """The claim of the issue: what a messenger costs. The figure is in docs/jandi.md."""
    assert [one.name for one in MESSENGERS].count("jandi") == 1
    folder = Path(__file__).parents[3] / "adapters" / "jandi"
    lines = sum(len(file.read_text("utf-8").splitlines()) for file in folder.glob("*.py"))
    page = (Path(__file__).parents[3] / "docs" / "jandi.md").read_text("utf-8")
    told = re.search(r"\*\*(\d+) lines\*\*", page)
    assert told is not None
    assert abs(int(told[1]) - lines) <= lines // 20


# --- doctor ------------------------------------------------------------------------------------


async def found(settings: JandiSettings, origin: str | None) -> dict[str, tuple[bool, str]]:
    return {one.name: (one.well, one.found) async for one in examine_jandi(settings, origin)}


async def test_doctor_sees_what_is_off_and_what_is_not_reached_from_outside() -> None:
    assert await found(JandiSettings(), None) == {"jandi/mode": (False, "off")}
    service = JandiService()
    settings = settings_of({"ops": {"token": "a-secret-token", "url": service.hook_url("ops")}})
    await service.start()
    try:
        outside = await found(settings, "https://guardia.example")
        inside = await found(settings, "http://127.0.0.1:8300")
        nowhere = await found(settings, None)
    finally:
        await service.stop()
    assert outside == {
        "jandi/mode": (True, "webhook"),
        "jandi/way_in": (True, "https://guardia.example/jandi/events"),
        "jandi/rooms/ops": (True, "HTTP 405"),
    }
    assert inside["jandi/way_in"] == (False, "http://127.0.0.1:8300/jandi/events")
    assert nowhere["jandi/way_in"][0] is False
    gone = await found(settings, "https://guardia.example")
    well, said = gone["jandi/rooms/ops"]
    assert not well
    assert "hook-of" not in said


@pytest.mark.parametrize(
    ("status", "well"), [(404, True), (410, False), (401, False), (502, False)]
)
async def test_doctor_reads_the_webhooks_answer(status: int, well: bool) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/connect-api/webhook/1/x"
    try:
        seen = await found(
            settings_of({"ops": {"token": "a-secret-token", "url": url}}), "https://g.example"
        )
    finally:
        await runner.cleanup()
    assert seen["jandi/rooms/ops"] == (well, f"HTTP {status}")
