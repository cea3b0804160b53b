"""Every file of tests/cases/plans: facts in, plan or refusal out."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.catalog import action_of
from agent.wire.results import Result
from bot.core.domain.artifact import Artifact, SourceRef
from bot.core.domain.estate import Node, Rollout, Target
from bot.core.domain.plan import Plan
from bot.core.errors import UserError
from bot.core.ports import ActionRequest
from bot.core.texts import load_texts
from tests.fakes.planning import (
    artifact_of,
    behind,
    deployment_of,
    node_of,
    present,
    request_for,
    states,
    target_of,
)

CASES = sorted((Path(__file__).parents[2] / "cases" / "plans").glob("*.toml"))
TEXTS = [load_texts("ko"), load_texts("en")]


def _target(case: dict[str, Any]) -> Target:
    told = case["target"]
    webs = [
        node_of(number, layer="WEB", connected=told.get("web_connected", True))
        for number in range(1, told.get("web", 0) + 1)
    ]
    nodes = [_node(number, told, webs) for number in told["nodes"]]
    return target_of(
        nodes,
        helpers=webs,
        siblings=told.get("siblings", len(nodes)),
        rollout=Rollout(**told.get("rollout", {})),
    )


def _node(number: int, told: dict[str, Any], webs: list[Node]) -> Node:
    node = node_of(
        number,
        layer=told.get("layer", "WAS"),
        connected=told.get("connected", True),
        transfer=told.get("transfer", "sftp"),
        legacy=told.get("legacy", ()),
        watch_s=told.get("watch_s", 0),
    )
    return behind(node, *webs, device=told.get("device", ""))


def _request(case: dict[str, Any]) -> ActionRequest:
    target = _target(case)
    files = case.get("files")
    lying = case.get("lying", files)
    facts = present(lying, target.nodes, case.get("conflicts")) if files else {}
    if "running" in case["target"]:
        facts = _states(target, case["target"]["running"])
    history = [
        deployment_of(
            past["job"],
            [node_of(number) for number in past["nodes"]],
            restarted=past.get("restarted", True),
            undone=past.get("undone", False),
        )
        for past in case.get("history", [])
    ]
    return request_for(
        target,
        params=case.get("params"),
        artifact=_artifact(case) if files else None,
        facts=facts,
        history=history,
    )


def _states(target: Target, running: bool | list[int]) -> dict[tuple[str, int], Result]:
    """Of all nodes alike, or those of these numbers running and the others not."""
    if isinstance(running, bool):
        return states(target.nodes, running=running)
    return {
        key: state
        for node in target.nodes
        for key, state in states([node], running=node.entry.number in running).items()
    }


def _artifact(case: dict[str, Any]) -> Artifact:
    artifact = artifact_of(sorted(case["files"]))
    ref = case.get("ref")
    return replace(artifact, ref=SourceRef(**ref)) if ref else artifact


def _names(steps: tuple[Any, ...]) -> list[str]:
    return [step.step_id.split("-", 1)[1] for step in steps]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_makes_the_plan_of_the_case(path: Path) -> None:
    case = tomllib.loads(path.read_text("utf-8"))
    action = action_of(case["action"])
    assert action is not None
    request, expect = _request(case), case["expect"]
    if "error" in expect:
        with pytest.raises(UserError) as refused:
            action.plan(request)
        assert refused.value.code == expect["error"]
        assert all(texts.explain(refused.value)[1] for texts in TEXTS)
        return
    plan = action.plan(request)
    assert isinstance(plan, Plan)
    _check(plan, expect)


def _check(plan: Plan, expect: dict[str, Any]) -> None:
    for run in plan.wire.runs():
        assert _names(run.steps) == expect["steps"]
        assert _names(run.undo) == expect["undo"]
    assert [warning.key for warning in plan.warnings] == expect["warnings"]
    facts = {
        "batches": [[run.node_id for run in batch] for batch in plan.wire.batches],
        "targets": [target.node_id for target in plan.wire.targets],
        "restart": plan.restart.key if plan.restart else None,
        "risk": plan.risk.value,
        "deployment": plan.deployment,
        "mapping": plan.mapping.key if plan.mapping else None,
        "source": plan.source.key if plan.source else None,
        "shown": [file.path for file in plan.files],
        "operations": [
            step.operation.model_dump(mode="json", exclude_defaults=True, exclude={"files"})
            for run in plan.wire.runs()[:1]
            for step in run.steps
            if step.operation.kind in expect.get("look_at", ())
        ],
        "sent": sorted(
            {
                file.path
                for step in plan.wire.steps()
                if step.operation.kind == "replace_files"
                for file in step.operation.files
            }
        ),
    }
    assert {name: facts[name] for name in facts.keys() & expect.keys()} == {
        name: expect[name] for name in facts.keys() & expect.keys()
    }
    for texts in TEXTS:
        more = (plan.mapping, plan.source, *plan.outline, *plan.warnings)
        for note in (plan.title, plan.restart, plan.undo, *more):
            assert note is None or texts.note(note)
