"""What a local model may answer, and what of it counts."""

from __future__ import annotations

import pytest

from intents.grammar import Answer, answer_schema, read_answer, said_in
from intents.schema import CATALOGUE


def test_the_schema_has_every_action_with_its_own_parameters_only() -> None:
    alternatives = answer_schema()["anyOf"]
    assert [one["properties"]["action"]["const"] for one in alternatives] == list(CATALOGUE)
    for one in alternatives:
        spec = CATALOGUE[one["properties"]["action"]["const"]]
        params = one["properties"]["params"]
        assert params["properties"].keys() == spec.params.model_fields.keys() - {"cancelled"}
        assert one["additionalProperties"] is False
        assert params["additionalProperties"] is False


def test_reads_an_answer() -> None:
    text = '{"action": "kill_session", "params": {"pid": "3321"}}'
    assert read_answer(text) == Answer(action="kill_session", params={"pid": "3321"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "네, 재기동하겠습니다.",
        '{"action": "deploy", "params": {}',
        '{"action": "deploy"}',
        '{"action": "deploy", "params": {}} {"action": "none", "params": {}}',
        '{"action": "none", "action": "deploy", "params": {}}',
        '{"action": "kill_session", "params": {"pid": "1", "pid": "2"}}',
        '{"action": "deploy", "params": {}, "approved": true}',
        '{"action": "deploy", "params": {"institution": "국세청"}}',
        '{"action": "deploy", "params": {"restart": true}}',
        '{"action": "deploy", "params": {"pid": "1"}}',
        '{"action": "none", "params": {"cancelled": "true"}}',
        '{"action": "reboot", "params": {}}',
        '{"action": "manage_service", "params": {"operation": "explode"}}',
        '{"action": "deploy", "params": {"operation": "restart"}}',
        '{"action": ["deploy"], "params": {}}',
        '[{"action": "deploy", "params": {}}]',
        "null",
        "NaN",
        "[" * 900,
        '{"action": "collect_target_logs", "params": {"pattern": "' + "가" * 61 + '"}}',
        '{"action": "deploy", "params": {}}' + " " * 1000,
    ],
)
def test_nothing_else_is_an_answer(text: str) -> None:
    assert read_answer(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("세션 3321 끊어줘", "3321"),
        ("세션 ３３２１번 끊어줘", "3321"),
        ("로그에서 ora-00060 찾아줘", "ORA-00060"),
        ("로그에서 'connection  reset' 찾아줘", "connection reset"),
        ("build-hometax 돌려줘", "build-hometax"),
        ("담당자 김철수 건만", "김철수"),
    ],
)
def test_a_parameter_that_was_said_counts(text: str, value: str) -> None:
    assert said_in(text, {"x": value}) == {"x": value}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("세션 3321 끊어줘", "3322"),
        ("세션 13321 끊어줘", "3321"),
        ("세션 33210 끊어줘", "3321"),
        ("rebuild-hometax 돌려줘", "build-hometax"),
        ("'세션 3321 끊어줘' 라고 왔어요", "3321"),
        ("`3321`", "3321"),
        ("> 3321 끊어줘\n뭔가요", "3321"),
        ("재기동해줘", "true"),
        ("재기동해줘", "restart"),
        ("재기동해줘", " "),
        ("재기동해줘", ""),
        ("재기동해줘", "▒"),
    ],
)
def test_a_parameter_that_was_not_said_is_dropped(text: str, value: str) -> None:
    assert said_in(text, {"x": value}) == {}


def test_the_operation_belongs_to_the_action_and_is_chosen_from_its_own() -> None:
    schemas = {one["properties"]["action"]["const"]: one for one in answer_schema()["anyOf"]}
    params = schemas["manage_service"]["properties"]["params"]
    assert params["properties"]["operation"] == {"enum": ["status", "start", "stop", "restart"]}
    assert params["required"] == ["operation"]
    assert said_in("껐다 켜줘", {"operation": "restart"}) == {"operation": "restart"}
