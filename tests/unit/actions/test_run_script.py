"""The plan of a site's script, and every refusal in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from actions.run_script import RunSiteScript, usage
from agent.wire.checks import RunScript
from agent.wire.scripts import ScriptParameter, ScriptRisk, ScriptSpec
from bot.core.domain.intent import Param
from bot.core.domain.plan import Plan, Risk
from bot.core.errors import UserError
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import node_of, pair, request_for, target_of

TEXTS = [load_texts("ko"), load_texts("en")]
PARAMETERS = (
    ScriptParameter(name="queue", choices=("order", "pay")),
    ScriptParameter(name="days", kind="number", least=1, most=30, required=False),
    ScriptParameter(name="folder", kind="path", required=False),
    ScriptParameter(name="day", kind="date", required=False),
    ScriptParameter(name="word", required=False),
)
GOOD: dict[str, Param] = {"script": "clean", "arg.queue": "order"}


def spec_of(risk: ScriptRisk = "read") -> ScriptSpec:
    return ScriptSpec(
        script="clean",
        sha256="a" * 64,
        title="대기열 정리",
        risk=risk,
        parameters=PARAMETERS,
        timeout_s=100,
    )


def asked(params: dict[str, Param], risk: ScriptRisk = "read") -> ActionRequest:
    return replace(request_for(pair(), params=params), scripts=(spec_of(risk),))


def planned(params: dict[str, Param], risk: ScriptRisk = "read") -> Plan:
    return RunSiteScript().plan(asked(params, risk))


@pytest.mark.parametrize("risk", ["read", "change", "danger"])
def test_the_risk_is_the_registration_s(risk: ScriptRisk) -> None:
    plan = planned(GOOD, risk)
    assert plan.risk is Risk(risk)
    assert (plan.wire.lock is None) == (risk == "read")
    assert [len(batch) for batch in plan.wire.batches] == ([2] if risk == "read" else [1, 1])
    assert (plan.undo is None) == (risk == "read")
    for texts in TEXTS:
        assert "대기열 정리" in texts.note(plan.title)
        assert all(texts.note(each) for each in plan.outline)


def test_arguments_go_in_the_registration_s_order() -> None:
    plan = planned({"arg.days": 7, "arg.word": "가 나", **GOOD})
    operations = {step.operation for step in plan.wire.steps()}
    assert operations == {
        RunScript(
            script="clean",
            sha256="a" * 64,
            risk="read",
            arguments=(("queue", "order"), ("days", "7"), ("word", "가 나")),
        )
    }
    assert {step.timeout_s for step in plan.wire.steps()} == {130}


def test_its_use_is_said_in_one_line() -> None:
    expected = "queue=order|pay [days=0] [folder=/…] [day=YYYY-MM-DD] [word=…]"
    assert usage(spec_of()) == expected


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({**GOOD, "script": "cleen"}, "script_not_here"),
        ({**GOOD, "script": ""}, "script_not_here"),
        ({"script": "clean"}, "script_argument_missing"),
        ({**GOOD, "arg.x": "1"}, "script_argument_unknown"),
        ({**GOOD, "arg.queue": "ship"}, "script_argument_choice"),
        ({**GOOD, "arg.days": "many"}, "script_argument_number"),
        ({**GOOD, "arg.days": 0}, "script_argument_least"),
        ({**GOOD, "arg.days": "31"}, "script_argument_most"),
        ({**GOOD, "arg.folder": "../etc"}, "script_argument_path"),
        ({**GOOD, "arg.day": "내일"}, "script_argument_date"),
        ({**GOOD, "arg.word": "--help"}, "script_argument_text"),
        ({**GOOD, "arg.word": "a\nb"}, "script_argument_text"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(params: dict[str, Param], code: str) -> None:
    with pytest.raises(UserError) as refused:
        planned(params)
    assert refused.value.code == code
    for texts in TEXTS:
        summary, hint = texts.explain(refused.value)
        assert summary
        assert hint
        assert "{" not in summary + hint


def test_a_target_whose_agent_has_no_scripts_is_told() -> None:
    with pytest.raises(UserError) as refused:
        RunSiteScript().plan(request_for(pair(), params=GOOD))
    assert refused.value.code == "script_none_here"
    assert all(texts.explain(refused.value)[1] for texts in TEXTS)


def test_nothing_is_run_where_nothing_can_be() -> None:
    by_ftp = replace(
        request_for(target_of([node_of(1, transfer="ftp")]), params=GOOD), scripts=(spec_of(),)
    )
    away = replace(
        request_for(target_of([node_of(1, connected=False)]), params=GOOD), scripts=(spec_of(),)
    )
    codes = []
    for request in (by_ftp, away):
        with pytest.raises(UserError) as refused:
            RunSiteScript().plan(request)
        codes.append(refused.value.code)
    assert codes == ["ftp_only", "node_not_connected"]
