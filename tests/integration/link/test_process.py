"""``guardia-agent`` as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from agent.wire.enrolment import EnrolmentToken
from tests.fakes.link import AGENT, running_bot, until, within


async def start(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "agent",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if "GUARDIA" not in name},
    )


def configure(folder: Path, url: str, token: EnrolmentToken | None) -> Path:
    config = folder / "agent.toml"
    lines = [f'name = "{AGENT}"', f'bot_url = "{url}"', 'state_dir = "state"']
    if token is not None:
        (folder / "token").write_text(token.encode() + "\n")
        lines.append('enrolment_token_file = "token"')
    config.write_text("\n".join(lines) + "\n")
    return config


async def test_enrols_serves_and_stops_when_told(tmp_path: Path) -> None:
    async with running_bot() as bot:
        token = await bot.issue()
        config = configure(tmp_path, bot.url, token)
        process = await start("run", "--config", str(config))
        try:
            await until(lambda: bot.hub.online(AGENT) or process.returncode is not None)
            assert bot.hub.online(AGENT)
            process.send_signal(signal.SIGTERM)
        finally:
            _, log = await within(process.communicate())
        assert process.returncode == 0, log.decode()
        assert not (tmp_path / "token").exists()
        assert (tmp_path / "state" / "identity.json").stat().st_mode & 0o777 == 0o600
        assert token.secret not in log.decode()
        assert [json.loads(line)["event"] for line in log.decode().splitlines()][-1] == "stopped"

        again = await start("run", "--config", str(config))  # with its own key now
        try:
            await until(lambda: bot.hub.online(AGENT) or again.returncode is not None)
            assert bot.hub.online(AGENT)
            third = await start("run", "--config", str(config))
            _, log = await within(third.communicate())
            assert third.returncode == 2
            assert "another agent runs" in log.decode()
        finally:
            again.send_signal(signal.SIGINT)
            _, log = await within(again.communicate())
        assert again.returncode == 0, log.decode()


async def test_stops_at_once_while_nobody_answers(tmp_path: Path) -> None:
    token = EnrolmentToken.issue(SigningKey.generate().verify_key)
    process = await start("run", "--config", str(configure(tmp_path, "ws://127.0.0.1:9", token)))
    assert process.stderr is not None
    assert b"not_enrolled_yet" in await within(process.stderr.readline())
    process.send_signal(signal.SIGTERM)
    await within(process.communicate())
    assert process.returncode == 0


@pytest.mark.parametrize("issued", [True, False])
async def test_says_what_to_mend_when_it_cannot_enrol(tmp_path: Path, issued: bool) -> None:
    async with running_bot() as bot:
        stranger = EnrolmentToken.issue(SigningKey.generate().verify_key)
        token = stranger if issued else EnrolmentToken.issue(bot.key.verify_key)
        process = await start("run", "--config", str(configure(tmp_path, bot.url, token)))
        _, log = await within(process.communicate())
    assert process.returncode == 2
    assert ("nothing secret was sent" if issued else "refused the token") in log.decode()
    assert token.secret not in log.decode()
    assert (tmp_path / "token").exists()


async def test_says_its_version_and_names_a_missing_file(tmp_path: Path) -> None:
    process = await start("--version")
    out, _ = await within(process.communicate())
    assert out.startswith(b"guardia-agent ")
    process = await start("run", "--config", str(tmp_path / "none.toml"))
    _, log = await within(process.communicate())
    assert process.returncode == 2
    assert "none.toml" in log.decode()
    assert "Traceback" not in log.decode()
