"""What a one-time code is worth: RFC 6238's own figures, drift, single use, the lock."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.core.check_ports import CodeVerdict
from bot.core.one_time import Device, address_of, judge, new_secret
from tests.fakes.codes import Authenticator

CASES = tomllib.loads(
    (Path(__file__).parents[2] / "cases" / "codes" / "rfc6238.toml").read_text("utf-8")
)
NOW = datetime(2026, 5, 23, 1, 0, 10, tzinfo=UTC)
HELD = Authenticator(secret=new_secret())
DEVICE = Device(secret=HELD.secret)


@pytest.mark.parametrize("vector", CASES["vector"], ids=lambda vector: str(vector["time"]))
def test_takes_the_codes_that_the_rfc_prints(vector) -> None:
    at = datetime.fromtimestamp(vector["time"], UTC)
    device = Device(secret=CASES["secret"])
    six = vector["code"][-6:]
    assert Authenticator(secret=CASES["secret"]).code(at) == six
    verdict, after = judge(device, six, now=at)
    assert verdict is CodeVerdict.GOOD
    assert after.last_step == vector["step"]
    assert judge(device, vector["code"], now=at)[0] is CodeVerdict.WRONG  # eight digits are none


@pytest.mark.parametrize(
    ("step", "verdict"),
    [
        (-2, CodeVerdict.WRONG),
        (-1, CodeVerdict.GOOD),
        (0, CodeVerdict.GOOD),
        (1, CodeVerdict.GOOD),
        (2, CodeVerdict.WRONG),
    ],
)
def test_a_clock_may_be_one_step_off(step: int, verdict: CodeVerdict) -> None:
    assert judge(DEVICE, HELD.code(NOW, step=step), now=NOW)[0] is verdict


def test_a_code_is_good_once_and_so_is_everything_before_it() -> None:
    first, after = judge(DEVICE, HELD.code(NOW), now=NOW)
    assert first is CodeVerdict.GOOD
    assert judge(after, HELD.code(NOW), now=NOW)[0] is CodeVerdict.USED
    assert judge(after, HELD.code(NOW, step=-1), now=NOW)[0] is CodeVerdict.USED
    assert judge(after, HELD.code(NOW, step=1), now=NOW)[0] is CodeVerdict.GOOD
    later = NOW + timedelta(seconds=30)
    assert judge(after, HELD.code(NOW), now=later)[0] is CodeVerdict.USED


def test_five_wrong_ones_lock_for_a_quarter_of_an_hour_and_good_ones_too() -> None:
    device = DEVICE
    said = []
    for _ in range(5):
        verdict, device = judge(device, HELD.wrong(NOW), now=NOW)
        said.append(verdict)
    assert said == [CodeVerdict.WRONG] * 4 + [CodeVerdict.LOCKED]
    almost = NOW + timedelta(minutes=15) - timedelta(seconds=1)
    assert judge(device, HELD.code(almost), now=almost) == (CodeVerdict.LOCKED, device)
    then = NOW + timedelta(minutes=15)
    assert judge(device, HELD.code(then), now=then)[0] is CodeVerdict.GOOD
    assert judge(device, HELD.wrong(then), now=then)[1].wrong == 1  # counted anew


def test_a_good_code_forgives_the_wrong_ones_before_it() -> None:
    device = DEVICE
    for _ in range(4):
        _, device = judge(device, HELD.wrong(NOW), now=NOW)
    assert device.wrong == 4
    assert judge(device, HELD.code(NOW), now=NOW)[1].wrong == 0


def test_a_code_used_again_is_not_counted_as_a_guess() -> None:
    _, device = judge(DEVICE, HELD.code(NOW), now=NOW)
    for _ in range(9):
        verdict, device = judge(device, HELD.code(NOW), now=NOW)
        assert verdict is CodeVerdict.USED


@pytest.mark.parametrize("typed", ["{0} {1}", " {0}{1}\n", "{0}\u00a0{1}"])
def test_a_code_may_be_typed_with_a_gap(typed: str) -> None:
    code = HELD.code(NOW)
    assert judge(DEVICE, typed.format(code[:3], code[3:]), now=NOW)[0] is CodeVerdict.GOOD


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "-12345", "0x1F2A"]
)
def test_what_is_no_code_is_wrong(typed: str) -> None:
    assert judge(DEVICE, typed, now=NOW)[0] is CodeVerdict.WRONG


def test_a_device_reads_what_it_is_shown() -> None:
    secret = new_secret()
    assert len(secret) == 32
    assert new_secret() != secret
    assert Authenticator.reading(address_of(secret, "u031")) == Authenticator(secret=secret)
    assert "u031" in address_of(secret, "u031")
