"""Which characters the scalar types of the wire let through."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from agent.wire import types

GOOD = {
    types.NodeId: "was-1",
    types.AgentName: "DEMO-PC-01",
    types.JobId: "J260401-ABC123",
    types.Slug: "tomcat",
    types.LockScope: "budget:prod",
    types.HostName: "10.0.0.5",
    types.UserName: "wasadmin",
    types.UrlPath: "/actuator/health",
    types.ServerAddress: "10.0.0.5:8080",
    types.AbsolutePath: "/app/budget",
    types.RelativePath: "WEB-INF/a.class",
}


@pytest.mark.parametrize(("kind", "value"), GOOD.items())
@pytest.mark.parametrize("around", ["{}\n", "\n{}", "-{}", "{}\0", "{}\u202e"])
def test_nothing_invisible_and_no_option_passes(kind: Any, value: str, around: str) -> None:
    adapter = TypeAdapter(kind)
    assert adapter.validate_python(value) == value
    if around == "-{}" and kind is types.RelativePath:
        return  # a file may be called so: paths are joined to their root, never an argument alone
    with pytest.raises(ValidationError):
        adapter.validate_python(around.format(value))
