"""An authenticator in somebody's hand, and people's one-time codes in memory.

Owns: codes made after RFC 6238's own words (not with the library that our code uses), and the
fake of the port. ``tests/contract/stores`` holds it to the same sentences as the SQL store.
"""

from __future__ import annotations

import base64
import hmac
import struct
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import parse_qs, unquote, urlsplit

from bot.core.check_ports import CodeVerdict
from bot.core.one_time import Device, address_of, judge, new_secret


@dataclass(frozen=True, kw_only=True)
class Authenticator:
    """What has read the QR code."""

    secret: str  # base32

    @classmethod
    def reading(cls, address: str) -> Authenticator:
        """The device after it has read an ``otpauth://`` address."""
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp"), address
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert given.get("digits", "6") == "6"
        assert given.get("period", "30") == "30"
        assert given.get("algorithm", "SHA1").upper() == "SHA1"
        assert unquote(parts.path).startswith("/GUARDiA:")
        return cls(secret=given["secret"])

    def code(self, now: datetime, *, step: int = 0) -> str:
        """What it shows at that time, or so many time steps later."""
        counter = struct.pack(">Q", int(now.timestamp()) // 30 + step)
        mac = hmac.digest(base64.b32decode(self.secret), counter, "sha1")
        offset = mac[-1] & 0x0F
        number = struct.unpack(">I", mac[offset : offset + 4])[0] & 0x7FFF_FFFF
        return f"{number % 1_000_000:06d}"

    def wrong(self, now: datetime) -> str:
        """A code that is none around that time."""
        near = {self.code(now, step=step) for step in range(-3, 4)}
        return next(code for code in (f"{n:06d}" for n in range(10)) if code not in near)


class MemoryOneTimeCodes:
    """OneTimeCodes."""

    def __init__(self) -> None:
        self._devices: dict[str, Device] = {}
        self._pending: dict[str, str] = {}

    async def enrolled(self, person_id: str) -> bool:
        return bool(self._devices.get(person_id, _NONE).secret)

    async def begin(self, person_id: str) -> str:
        self._pending[person_id] = new_secret()
        return address_of(self._pending[person_id], person_id)

    async def confirm(self, person_id: str, code: str, *, now: datetime) -> CodeVerdict:
        secret = self._pending.get(person_id)
        if secret is None:
            return CodeVerdict.NOT_ENROLLED
        known = self._devices.get(person_id, _NONE)
        verdict, device = judge(replace(known, secret=secret, last_step=-1), code, now=now)
        if verdict is CodeVerdict.GOOD:
            del self._pending[person_id]
            self._devices[person_id] = device
        else:
            self._devices[person_id] = replace(
                device, secret=known.secret, last_step=known.last_step
            )
        return verdict

    async def check(self, person_id: str, code: str, *, now: datetime) -> CodeVerdict:
        known = self._devices.get(person_id, _NONE)
        if not known.secret:
            return CodeVerdict.NOT_ENROLLED
        verdict, self._devices[person_id] = judge(known, code, now=now)
        return verdict

    async def forget(self, person_id: str) -> bool:
        pending = self._pending.pop(person_id, None)
        return self._devices.pop(person_id, None) is not None or pending is not None

    # --- for tests ---------------------------------------------------------------------------

    async def enrol(self, person_id: str) -> Authenticator:
        """The person has done it long ago."""
        device = Authenticator.reading(await self.begin(person_id))
        self._devices[person_id] = Device(secret=self._pending.pop(person_id))
        return device


_NONE = Device(secret="")
