"""The closed catalogue refuses what it does not know."""

from __future__ import annotations

import pytest

from intents.schema import validated


def test_takes_what_fits() -> None:
    params = {"operation": "kill", "pid": 17}
    assert validated("check_db_status", params) == params


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("shell", {}),
        ("deploy", {"approved": True}),
        ("deploy", {"restart": "yes"}),
        ("manage_service", {"operation": "restart", "service": "nginx; reboot"}),
        ("manage_service", {"operation": "explode"}),
        ("check_db_status", {"pid": 0}),
        ("check_db_status", {"pid": "٣"}),
        ("collect_target_logs", {"pattern": "a\nb"}),
        ("collect_target_logs", {"lines": 10**9}),
        ("register_cron", {"cron": "* * * * * reboot"}),
        ("register_cron", {"cron": "@reboot * * * *"}),
        ("check_disk_space", {"path": "/app/$(id)"}),
        ("fetch_mes_qc", {"date": "2026-02-30"}),
        ("fetch_mes_qc", {"date": "2026-02-01'; drop"}),
    ],
)
def test_refuses_what_does_not_fit(action: str, params: dict[str, str | int | bool]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        validated(action, params)
