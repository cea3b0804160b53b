"""Rows of the tables through which systems hand each other work.

Owns: read_quality and read_transactions, with their statements. Table and column names are fixed
(docs/operations.md); where a site has others, it makes views of these names. Schemas are found by
the login's own search path.
"""

from __future__ import annotations

from agent.operations.context import StepContext
from agent.operations.databases import require_database
from agent.operations.masking import masked
from agent.transports.database import Row as Found
from agent.transports.database import Statement
from agent.transports.output import plain
from agent.wire.checks import ReadQuality, ReadTransactions
from agent.wire.readings import Column, Fact, Grid, Level, Reading, Remark, Row, worst

_TEXT_MAX = 120
_RESULTS = {"P": "pass", "W": "rework", "F": "fail"}
_RESULT_LEVELS: dict[str, Level] = {"P": "normal", "W": "normal", "F": "warning"}
_STATES = {"WAIT": "waiting", "PROC": "processing", "FAIL": "failed"}

# A site's view may have other types and nulls: everything is cast, and what is missing is empty.
QUALITY_TOTALS = Statement("""
select count(*) as rows, coalesce(sum(wrk_qty), 0)::bigint as quantity,
       coalesce(sum(bad_qty), 0)::bigint as defects,
       count(*) filter (where qc_rslt = 'F') as failed
from tb_mes_wrk_prc_i where wrk_dt = $1::date
""")
QUALITY_ROWS = Statement("""
select left(coalesce(line_cd::text, ''), 120) as line,
       left(coalesce(prc_cd::text, ''), 120) as process,
       left(coalesce(item_cd::text, ''), 120) as item,
       wrk_qty::bigint as quantity, bad_qty::bigint as defects,
       trim(coalesce(qc_rslt::text, '')) as result, reg_dt::timestamptz as at
from tb_mes_wrk_prc_i where wrk_dt = $1::date
order by qc_rslt = 'F' desc nulls last, bad_qty desc nulls last, reg_dt limit $2
""")
TRANSACTION_TOTALS = Statement("""
select count(*) filter (where tx_stat = 'FAIL') as failed,
       count(*) filter (where tx_stat <> 'FAIL') as stuck
from tb_link_tx_i
where tx_stat = 'FAIL'
   or (tx_stat in ('WAIT', 'PROC') and upd_dt < clock_timestamp() - make_interval(mins => $1))
""")
TRANSACTION_ROWS = Statement("""
select left(coalesce(tx_id::text, ''), 120) as tx,
       left(coalesce(if_id::text, ''), 120) as interface,
       left(coalesce(src_sys::text, ''), 120) as source,
       left(coalesce(dst_sys::text, ''), 120) as destination,
       trim(tx_stat::text) as state, retry_cnt::bigint as retries,
       left(coalesce(err_cd::text, ''), 120) as code,
       left(coalesce(err_msg::text, ''), 400) as message,
       extract(epoch from clock_timestamp() - upd_dt)::float8 as age_s
from tb_link_tx_i
where tx_stat = 'FAIL'
   or (tx_stat in ('WAIT', 'PROC') and upd_dt < clock_timestamp() - make_interval(mins => $1))
order by tx_stat = 'FAIL' desc, upd_dt desc nulls last limit $2
""")


async def read_quality(context: StepContext, operation: ReadQuality) -> Reading:
    """One day's rows, those that failed first.

    Raises:
        OperationFailed: ``not_in_profile``.
        TransportError: as ``agent.transports.database``.
    """
    require_database(context)
    async with context.database() as database:
        total = (await database.rows(QUALITY_TOTALS, operation.date))[0]
        rows = await database.rows(QUALITY_ROWS, operation.date, operation.rows)
    level: Level = "warning" if total["failed"] else "normal"
    rate = round(100 * total["defects"] / total["quantity"], 2) if total["quantity"] else None
    day = {"date": operation.date.isoformat()}
    return Reading(
        level=level,
        facts=(
            Fact(name="quality_date", value=operation.date.isoformat()),
            Fact(name="quality_rows", value=total["rows"], unit="count"),
            Fact(name="quantity", value=total["quantity"], unit="count"),
            Fact(name="defects", value=total["defects"], unit="count"),
            Fact(name="defect_rate", value=rate, unit="percent"),
            Fact(name="quality_failed", value=total["failed"], unit="count", level=level),
        ),
        grids=(_quality_grid(rows, total["rows"]),) if rows else (),
        remarks=() if rows else (Remark(code="no_quality_rows", values=day),),
    )


def _quality_grid(rows: list[Found], count: int) -> Grid:
    columns = (
        Column(name="line"),
        Column(name="work_process"),
        Column(name="item"),
        Column(name="quantity", unit="count"),
        Column(name="defects", unit="count"),
        Column(name="quality", unit="word"),
        Column(name="registered", unit="instant"),
    )
    made = tuple(
        Row(
            cells=(
                *(_text(row[name]) for name in ("line", "process", "item")),
                row["quantity"],
                row["defects"],
                _RESULTS.get(row["result"], "unknown"),
                row["at"].isoformat() if row["at"] else None,
            ),
            level=_RESULT_LEVELS.get(row["result"], "unknown"),
        )
        for row in rows
    )
    return Grid(name="quality", columns=columns, rows=made, more=max(0, count - len(rows)))


async def read_transactions(context: StepContext, operation: ReadTransactions) -> Reading:
    """Failed transactions, then those that have not moved for so long; the latest first.

    Raises:
        OperationFailed: ``not_in_profile``.
        TransportError: as ``agent.transports.database``.
    """
    require_database(context)
    async with context.database() as database:
        total = (await database.rows(TRANSACTION_TOTALS, operation.stuck_minutes))[0]
        rows = await database.rows(TRANSACTION_ROWS, operation.stuck_minutes, operation.rows)
    failed: Level = "critical" if total["failed"] else "normal"
    stuck: Level = "warning" if total["stuck"] else "normal"
    minutes = {"minutes": str(operation.stuck_minutes)}
    return Reading(
        level=worst(failed, stuck),
        facts=(
            Fact(name="transactions_failed", value=total["failed"], unit="count", level=failed),
            Fact(name="transactions_stuck", value=total["stuck"], unit="count", level=stuck),
        ),
        grids=(_transaction_grid(rows, total["failed"] + total["stuck"]),) if rows else (),
        remarks=() if rows else (Remark(code="no_transactions", values=minutes),),
    )


def _transaction_grid(rows: list[Found], count: int) -> Grid:
    columns = (
        Column(name="transaction"),
        Column(name="interface"),
        Column(name="route"),
        Column(name="tx_state", unit="word"),
        Column(name="tx_age", unit="seconds"),
        Column(name="retries", unit="count"),
        Column(name="tx_error"),
    )
    made = tuple(
        Row(
            cells=(
                _text(row["tx"]),
                _text(row["interface"]),
                f"{_text(row['source'])} → {_text(row['destination'])}",
                _STATES.get(row["state"], "unknown"),
                None if row["age_s"] is None else round(row["age_s"]),
                row["retries"],
                _text(f"{row['code']} {row['message']}"),
            ),
            level="critical" if row["state"] == "FAIL" else "warning",
        )
        for row in rows
    )
    return Grid(name="transactions", columns=columns, rows=made, more=max(0, count - len(rows)))


def _text(value: str) -> str:
    """What somebody else's program wrote, safe to show: no address, no secret, one line."""
    return plain(masked(value.strip()))[:_TEXT_MAX]
