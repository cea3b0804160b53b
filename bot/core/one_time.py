"""One-time codes as RFC 6238 has them: a time step of 30 seconds, six digits, HMAC-SHA-1.

Owns: what a code is worth, when wrong ones lock, and how a secret is shown to a device. The only
home of ``pyotp``. Pure but for chance: it keeps nothing and reads no clock.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyotp

from bot.core.check_ports import CodeVerdict

DIGITS = 6
STEP_S = 30
DRIFT = 1  # steps that a device's clock may be off, either way (RFC 6238, 5.2)
MOST_WRONG = 5
LOCKED_FOR = timedelta(minutes=15)
_ISSUER = "GUARDiA"
_NEVER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What is known of a person's device. ``last_step``: the time step of the last code that was
    taken; ``wrong``: the wrong ones since then."""

    secret: str  # base32
    last_step: int = _NEVER
    wrong: int = 0
    locked_until: datetime | None = None


def new_secret() -> str:
    """160 bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32(32)


def address_of(secret: str, person_id: str) -> str:
    """The ``otpauth://`` address that an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=person_id, issuer_name=_ISSUER)


def judge(device: Device, code: str, *, now: datetime) -> tuple[CodeVerdict, Device]:
    """What that code is worth now, and what is known of the device after it."""
    if device.locked_until is not None and now < device.locked_until:
        return CodeVerdict.LOCKED, device
    steps = _steps_of(device.secret, "".join(code.split()), now)
    if not steps:
        return _after_wrong(device, now)
    fresh = [step for step in steps if step > device.last_step]
    if not fresh:
        return CodeVerdict.USED, device
    return CodeVerdict.GOOD, Device(secret=device.secret, last_step=fresh[0])


def _steps_of(secret: str, code: str, now: datetime) -> list[int]:
    """The time steps around now whose code this is, earliest first."""
    if len(code) != DIGITS or not (code.isascii() and code.isdecimal()):
        return []
    made = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    middle = int(now.timestamp()) // STEP_S
    around = range(max(0, middle - DRIFT), middle + DRIFT + 1)
    return [step for step in around if hmac.compare_digest(made.generate_otp(step), code)]


def _after_wrong(device: Device, now: datetime) -> tuple[CodeVerdict, Device]:
    wrong = device.wrong + 1
    if wrong < MOST_WRONG:
        return CodeVerdict.WRONG, replace(device, wrong=wrong, locked_until=None)
    return CodeVerdict.LOCKED, replace(device, wrong=0, locked_until=now + LOCKED_FOR)
