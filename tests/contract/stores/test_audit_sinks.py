"""AuditSink: appended when it returns, or an error; the chain breaks where it is broken."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.core.domain.audit import AuditEvent, AuditKind
from bot.core.errors import OperationError
from cmdb.audit import ChainedAuditLog, verify_audit
from cmdb.audit_file import EMPTY, AuditFiles, Head, link, seal
from tests.fakes.jobs import NOW
from tests.fakes.stores import MemoryAudit

databases = pytest.mark.parametrize("backend", ["sqlite", "postgres"])


def event(number: int = 0, **detail: object) -> AuditEvent:
    return AuditEvent(
        kind=AuditKind.OPERATION,
        at=NOW,
        actor="u032",
        job_id="J260401-ABC123",
        subject="한글 단계",
        detail={"number": number, **detail},
    )


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    folder = tmp_path / "audit"
    return {
        "jsonl": folder / "audit.jsonl",
        "key": folder / "audit.key",
        "anchor": folder / "anchor" / "head.json",
    }


@pytest.fixture
async def sink(backend_engine, places):
    if backend_engine is None:
        return MemoryAudit()
    return await ChainedAuditLog.open(backend_engine, **places)


# --- every sink ---


async def test_an_event_that_is_not_json_is_refused(sink) -> None:
    for bad in (object(), float("nan"), {1, 2}):
        with pytest.raises(OperationError) as refused:
            await sink.append(event(bad=bad))
        assert refused.value.code == "audit_unavailable"
    await sink.append(event())


async def test_events_at_once_are_all_taken(sink) -> None:
    await asyncio.gather(*(sink.append(event(number)) for number in range(20)))
    if isinstance(sink, MemoryAudit):  # what the chain holds is counted in the next test
        assert {stored.detail["number"] for stored in sink.events} == set(range(20))


# --- the chain ---


@databases
async def test_parallel_appends_stay_one_chain(sink, engine, places) -> None:
    await asyncio.gather(*(sink.append(event(number)) for number in range(40)))
    assert await verify_audit(engine, **places) == ()
    lines = [json.loads(line) for line in places["jsonl"].read_text("utf-8").splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, 41))
    assert {line["detail"]["number"] for line in lines} == set(range(40))


@databases
async def test_two_logs_on_the_same_files_stay_one_chain(sink, engine, places) -> None:
    other = await ChainedAuditLog.open(engine, **places)
    await asyncio.gather(
        *((sink if number % 2 else other).append(event(number)) for number in range(20))
    )
    assert await verify_audit(engine, **places) == ()


@databases
async def test_a_caller_that_is_cancelled_leaves_a_whole_chain(sink, engine, places) -> None:
    callers = [asyncio.create_task(sink.append(event(number))) for number in range(10)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)
    await sink.append(event(99))
    assert await verify_audit(engine, **places) == ()


@databases
async def test_the_key_is_the_owners_alone(sink, places) -> None:
    assert stat.S_IMODE(places["key"].stat().st_mode) == 0o600


@databases
async def test_an_empty_log_is_whole(engine, places) -> None:
    assert await verify_audit(engine, **places) == ()


# --- what breaks it ---


@pytest.fixture
async def five(sink, places):
    for number in range(5):
        await sink.append(event(number))
    return sink


def rewrite(places, change) -> None:
    lines = places["jsonl"].read_bytes().splitlines(keepends=True)
    places["jsonl"].write_bytes(b"".join(change(lines)))


def edit_byte(lines):
    return [line.replace(b'"number":2', b'"number":7') for line in lines]


def forged(lines):
    """A line by somebody without the key, in the right place with the right neighbour."""
    before = json.loads(lines[2])
    head = Head(seq=before["seq"], hash=before["hash"])
    return link({"kind": "operation"}, head, b"guessed").line()


def rechain(lines):
    """All from line 3 on written anew, consistently, without the key."""
    head = Head(seq=2, hash=json.loads(lines[1])["hash"])
    fresh = []
    for line in lines[2:]:
        given = {k: v for k, v in json.loads(line).items() if k not in {"seq", "prev", "hash"}}
        made = link({**given, "actor": "u999"}, head, b"guessed")
        fresh.append(made.line())
        head = made.head
    return lines[:2] + fresh


ATTACKS = {
    "edited byte": (edit_byte, 3),
    "deleted line": (lambda lines: lines[:2] + lines[3:], 3),
    "deleted first": (lambda lines: lines[1:], 1),
    "cut tail": (lambda lines: lines[:3], 4),
    "last line cut": (lambda lines: lines[:4], 5),
    "swap": (lambda lines: [*lines[:1], lines[2], lines[1], *lines[3:]], 2),
    "insertion": (lambda lines: [*lines[:3], forged(lines), *lines[3:]], 4),
    "repeated line": (lambda lines: [*lines[:3], lines[2], *lines[3:]], 4),
    "re-chained": (rechain, 3),
    "garbage": (lambda lines: [*lines[:3], b"\xff not json\n", *lines[4:]], 4),
    "emptied": (lambda _: [], 1),
    "half a last line": (lambda lines: [*lines[:4], lines[4][:40]], 5),
    "other spelling": (lambda lines: [*lines[:2], lines[2].replace(b":", b": ", 1), *lines[3:]], 3),
}


@pytest.mark.parametrize("attack", list(ATTACKS))
@pytest.mark.parametrize("backend", ["sqlite"])
async def test_an_attack_on_the_file_is_named_with_its_first_event(
    five, engine, places, attack
) -> None:
    change, first_bad = ATTACKS[attack]
    rewrite(places, change)
    findings = await verify_audit(engine, **places)
    assert findings
    assert min(finding.seq for finding in findings) == first_bad
    assert {finding.source for finding in findings} == {"file"}


DATABASE_ATTACKS = {
    "edited body": (
        "UPDATE audit_events SET body = replace(body, 'u032', 'u999') WHERE seq = 3",
        3,
    ),
    "edited column": ("UPDATE audit_events SET actor = 'u999' WHERE seq = 3", 3),
    "broken body": ("UPDATE audit_events SET body = 'x' WHERE seq = 2", 2),
    "broken hash": ("UPDATE audit_events SET hash = '가' WHERE seq = 2", 2),
    "deleted row": ("DELETE FROM audit_events WHERE seq = 2", 2),
    "cut tail": ("DELETE FROM audit_events WHERE seq > 3", 4),
    "emptied": ("DELETE FROM audit_events", 1),
    "moved row": ("UPDATE audit_events SET seq = 9 WHERE seq = 2", 2),
}


@databases
@pytest.mark.parametrize("attack", list(DATABASE_ATTACKS))
async def test_an_attack_on_the_database_is_named_with_its_first_event(
    five, engine, places, attack
) -> None:
    statement, first_bad = DATABASE_ATTACKS[attack]
    async with engine.begin() as connection:
        await connection.execute(text(statement))
    findings = [f for f in await verify_audit(engine, **places) if f.source == "database"]
    assert findings
    assert min(finding.seq for finding in findings) == first_bad


@databases
async def test_a_tail_cut_from_database_and_file_alike_is_seen_by_the_anchor(
    five, engine, places
) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM audit_events WHERE seq > 3"))
    rewrite(places, lambda lines: lines[:3])
    findings = await verify_audit(engine, **places)
    assert [(f.source, f.seq, f.problem) for f in findings] == [
        ("database", 4, "missing"),
        ("file", 4, "missing"),
    ]


@databases
async def test_an_older_copy_of_the_anchor_still_vouches(five, engine, places, tmp_path) -> None:
    copy = tmp_path / "elsewhere.json"
    copy.write_bytes(places["anchor"].read_bytes())
    await five.append(event(5))
    kept = {**places, "anchor": copy, "older_copy": True}
    assert await verify_audit(engine, **kept) == ()
    copy.write_text('{"hash":"' + "0" * 64 + '","seq":5}')
    findings = await verify_audit(engine, **kept)
    assert {(finding.seq, finding.problem) for finding in findings} == {(5, "replaced")}


@databases
async def test_an_old_anchor_put_back_beside_the_chain_is_a_finding(five, engine, places) -> None:
    old = places["anchor"].read_bytes()
    await five.append(event(5))
    await five.append(event(6))
    places["anchor"].write_bytes(old)
    (finding,) = await verify_audit(engine, **places)
    assert (finding.source, finding.seq, finding.problem) == ("anchor", 6, "behind")


@databases
@pytest.mark.parametrize("older_copy", [False, True])
async def test_an_anchor_that_vouches_for_nothing_is_as_good_as_none(
    five, engine, places, older_copy
) -> None:
    AuditFiles(**places).write_anchor(EMPTY)
    (finding,) = await verify_audit(engine, **places, older_copy=older_copy)
    assert (finding.source, finding.problem) == ("anchor", "missing")


@databases
@pytest.mark.parametrize("damage", ["not json", "[]", "{}"])
async def test_a_damaged_or_missing_anchor_is_a_finding(five, engine, places, damage) -> None:
    places["anchor"].write_text(damage)
    (finding,) = await verify_audit(engine, **places)
    assert (finding.source, finding.problem) == ("anchor", "unreadable")
    places["anchor"].unlink()
    (finding,) = await verify_audit(engine, **places)
    assert (finding.source, finding.problem) == ("anchor", "missing")


@databases
async def test_without_its_key_a_chain_is_neither_verified_nor_continued(
    five, engine, places
) -> None:
    places["key"].unlink()
    (finding,) = await verify_audit(engine, **places)
    assert finding.problem == "key_missing"
    with pytest.raises(OperationError):
        await five.append(event())
    with pytest.raises(OperationError) as refused:
        await ChainedAuditLog.open(engine, **places)
    assert refused.value.code == "audit_key_missing"
    assert not places["key"].exists()


# --- cut off and unwritable ---


def as_before_last(places, *, torn: int | None, anchor_too: bool = True) -> None:
    """The files as a kill leaves them: the database has one event more."""
    lines = places["jsonl"].read_bytes().splitlines(keepends=True)
    if torn is not None:
        places["jsonl"].write_bytes(b"".join(lines[:-1]) + lines[-1][:torn])
    if anchor_too:
        last = json.loads(lines[-1])
        before = Head(seq=last["seq"] - 1, hash=last["prev"])
        AuditFiles(**places).write_anchor(before)


@databases
@pytest.mark.parametrize("torn", [0, 1, 50, -1, None])
@pytest.mark.parametrize("count", [1, 5])
async def test_what_a_kill_cut_off_is_completed_at_open(sink, engine, places, torn, count) -> None:
    for number in range(count):
        await sink.append(event(number))
    whole = places["jsonl"].read_bytes()
    as_before_last(places, torn=torn)
    if torn in {0, None}:  # not finished, but nothing is wrong either
        assert await verify_audit(engine, **places) == ()
    log = await ChainedAuditLog.open(engine, **places)
    assert places["jsonl"].read_bytes() == whole
    await log.append(event(9))
    assert await verify_audit(engine, **places) == ()


@databases
async def test_the_first_event_may_lack_file_and_anchor_altogether(sink, engine, places) -> None:
    await sink.append(event())
    places["jsonl"].unlink()
    places["anchor"].unlink()
    await ChainedAuditLog.open(engine, **places)
    assert await verify_audit(engine, **places) == ()


@databases
@pytest.mark.parametrize(
    "attack", ["cut tail", "last line cut", "emptied", "half a last line", "garbage tail"]
)
async def test_what_no_crash_explains_is_not_repaired(five, engine, places, attack) -> None:
    change = dict(ATTACKS) | {"garbage tail": (lambda lines: [*lines, b"x"], 6)}
    rewrite(places, change[attack][0])
    left = places["jsonl"].read_bytes()
    with pytest.raises(OperationError) as refused:
        await ChainedAuditLog.open(engine, **places)
    assert refused.value.code == "audit_diverged"
    with pytest.raises(OperationError) as stopped:
        await five.append(event())
    assert stopped.value.code == "audit_unavailable"
    assert places["jsonl"].read_bytes() == left


@databases
async def test_when_the_file_cannot_be_written_the_caller_is_told(five, engine, places) -> None:
    places["jsonl"].rename(places["jsonl"].with_suffix(".away"))
    places["jsonl"].mkdir()  # a folder in its place: nothing can be appended
    with pytest.raises(OperationError) as refused:
        await five.append(event())
    assert refused.value.code == "audit_unavailable"
    places["jsonl"].rmdir()
    places["jsonl"].with_suffix(".away").rename(places["jsonl"])
    await five.append(event())
    assert await verify_audit(engine, **places) == ()


@databases
async def test_when_the_anchor_cannot_be_written_the_next_append_completes_it(
    five, engine, places
) -> None:
    blocker = places["anchor"].with_name(places["anchor"].name + ".new")
    blocker.mkdir()
    with pytest.raises(OperationError) as refused:
        await five.append(event(5))
    assert refused.value.code == "audit_unavailable"
    with pytest.raises(OperationError):
        await five.append(event(6))
    blocker.rmdir()
    await five.append(event(7))
    assert await verify_audit(engine, **places) == ()
    numbers = [json.loads(x)["detail"]["number"] for x in places["jsonl"].read_text().splitlines()]
    assert numbers == [0, 1, 2, 3, 4, 5, 7]  # 6 was refused before it reached the database


@databases
async def test_when_the_database_is_gone_the_caller_is_told(five, engine, places) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE audit_events RENAME TO gone"))
    try:
        with pytest.raises(OperationError) as refused:
            await five.append(event())
        assert refused.value.code == "audit_unavailable"
    finally:
        async with engine.begin() as connection:
            await connection.execute(text("ALTER TABLE gone RENAME TO audit_events"))
    assert await verify_audit(engine, **places) == ()


def test_a_link_covers_its_number_and_the_hash_before_it() -> None:
    first = link({"a": 1}, Head(seq=0, hash="0" * 64), b"k")
    assert json.loads(first.body) == {"a": 1, "seq": 1, "prev": "0" * 64}
    assert first.hash == seal(first.body, b"k")
