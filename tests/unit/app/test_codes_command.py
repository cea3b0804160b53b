"""``guardia codes reset`` and ``invite``: by somebody else's word, on the record."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.app import keys
from bot.app.cli import main
from bot.app.settings import load_settings
from bot.app.wiring import open_database
from bot.core.check_ports import CodeVerdict
from bot.core.errors import ConfigurationError
from bot.core.linking import code_digest
from cmdb.codes import SqlOneTimeCodes
from tests.fakes.codes import Authenticator

SMALL = Path(__file__).parents[2] / "cases" / "cmdb" / "small"
NOW = datetime(2026, 5, 23, 1, 0, tzinfo=UTC)


class Shell:
    """The command line on a small estate."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.config = folder / "guardia.toml"
        self.config.write_text(f'data_dir = "{folder / "data"}"\n', "utf-8")
        for arguments in (("db", "upgrade"), ("cmdb", "import", str(SMALL))):
            assert main([*arguments, "--config", str(self.config)]) == 0
        capsys.readouterr()

    def __call__(self, *arguments: str, verb: str = "reset") -> tuple[int, str]:
        status = main(["codes", verb, *arguments, "--config", str(self.config)])
        said = self._capsys.readouterr()
        return status, said.out + said.err

    def with_codes(self, use):
        """Whatever that makes of the store that a running bot has."""

        async def run():
            settings = load_settings(self.config)
            async with open_database(settings) as engine:
                key = keys.codes_key(settings.data_dir / "keys")
                return await use(SqlOneTimeCodes(engine, key))

        return asyncio.run(run())

    def audited(self, subject: str = "codes reset") -> list[str]:
        database = sqlite3.connect(self.folder / "data" / "guardia.sqlite")
        try:
            rows = database.execute("SELECT body FROM audit_events").fetchall()
            return [row[0] for row in rows if subject in row[0]]
        finally:
            database.close()


@pytest.fixture
def shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, capsys)


async def enrolled(codes: SqlOneTimeCodes) -> Authenticator:
    device = Authenticator.reading(await codes.begin("u031"))
    assert await codes.confirm("u031", device.code(NOW), now=NOW) is CodeVerdict.GOOD
    return device


def test_a_lost_device_is_removed_and_its_person_enrols_again(shell: Shell) -> None:
    device = shell.with_codes(enrolled)
    status, said = shell("u031", "--by", "u013")
    assert status == 0
    assert "u031" in said
    assert "/account/code" in said
    assert shell.with_codes(lambda codes: codes.enrolled("u031")) is False
    (event,) = shell.audited()
    assert "u013" in event
    assert device.secret not in event
    assert shell.with_codes(enrolled) != device


def test_where_there_is_no_device_it_says_so(shell: Shell) -> None:
    status, said = shell("u031", "--by", "u013")
    assert status == 0
    assert "지운 것이 없습니다" in said


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("u031", "--by", "u031"), "다룰 수 없습니다"),
        (("u031", "--by", "u010"), "다룰 수 없습니다"),
        (("u031", "--by", "nobody"), "등록되지 않은 사람"),
        (("nobody", "--by", "u013"), "등록되지 않은 사람"),
    ],
)
def test_not_everybody_may_and_never_for_oneself(shell: Shell, arguments, why: str) -> None:
    shell.with_codes(enrolled)
    for verb in ("reset", "invite"):
        status, said = shell(*arguments, verb=verb)
        assert status == 2
        assert why in said
    assert shell.with_codes(lambda codes: codes.enrolled("u031")) is True
    assert shell.audited("codes ") == []


def test_a_code_is_printed_and_not_recorded(shell: Shell) -> None:
    status, said = shell("u031", "--by", "u013", verb="invite")
    assert status == 0
    code = said.splitlines()[0]
    assert len(code_digest(code)) == 64
    (event,) = shell.audited("codes invite")
    assert "u013" in event
    assert code not in event


def test_whoever_has_a_device_is_invited_to_no_other(shell: Shell) -> None:
    shell.with_codes(enrolled)
    status, said = shell("u031", "--by", "u013", verb="invite")
    assert status == 0
    assert "guardia codes reset u031" in said
    assert shell.audited("codes invite") == []


# --- the key --------------------------------------------------------------------------------


def test_the_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    key = keys.codes_key(tmp_path)
    assert len(key) == 32
    assert keys.codes_key(tmp_path) == key
    assert (tmp_path / "codes.key").stat().st_mode & 0o777 == 0o600
    assert keys.codes_key(tmp_path / "other") != key


@pytest.mark.parametrize("content", ["", "zz", "ab" * 31, "ab" * 33])
def test_a_damaged_key_stops_the_start(tmp_path: Path, content: str) -> None:
    (tmp_path / "codes.key").write_text(content, "utf-8")
    with pytest.raises(ConfigurationError) as refused:
        keys.codes_key(tmp_path)
    assert refused.value.values["file"].endswith("codes.key")
