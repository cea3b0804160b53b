"""People's one-time codes in the database.

Owns: the row of each person's device, its secret encrypted, and that a code is taken once: the
row is held from the look to the verdict, over all replicas. What a code is worth is the core's.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from nacl.exceptions import CryptoError
from nacl.secret import Aead
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.core.check_ports import CodeVerdict
from bot.core.errors import OperationError
from bot.core.one_time import Device, address_of, judge, new_secret
from cmdb.engine import reading, writing
from cmdb.models import OneTimeCodeRow
from cmdb.rows import upsert

_KEPT = ("secret", "last_step", "wrong", "locked_until")


class SqlOneTimeCodes:
    """OneTimeCodes on SQLite or PostgreSQL.

    Args:
        engine: the application's database.
        key: 32 bytes; the same on every replica, and nowhere in the database.
    """

    def __init__(self, engine: AsyncEngine, key: bytes) -> None:
        self._engine = engine
        self._box = Aead(key)

    async def enrolled(self, person_id: str) -> bool:
        async with reading(self._engine) as session:
            row = await session.get(OneTimeCodeRow, person_id)
            return row is not None and row.secret is not None

    async def begin(self, person_id: str) -> str:
        secret = new_secret()
        row = OneTimeCodeRow(person_id=person_id, pending=self._closed(secret, person_id))
        async with writing(self._engine) as session:
            await upsert(session, [row], by=("person_id",), keep=_KEPT)
        return address_of(secret, person_id)

    async def confirm(self, person_id: str, code: str, *, now: datetime) -> CodeVerdict:
        async with writing(self._engine) as session:
            row = await _held(session, person_id)
            if row is None or row.pending is None:
                return CodeVerdict.NOT_ENROLLED
            # Of a new secret nothing has been taken yet.
            before = Device(
                secret=self._opened(row.pending, person_id),
                wrong=row.wrong,
                locked_until=row.locked_until,
            )
            verdict, device = judge(before, code, now=now)
            if verdict is CodeVerdict.GOOD:
                row.secret, row.pending, row.last_step = row.pending, None, device.last_step
            row.wrong, row.locked_until = device.wrong, device.locked_until
            return verdict

    async def check(self, person_id: str, code: str, *, now: datetime) -> CodeVerdict:
        async with writing(self._engine) as session:
            row = await _held(session, person_id)
            if row is None or row.secret is None:
                return CodeVerdict.NOT_ENROLLED
            before = Device(
                secret=self._opened(row.secret, person_id),
                last_step=row.last_step,
                wrong=row.wrong,
                locked_until=row.locked_until,
            )
            verdict, device = judge(before, code, now=now)
            row.last_step = device.last_step
            row.wrong, row.locked_until = device.wrong, device.locked_until
            return verdict

    async def forget(self, person_id: str) -> bool:
        async with writing(self._engine) as session:
            row = await _held(session, person_id)
            if row is None:
                return False
            await session.delete(row)
            return True

    def _closed(self, secret: str, person_id: str) -> str:
        # The person is bound in: a secret moved to somebody else's row opens no more.
        return base64.b64encode(self._box.encrypt(secret.encode(), person_id.encode())).decode()

    def _opened(self, kept: str, person_id: str) -> str:
        try:
            return self._box.decrypt(base64.b64decode(kept), person_id.encode()).decode()
        except (CryptoError, binascii.Error, ValueError) as error:
            raise OperationError("codes_unreadable", person=person_id) from error


async def _held(session: AsyncSession, person_id: str) -> OneTimeCodeRow | None:
    """The person's row, held until the transaction ends."""
    return await session.get(OneTimeCodeRow, person_id, with_for_update=True)
