"""The app that a site creates is the one that the bot needs."""

from __future__ import annotations

from pathlib import Path

import yaml

from adapters.slack.checks import SCOPES
from adapters.slack.door import PATH
from adapters.slack.inbound import COMMANDS

FILE = Path(__file__).parents[3] / "deploy/slack/manifest.yml"


def test_the_manifest_asks_for_what_the_doctor_looks_for_and_the_bot_hears() -> None:
    manifest = yaml.safe_load(FILE.read_text("utf-8"))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == SCOPES
    commands = {row["command"] for row in manifest["features"]["slash_commands"]}
    assert commands == {f"/{name}" for name in COMMANDS}
    events = manifest["settings"]["event_subscriptions"]["bot_events"]
    assert {"app_mention", "message.channels", "message.groups", "message.im"} <= set(events)
    assert manifest["settings"]["interactivity"]["is_enabled"]
    assert manifest["settings"]["socket_mode_enabled"]


def test_its_addresses_for_http_mode_are_the_one_that_the_bot_has() -> None:
    addresses = [line for line in FILE.read_text("utf-8").splitlines() if "url: https" in line]
    assert len(addresses) == 4
    assert all(address.endswith(PATH) for address in addresses)
