"""OneTimeCodes: enrolled by a first code, each code once, wrong ones counted where all see them."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.check_ports import CodeVerdict, OneTimeCodes
from bot.core.domain.job import JobState
from bot.core.errors import OperationError
from cmdb.codes import SqlOneTimeCodes
from tests.fakes.codes import Authenticator, MemoryOneTimeCodes
from tests.fakes.jobs import JOB, NOW, sample_approval, sample_job

KEY = bytes(range(32))
WHO, OTHER = "u031", "u032"
GOOD, WRONG, USED = CodeVerdict.GOOD, CodeVerdict.WRONG, CodeVerdict.USED
LOCKED, NOT_ENROLLED = CodeVerdict.LOCKED, CodeVerdict.NOT_ENROLLED
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def codes(backend_engine: AsyncEngine | None) -> OneTimeCodes:
    return MemoryOneTimeCodes() if backend_engine is None else SqlOneTimeCodes(backend_engine, KEY)


async def enrolled(codes: OneTimeCodes, person_id: str = WHO) -> Authenticator:
    device = Authenticator.reading(await codes.begin(person_id))
    assert await codes.confirm(person_id, device.code(NOW), now=NOW) is GOOD
    return device


async def test_nobody_is_enrolled_before_the_first_code(codes: OneTimeCodes) -> None:
    assert await codes.check(WHO, "123456", now=NOW) is NOT_ENROLLED
    assert await codes.confirm(WHO, "123456", now=NOW) is NOT_ENROLLED
    device = Authenticator.reading(await codes.begin(WHO))
    assert not await codes.enrolled(WHO)
    assert await codes.check(WHO, device.code(NOW), now=NOW) is NOT_ENROLLED
    assert await codes.confirm(WHO, device.wrong(NOW), now=NOW) is WRONG
    assert not await codes.enrolled(WHO)
    assert await codes.confirm(WHO, device.code(NOW), now=NOW) is GOOD
    assert await codes.enrolled(WHO)
    assert await codes.confirm(WHO, device.code(LATER), now=LATER) is NOT_ENROLLED


async def test_the_code_that_confirmed_is_used_up(codes: OneTimeCodes) -> None:
    device = await enrolled(codes)
    assert await codes.check(WHO, device.code(NOW), now=NOW) is USED
    assert await codes.check(WHO, device.code(LATER), now=LATER) is GOOD


async def test_a_code_is_good_once_and_none_before_it(codes: OneTimeCodes) -> None:
    device = await enrolled(codes)
    assert await codes.check(WHO, device.code(LATER), now=LATER) is GOOD
    assert await codes.check(WHO, device.code(LATER), now=LATER) is USED
    assert await codes.check(WHO, device.code(LATER, step=-1), now=LATER) is USED
    assert await codes.check(WHO, device.code(LATER, step=1), now=LATER) is GOOD


async def test_twenty_at_once_with_one_code_are_one(codes: OneTimeCodes) -> None:
    device = await enrolled(codes)
    code = device.code(LATER)
    said = await asyncio.gather(*(codes.check(WHO, code, now=LATER) for _ in range(20)))
    assert sorted(said) == [GOOD, *[USED] * 19]


async def test_a_code_is_good_for_its_own_person_only(codes: OneTimeCodes) -> None:
    mine, theirs = await enrolled(codes), await enrolled(codes, OTHER)
    assert await codes.check(OTHER, mine.code(LATER), now=LATER) is WRONG
    assert await codes.check(WHO, mine.code(LATER), now=LATER) is GOOD
    assert await codes.check(OTHER, theirs.code(LATER), now=LATER) is GOOD


async def test_five_wrong_ones_lock_that_person_for_a_quarter_of_an_hour(
    codes: OneTimeCodes,
) -> None:
    device, other = await enrolled(codes), await enrolled(codes, OTHER)
    wrong = device.wrong(LATER)
    said = [await codes.check(WHO, wrong, now=LATER) for _ in range(6)]
    assert said == [WRONG] * 4 + [LOCKED] * 2
    assert await codes.check(WHO, device.code(LATER), now=LATER) is LOCKED
    assert await codes.check(OTHER, other.code(LATER), now=LATER) is GOOD
    then = LATER + timedelta(minutes=15)
    assert await codes.check(WHO, device.code(then), now=then) is GOOD


async def test_guesses_side_by_side_are_all_counted(codes: OneTimeCodes) -> None:
    device = await enrolled(codes)
    wrong = device.wrong(LATER)
    said = await asyncio.gather(*(codes.check(WHO, wrong, now=LATER) for _ in range(12)))
    assert sorted(said) == [*[LOCKED] * 8, *[WRONG] * 4]
    assert await codes.check(WHO, device.code(LATER), now=LATER) is LOCKED


async def test_a_new_device_counts_once_it_is_confirmed_and_the_old_one_till_then(
    codes: OneTimeCodes,
) -> None:
    old = await enrolled(codes)
    new = Authenticator.reading(await codes.begin(WHO))
    assert await codes.enrolled(WHO)
    assert await codes.check(WHO, new.code(LATER), now=LATER) is WRONG
    assert await codes.check(WHO, old.code(LATER), now=LATER) is GOOD
    assert await codes.confirm(WHO, new.code(LATER), now=LATER) is GOOD
    then = LATER + timedelta(minutes=1)
    assert await codes.check(WHO, old.code(then), now=then) is WRONG
    assert await codes.check(WHO, new.code(then), now=then) is GOOD


async def test_beginning_again_voids_what_was_shown_before(codes: OneTimeCodes) -> None:
    first = Authenticator.reading(await codes.begin(WHO))
    second = Authenticator.reading(await codes.begin(WHO))
    assert first != second
    assert await codes.confirm(WHO, first.code(NOW), now=NOW) is WRONG
    assert await codes.confirm(WHO, second.code(NOW), now=NOW) is GOOD


async def test_a_lock_holds_for_confirming_and_through_a_new_beginning(
    codes: OneTimeCodes,
) -> None:
    device = await enrolled(codes)
    for _ in range(5):
        await codes.check(WHO, device.wrong(LATER), now=LATER)
    new = Authenticator.reading(await codes.begin(WHO))
    assert await codes.confirm(WHO, new.code(LATER), now=LATER) is LOCKED
    assert await codes.check(WHO, device.code(LATER), now=LATER) is LOCKED


async def test_what_is_forgotten_is_enrolled_anew(codes: OneTimeCodes) -> None:
    device = await enrolled(codes)
    assert await codes.forget(WHO)
    assert not await codes.enrolled(WHO)
    assert await codes.check(WHO, device.code(LATER), now=LATER) is NOT_ENROLLED
    assert not await codes.forget(WHO)
    again = Authenticator.reading(await codes.begin(WHO))
    assert await codes.confirm(WHO, again.code(LATER), now=LATER) is GOOD


# --- at rest -----------------------------------------------------------------------------------

at_rest = pytest.mark.parametrize("backend", ["sqlite", "postgres"])


@at_rest
async def test_no_secret_can_be_read_in_the_database(engine: AsyncEngine) -> None:
    codes = SqlOneTimeCodes(engine, KEY)
    confirmed = await enrolled(codes)
    pending = Authenticator.reading(await codes.begin(WHO))
    async with engine.connect() as connection:
        (row,) = (await connection.execute(text("SELECT * FROM one_time_codes"))).all()
    kept = str(row)
    for device in (confirmed, pending):
        raw = base64.b32decode(device.secret)
        for form in (device.secret, raw.hex(), base64.b64encode(raw).decode().rstrip("=")):
            assert form not in kept
        assert device.secret.encode() not in b"".join(
            base64.b64decode(value) for value in (row.secret, row.pending)
        )


@at_rest
async def test_a_secret_moved_to_somebody_else_or_under_another_key_opens_no_more(
    engine: AsyncEngine,
) -> None:
    codes = SqlOneTimeCodes(engine, KEY)
    mine = await enrolled(codes)
    await enrolled(codes, OTHER)
    async with engine.begin() as connection:
        await connection.execute(
            text(
                "UPDATE one_time_codes SET secret ="
                " (SELECT secret FROM one_time_codes WHERE person_id = :mine)"
                " WHERE person_id = :other"
            ),
            {"mine": WHO, "other": OTHER},
        )
    for store, person in ((codes, OTHER), (SqlOneTimeCodes(engine, bytes(32)), WHO)):
        with pytest.raises(OperationError) as refused:
            await store.check(person, mine.code(LATER), now=LATER)
        assert refused.value.code == "codes_unreadable"
    assert await codes.check(WHO, mine.code(LATER), now=LATER) is GOOD


# --- verdicts ----------------------------------------------------------------------------------


async def test_a_verdict_keeps_whether_it_was_given_with_a_code(stores) -> None:
    for job_id, coded in ((JOB, True), ("J260401-ZZZZZZ", False)):
        await stores.jobs.create(sample_job(job_id, state=JobState.AWAITING_APPROVAL))
        given = replace(sample_approval(job_id=job_id), one_time_code=coded)
        assert await stores.approvals.add_approval(given)
        job = await stores.jobs.load(job_id)
        assert job is not None
        assert job.approvals == (given,)
