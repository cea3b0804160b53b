"""When and in which portions systems are changed, from which repository, and behind which devices.

Owns: revision 0004. A revision that has shipped is never edited; the next one changes what it made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ROLLOUT = {"canary": "1", "batch_size": "1", "settle_s": "5"}
REPOSITORY = ("repository_name", "repository_url", "repository_folder")
ONE_KIND = "(web_node_id IS NULL) <> (device IS NULL)"


def upgrade() -> None:
    for table in ("jobs", "approvals"):
        op.add_column(table, sa.Column("run_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("approvals", sa.Column("seal", sa.String(), nullable=False, server_default=""))
    for name, default in ROLLOUT.items():
        op.add_column(
            "systems", sa.Column(name, sa.Integer(), nullable=False, server_default=default)
        )
    for name in REPOSITORY:
        op.add_column("systems", sa.Column(name, sa.String(), nullable=True))
    _create_freezes()
    _create_windows()
    _let_balancers_be_devices()


def downgrade() -> None:
    _let_balancers_be_web_nodes_only()
    op.drop_table("windows")
    op.drop_table("freezes")
    # Not in batch mode: SQLite would drop a table that others refer to.
    for name in (*REPOSITORY, *ROLLOUT):
        op.drop_column("systems", name)
    for table, name in (("approvals", "seal"), ("approvals", "run_at"), ("jobs", "run_at")):
        op.drop_column(table, name)


def _create_freezes() -> None:
    op.create_table(
        "freezes",
        sa.Column("freeze_id", sa.String(), nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("institution", sa.String(), nullable=True),
        sa.Column("system_code", sa.String(), nullable=True),
        sa.Column("environments", sa.JSON(), nullable=False),
        sa.CheckConstraint("(institution IS NULL) <> (system_code IS NULL)", name="one_scope"),
        sa.ForeignKeyConstraint(
            ["institution"], ["institutions.name"], name=op.f("fk_freezes_institution")
        ),
        sa.ForeignKeyConstraint(
            ["system_code"], ["systems.code"], name=op.f("fk_freezes_system_code")
        ),
        sa.PrimaryKeyConstraint("freeze_id", name=op.f("pk_freezes")),
    )


def _create_windows() -> None:
    op.create_table(
        "windows",
        sa.Column("system_code", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("weekdays", sa.JSON(), nullable=False),
        sa.Column("begin", sa.String(), nullable=False),
        sa.Column("end", sa.String(), nullable=False),
        sa.Column("environments", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["system_code"], ["systems.code"], name=op.f("fk_windows_system_code")
        ),
        sa.PrimaryKeyConstraint("system_code", "position", name=op.f("pk_windows")),
    )


# --- balancers: the primary key changes, so that the table is made anew and filled again ---------


def _let_balancers_be_devices() -> None:
    rows = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT node_id, web_node_id, member FROM balancers ORDER BY node_id, web_node_id"
            )
        )
        .all()
    )
    op.drop_table("balancers")
    table = op.create_table(
        "balancers",
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("web_node_id", sa.String(), nullable=True),
        sa.Column("device", sa.String(), nullable=True),
        sa.Column("member", sa.String(), nullable=False),
        sa.CheckConstraint(ONE_KIND, name="one_kind"),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.node_id"], name=op.f("fk_balancers_node_id")),
        sa.ForeignKeyConstraint(
            ["web_node_id"], ["nodes.node_id"], name=op.f("fk_balancers_web_node_id")
        ),
        sa.PrimaryKeyConstraint("node_id", "position", name=op.f("pk_balancers")),
    )
    seen: dict[str, int] = {}
    filled = []
    for node_id, web_node_id, member in rows:
        position = seen[node_id] = seen.get(node_id, -1) + 1
        filled.append(
            {
                "node_id": node_id,
                "position": position,
                "web_node_id": web_node_id,
                "member": member,
            }
        )
    op.bulk_insert(table, filled)


def _let_balancers_be_web_nodes_only() -> None:
    rows = (
        op.get_bind()
        .execute(
            sa.text(
                "SELECT node_id, web_node_id, member FROM balancers WHERE web_node_id IS NOT NULL"
            )
        )
        .all()
    )
    op.drop_table("balancers")
    table = op.create_table(
        "balancers",
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("web_node_id", sa.String(), nullable=False),
        sa.Column("member", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.node_id"], name=op.f("fk_balancers_node_id")),
        sa.ForeignKeyConstraint(
            ["web_node_id"], ["nodes.node_id"], name=op.f("fk_balancers_web_node_id")
        ),
        sa.PrimaryKeyConstraint("node_id", "web_node_id", name=op.f("pk_balancers")),
    )
    op.bulk_insert(
        table,
        [
            {"node_id": node_id, "web_node_id": web_node_id, "member": member}
            for node_id, web_node_id, member in rows
        ],
    )
