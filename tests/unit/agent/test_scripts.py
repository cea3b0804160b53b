"""Registrations of a site's scripts: what stops the agent, what is offered, what is refused."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from agent.scripts import ScriptError, ScriptShelf, SiteScript
from agent.settings import AgentSettings, SettingsError, load_settings
from agent.wire.checks import RunScript
from agent.wire.scripts import ScriptParameter, misfit

PAGE = Path(__file__).parents[3] / "docs" / "site-scripts.md"
LEAST = 'name = "a1"\nbot_url = "wss://bot.example"\nstate_dir = "state"\n'
BODY = b"echo hello\n"
TABLE = f"""
[[scripts]]
id = "hello"
title = "인사"
file = "hello.sh"
sha256 = "{hashlib.sha256(BODY).hexdigest()}"
interpreter = "sh"
risk = "read"
"""


def load(folder: Path, text: str) -> AgentSettings:
    path = folder / "agent.toml"
    path.write_text(LEAST + text)
    return load_settings(path)


def shelf_of(folder: Path, text: str = TABLE) -> ScriptShelf:
    return ScriptShelf(load(folder, text).scripts)


def ordered(script: SiteScript, /, **changes: object) -> RunScript:
    operation = RunScript(script=script.id, sha256=script.sha256, risk=script.risk)
    return operation.model_copy(update=changes)


def test_the_page_s_example_holds(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (script,) = load(tmp_path, example).scripts
    assert [parameter.name for parameter in script.parameters] == ["queue", "minutes"]
    assert script.file == tmp_path / "scripts/queue-length.sh"


def test_offers_what_has_the_digest_that_is_registered(tmp_path: Path) -> None:
    (tmp_path / "hello.sh").write_bytes(BODY)
    shelf = shelf_of(tmp_path)
    (spec,) = shelf.announced()
    assert (spec.script, spec.title, spec.risk) == ("hello", "인사", "read")
    assert shelf.registered(ordered(shelf.scripts[0])).read() == BODY


@pytest.mark.parametrize("body", [BODY + b"rm -rf /\n", b"", None])
def test_does_not_offer_what_has_changed_or_is_gone(tmp_path: Path, body: bytes | None) -> None:
    if body is not None:
        (tmp_path / "hello.sh").write_bytes(body)
    shelf = shelf_of(tmp_path)
    assert shelf.announced() == ()
    with pytest.raises(ScriptError) as refused:
        shelf.scripts[0].read()
    assert refused.value.code == ("script_unreadable" if body is None else "script_changed")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('interpreter = "sh"', 'interpreter = "ruby"'),
        ('interpreter = "sh"', 'interpreter = "/bin/sh"'),
        ('risk = "read"', 'risk = "harmless"'),
        ('id = "hello"', 'id = "../hello"'),
        ('id = "hello"', 'id = "deploy"'),
        ('id = "hello"', 'id = "Kill_Session"'),
        ('title = "인사"', 'title = ""'),
        ('title = "인사"', 'title = "인사\\u202E"'),
        ("sha256 = ", "sha512 = "),
        ('risk = "read"', 'risk = "read"\ntimeout_s = 0'),
        ('risk = "read"', 'risk = "read"\nparameters = [{ name = "Days" }]'),
        ('risk = "read"', 'risk = "read"\nparameters = [{ name = "d" }, { name = "d" }]'),
        ('risk = "read"', 'risk = "read"\nparameters = [{ name = "d", least = 1 }]'),
        (
            'risk = "read"',
            'risk = "read"\nparameters = [{ name = "d", kind = "number", least = 5, most = 1 }]',
        ),
        ('risk = "read"', 'risk = "read"\nparameters = [{ name = "d", choices = ["a\\nb"] }]'),
    ],
)
def test_a_table_that_is_wrong_stops_the_agent(tmp_path: Path, old: str, new: str) -> None:
    assert old in TABLE
    with pytest.raises(SettingsError, match=r"agent\.toml.*scripts"):
        load(tmp_path, TABLE.replace(old, new))


def test_two_scripts_of_one_id_stop_the_agent(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="two scripts have the same id"):
        load(tmp_path, TABLE + TABLE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"script": "other"}, "script_unknown"),
        ({"sha256": "0" * 64}, "script_differs"),
        ({"risk": "change"}, "script_differs"),
        ({"arguments": (("x", "1"),)}, "script_differs"),
    ],
)
def test_a_plan_must_say_what_is_registered(
    tmp_path: Path, changes: dict[str, object], code: str
) -> None:
    shelf = shelf_of(tmp_path)
    with pytest.raises(ScriptError) as refused:
        shelf.registered(ordered(shelf.scripts[0], **changes))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("fields", "value", "why"),
    [
        ({}, "가나다 라", None),
        ({}, "-rf", "text"),
        ({}, " a", "text"),
        ({}, "", "text"),
        ({}, "a\nb", "text"),
        ({"choices": ("-v", "a")}, "-v", None),
        ({"choices": ("-v", "a")}, "b", "choice"),
        ({"kind": "number", "most": 10}, "10", None),
        ({"kind": "number", "most": 10}, "11", "most"),
        ({"kind": "number"}, "-1", "least"),
        ({"kind": "number", "least": -5}, "-5", None),
        ({"kind": "number"}, "007", "number"),
        ({"kind": "number"}, "1e3", "number"),
        ({"kind": "number"}, "٣", "number"),
        ({"kind": "path"}, "/app/logs", None),
        ({"kind": "path"}, "/app/../etc", "path"),
        ({"kind": "path"}, "app", "path"),
        ({"kind": "date"}, "2026-02-28", None),
        ({"kind": "date"}, "2026-02-30", "date"),
        ({"kind": "date"}, "20260228", "date"),
    ],
)
def test_a_value_fits_its_parameter(fields: dict[str, object], value: str, why: str | None) -> None:
    parameter = ScriptParameter.model_validate({"name": "x", **fields})
    assert misfit(parameter, value) == why
