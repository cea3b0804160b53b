"""What holds for every plan, whatever it plans."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions.catalog import action_of
from actions.deploy import Deploy
from actions.files import FILES_MAX, handling_of
from actions.nodes import wire_of
from actions.rollback import Rollback
from actions.service import ManageService
from agent.wire.operations import (
    CHANGING,
    AwaitHealth,
    MarkLog,
    ReplaceFiles,
    ScanLog,
    StartService,
    StopService,
    WatchNode,
)
from agent.wire.results import Digests
from bot.core.domain.artifact import Artifact, ArtifactEntry
from bot.core.domain.plan import Handling, Novelty, Plan, Risk
from bot.core.errors import OperationError, UserError
from tests.fakes.planning import (
    artifact_of,
    behind,
    deploy_request,
    deployment_of,
    node_of,
    pair,
    present,
    request_for,
    sha,
    target_of,
)

DYNAMIC = {"WEB-INF/classes/Budget.class": "changed"}


def changing_plans() -> list[Plan]:
    two = pair()
    past = deployment_of("J260401-AAAAAA", two.nodes)
    plans = [
        Deploy().plan(deploy_request(DYNAMIC, two)),
        Deploy().plan(deploy_request({"index.html": "new"}, two)),
        Rollback().plan(request_for(two, history=[past])),
        Rollback().plan(request_for(two, history=[replace(past, restarted=False)])),
    ]
    plans += [
        ManageService().plan(request_for(two, params={"operation": operation}))
        for operation in ("start", "stop", "restart")
    ]
    return plans


@pytest.mark.parametrize("plan", changing_plans(), ids=lambda plan: plan.title.key)
class TestEveryChangingPlan:
    def test_locks_the_whole_system(self, plan: Plan) -> None:
        assert plan.wire.lock == "MOEF-BUDGET"

    def test_carries_the_digest_of_its_wire_form(self, plan: Plan) -> None:
        assert plan.digest == plan.wire.digest()

    def test_runs_one_node_at_a_time(self, plan: Plan) -> None:
        assert all(len(batch) == 1 for batch in plan.wire.batches)

    def test_changes_at_each_node_only_that_node_and_its_balancers(self, plan: Plan) -> None:
        for run in plan.wire.runs():
            for step in (*run.steps, *run.undo):
                drains = step.operation.kind == "drain_member"
                assert drains == (step.node_id != run.node_id)

    def test_undoes_only_at_nodes_of_the_plan(self, plan: Plan) -> None:
        named = {target.node_id for target in plan.wire.targets}
        assert {step.node_id for run in plan.wire.runs() for step in run.undo} <= named

    def test_every_drained_node_comes_back_last_when_undone(self, plan: Plan) -> None:
        for run in plan.wire.runs():
            down = [step for step in run.steps if getattr(step.operation, "state", "") == "down"]
            if down and run.undo:
                served = [step for step in run.undo if step.operation.kind != "discard_staging"]
                assert getattr(served[-1].operation, "state", "") == "up"
                kinds = [step.operation.kind for step in run.undo]
                assert kinds.index("await_health") < len(kinds) - len(down)

    def test_reads_the_log_from_a_mark_of_the_same_node(self, plan: Plan) -> None:
        for run in plan.wire.runs():
            seen = set()
            for step in run.steps:
                if isinstance(step.operation, MarkLog):
                    seen.add(step.step_id)
                if isinstance(step.operation, ScanLog):
                    assert step.operation.since in seen

    def test_gives_every_operation_more_time_than_its_own_limit(self, plan: Plan) -> None:
        for step in plan.wire.steps():
            assert step.timeout_s > getattr(step.operation, "timeout_s", 0)
            assert step.timeout_s > getattr(step.operation, "seconds", 0)

    def test_is_the_same_plan_when_made_again(self, plan: Plan) -> None:
        again = {made.title.key + made.digest for made in changing_plans()}
        assert plan.title.key + plan.digest in again


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("check_infra_health", {}),
        ("manage_service", {"operation": "status"}),
    ],
)
def test_a_reading_plan_changes_nothing_and_locks_nothing(
    action: str, params: dict[str, str]
) -> None:
    found = action_of(action)
    assert found is not None
    plan = found.plan(request_for(pair(), params=params))
    assert isinstance(plan, Plan)
    assert plan.risk is Risk.READ
    assert plan.wire.lock is None
    assert not {step.operation.kind for step in plan.wire.steps()} & CHANGING


def test_the_digest_changes_with_anything_that_matters() -> None:
    two = pair()
    asked = deploy_request(DYNAMIC, two)
    moved = replace(
        two, nodes=(replace(two.nodes[0], wire=two.nodes[0].wire.model_copy(update={"port": 23})),)
    )
    other_key = two.nodes[0].wire.model_copy(update={"host_key": "SHA256:" + "B" * 43})
    rekeyed = replace(two, nodes=(replace(two.nodes[0], wire=other_key), two.nodes[1]))
    variants = [
        asked,
        replace(asked, job_id="J260401-ZZZZZZ"),
        replace(asked, sr="SR-2026-0402"),
        replace(asked, actor=replace(asked.actor, person_id="u099")),
        replace(asked, params={"restart": False}),
        replace(asked, target=replace(two, nodes=two.nodes[:1])),
        replace(asked, target=replace(two, agent="GOV-PC-02")),
        replace(asked, target=moved),
        replace(asked, target=rekeyed),
        deploy_request({"WEB-INF/classes/Other.class": "changed"}, two),
        deploy_request({**DYNAMIC, "index.html": "new"}, two),
    ]
    digests = [Deploy().plan(variant).digest for variant in variants]
    assert len(set(digests)) == len(digests)


def test_a_node_that_has_everything_is_left_out_and_named() -> None:
    nodes = [node_of(1), node_of(2)]
    request = deploy_request(DYNAMIC, target_of(nodes))
    facts = {**request.facts, **present(dict.fromkeys(DYNAMIC, "same"), nodes[1:])}
    plan = Deploy().plan(replace(request, facts=facts))
    assert plan.node_names == ("moef-budget-prod-was01",)
    assert [target.node_id for target in plan.wire.targets] == ["moef-budget-prod-was01"]
    warned = {warning.key: dict(warning.values) for warning in plan.warnings}
    assert warned["warnings.already_current"] == {"nodes": "moef-budget-prod-was02"}


def test_a_file_is_sent_only_where_it_differs() -> None:
    nodes = [node_of(1), node_of(2)]
    request = deploy_request({"a.html": "changed", "b.html": "changed"}, target_of(nodes))
    digests = Digests(files={"a.html": sha("a.html"), "b.html": None})
    plan = Deploy().plan(replace(request, facts={**request.facts, (nodes[1].node_id, 0): digests}))
    sent = [
        [file.path for file in step.operation.files]
        for step in plan.wire.steps()
        if isinstance(step.operation, ReplaceFiles)
    ]
    assert sent == [["a.html", "b.html"], ["b.html"]]
    assert dict(plan.files[0].novelty)[nodes[1].node_id] is Novelty.SAME


def test_nodes_with_the_same_last_name_get_different_step_ids() -> None:
    nodes = [node_of(1), node_of(1, env="stage")]
    plan = Deploy().plan(deploy_request(DYNAMIC, target_of(nodes)))
    assert [run.steps[0].step_id for run in plan.wire.runs()] == [
        "prod-was01.01-preflight",
        "stage-was01.01-preflight",
    ]
    assert plan.title.key == "plan.deploy.mixed"


def test_a_node_that_was_not_read_stops_the_plan() -> None:
    with pytest.raises(OperationError) as refused:
        Deploy().plan(replace(deploy_request(DYNAMIC, pair()), facts={}))
    assert refused.value.code == "survey_incomplete"


@pytest.mark.parametrize("artifact", [None, artifact_of([])])
def test_a_deployment_without_files_is_refused_before_any_server_is_read(
    artifact: Artifact | None,
) -> None:
    with pytest.raises(UserError) as refused:
        Deploy().survey(request_for(pair(), artifact=artifact))
    assert refused.value.code == "files_missing"


def test_too_many_files_are_refused() -> None:
    one = ArtifactEntry(path="a", sha256=sha("a"), size=1)
    entries = tuple(replace(one, path=f"f{index}.html") for index in range(FILES_MAX + 1))
    artifact = Artifact(digest=sha("x"), name="x.zip", size=1, entries=entries)
    with pytest.raises(UserError) as refused:
        Deploy().survey(request_for(pair(), artifact=artifact))
    assert refused.value.code == "too_many_files"


def test_health_check_names_the_nodes_it_cannot_ask() -> None:
    action = action_of("check_infra_health")
    assert action is not None
    plan = action.plan(request_for(target_of([node_of(1), node_of(2, connected=False)])))
    assert isinstance(plan, Plan)
    assert plan.node_names == ("moef-budget-prod-was01",)
    assert [warning.key for warning in plan.warnings] == ["warnings.not_connected"]


def test_a_newer_deployment_of_other_files_does_not_stand_in_the_way() -> None:
    two = pair()
    history = [
        deployment_of("J260401-BBBBBB", two.nodes, paths=["b.class"], sr="SR-2026-0402"),
        deployment_of("J260401-AAAAAA", two.nodes, paths=["a.class"]),
    ]
    plan = Rollback().plan(request_for(two, history=history, sr="SR-2026-0401"))
    assert plan.deployment == "J260401-AAAAAA"


def test_a_node_that_is_not_behind_the_balancer_is_restarted_with_a_warning() -> None:
    web = node_of(1, layer="WEB")
    nodes = [behind(node_of(1), web), node_of(2)]
    plan = Deploy().plan(deploy_request(DYNAMIC, target_of(nodes, helpers=[web])))
    warned = {warning.key: dict(warning.values)["nodes"] for warning in plan.warnings}
    assert warned == {"warnings.interruption": "moef-budget-prod-was02"}


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_file_name_has_a_handling(path: str) -> None:
    assert handling_of(path) in Handling


@pytest.mark.parametrize(
    ("path", "handling"),
    [
        ("index.HTML", Handling.STATIC),
        ("js/app.js", Handling.STATIC),
        ("WEB-INF/views/a.html", Handling.DYNAMIC),
        ("a.jsp", Handling.DYNAMIC),
        ("Makefile", Handling.DYNAMIC),
        ("a.unknown", Handling.DYNAMIC),
    ],
)
def test_tells_static_from_dynamic(path: str, handling: Handling) -> None:
    assert handling_of(path) is handling


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12, unique=True), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_plans_for_any_number_of_nodes_and_balancers_are_valid(
    numbers: list[int], webs: int
) -> None:
    helpers = [node_of(number, layer="WEB") for number in range(1, webs + 1)]
    nodes = [behind(node_of(number), *helpers) for number in numbers]
    plan = Deploy().plan(deploy_request(DYNAMIC, target_of(nodes, helpers=helpers)))
    for run in plan.wire.runs():
        states = [getattr(step.operation, "state", None) for step in run.steps]
        assert states.count("down") == states.count("up") == (webs if len(nodes) > 1 else 0)


def test_a_node_that_says_how_long_it_takes_gets_that_time_and_the_others_their_systems() -> None:
    target = pair()
    slow = wire_of(target.nodes[0])
    times = {"stop_s": 90, "start_s": 300, "health_s": 150}
    service = slow.service.model_copy(update=times)
    node = replace(target.nodes[0], wire=slow.model_copy(update={"service": service}))
    target = replace(target, nodes=(node, *target.nodes[1:]))
    plan = Deploy().plan(deploy_request(DYNAMIC, target))
    limits = [
        {
            step.operation.kind: (step.operation.timeout_s, step.timeout_s)
            for step in (*run.steps, *run.undo)
            if isinstance(step.operation, StopService | StartService | AwaitHealth)
        }
        for run in plan.wire.runs()
    ]
    assert limits == [
        {"stop_service": (90, 120), "start_service": (300, 330), "await_health": (150, 180)},
        {"stop_service": (60, 90), "start_service": (120, 150), "await_health": (45, 75)},
    ]


@pytest.mark.parametrize(
    ("owner", "key"), [("tomcat", "warnings.owner_lost"), ("tomcat:tomcat", "warnings.group_lost")]
)
def test_a_plan_says_whose_files_will_be_somebody_elses(owner: str, key: str) -> None:
    target = pair()
    request = deploy_request({"a.html": "changed", "b.html": "same"}, target)
    facts = {
        place: fact.model_copy(update={"not_kept": {"a.html": owner, "b.html": owner}})
        for place, fact in request.facts.items()
        if isinstance(fact, Digests)
    }
    (warning,) = Deploy().plan(replace(request, facts=facts)).warnings
    values = dict(warning.values)
    assert warning.key == key
    assert (values["owner"], values["user"], values["example"]) == (owner, "wasadmin", "a.html")
    assert all(node.node_id in values["nodes"] for node in target.nodes)


def test_files_that_stay_as_they_are_keep_their_owner() -> None:
    request = deploy_request({"a.html": "changed", "b.html": "same"}, pair())
    facts = {
        place: fact.model_copy(update={"not_kept": {"b.html": "tomcat"}})
        for place, fact in request.facts.items()
        if isinstance(fact, Digests)
    }
    assert Deploy().plan(replace(request, facts=facts)).warnings == ()


def test_the_log_turns_back_what_is_new_and_stops_nothing_that_cures() -> None:
    target = target_of([node_of(1, watch_s=20), node_of(2, watch_s=20)])
    past = deployment_of("J260401-AAAAAA", target.nodes)
    plans = {
        "deploy": Deploy().plan(deploy_request(DYNAMIC, target)),
        "rollback": Rollback().plan(request_for(target, history=[past])),
        "restart": ManageService().plan(request_for(target, params={"operation": "restart"})),
    }
    judges = {
        name: {
            step.operation.judges_log
            for step in plan.wire.steps()
            if isinstance(step.operation, WatchNode)
        }
        for name, plan in plans.items()
    }
    assert judges == {"deploy": {True}, "rollback": {False}, "restart": {False}}
    assert "outline.watch_log" in [line.key for line in plans["deploy"].outline]
    assert "outline.watch" in [line.key for line in plans["rollback"].outline]
