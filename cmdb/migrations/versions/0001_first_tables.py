"""The first tables: jobs, people and rules, the estate, audit, agents, rooms.

Owns: revision 0001. A revision that has shipped is never edited; the next one changes what it made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "jobs",
    "approvals",
    "steps",
    "locks",
    "deployments",
    "dialogues",
    "people",
    "external_ids",
    "rules",
    "institutions",
    "systems",
    "srs",
    "nodes",
    "balancers",
    "access_records",
    "audit_events",
    "agents",
    "agent_tokens",
    "channels",
    "rooms",
    "room_members",
    "room_messages",
    "sign_in_codes",
)


def upgrade() -> None:
    _create_jobs()
    _create_verdicts_and_steps()
    _create_locks_and_history()
    _create_people()
    _create_estate()
    _create_nodes()
    _create_audit()
    _create_agents()
    _create_rooms()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("requester_id", sa.String(), nullable=False),
        sa.Column("requester_name", sa.String(), nullable=False),
        sa.Column("sr", sa.String(), nullable=True),
        sa.Column("conversation", sa.JSON(), nullable=False),
        sa.Column("thread_key", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fencing_token", sa.Integer(), nullable=False),
        sa.Column("card", sa.JSON(), nullable=True),
        sa.Column("progress", sa.JSON(), nullable=True),
        sa.Column("cancel_requested_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state"], unique=False)
    op.create_index(op.f("ix_jobs_thread_key"), "jobs", ["thread_key"], unique=False)


def _create_verdicts_and_steps() -> None:
    op.create_table(
        "approvals",
        sa.Column("approval_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("plan_digest", sa.String(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_approvals_job_id")),
        sa.PrimaryKeyConstraint("approval_id", name=op.f("pk_approvals")),
        sa.UniqueConstraint("job_id", "person_id", name=op.f("uq_approvals_job_id")),
    )
    op.create_table(
        "steps",
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("step_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_steps_job_id")),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_steps")),
        sa.UniqueConstraint("job_id", "step_id", name=op.f("uq_steps_job_id")),
    )


def _create_locks_and_history() -> None:
    op.create_table(
        "locks",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.Column("fencing_token", sa.Integer(), nullable=False),
        sa.Column("acquired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_locks")),
    )
    op.create_table(
        "deployments",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("backup_id", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=False),
        sa.Column("node_ids", sa.JSON(), nullable=False),
        sa.Column("sr", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paths", sa.JSON(), nullable=False),
        sa.Column("restarted", sa.Boolean(), nullable=False),
        sa.Column("undone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_deployments")),
    )
    op.create_index(
        op.f("ix_deployments_system_code"), "deployments", ["system_code"], unique=False
    )
    op.create_table(
        "dialogues",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("partial", sa.JSON(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "adapter", "channel", "thread", "person_id", name=op.f("pk_dialogues")
        ),
    )


def _create_people() -> None:
    op.create_table(
        "people",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("employee_no", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("institutions", sa.JSON(), nullable=False),
        sa.Column("all_institutions", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_people")),
    )
    op.create_table(
        "external_ids",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["people.person_id"], name=op.f("fk_external_ids_person_id")
        ),
        sa.PrimaryKeyConstraint("adapter", "tenant", "user_id", name=op.f("pk_external_ids")),
    )
    op.create_index(op.f("ix_external_ids_person_id"), "external_ids", ["person_id"], unique=False)
    op.create_table(
        "rules",
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("effect", sa.String(), nullable=False),
        sa.Column("rule", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_rules")),
    )


def _create_estate() -> None:
    op.create_table(
        "institutions",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_institutions")),
    )
    op.create_table(
        "systems",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("institution", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("criticality", sa.String(), nullable=False),
        sa.Column("manager", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["institution"], ["institutions.name"], name=op.f("fk_systems_institution")
        ),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_systems")),
    )
    op.create_index(op.f("ix_systems_institution"), "systems", ["institution"], unique=False)
    op.create_index(op.f("ix_systems_name"), "systems", ["name"], unique=False)
    op.create_table(
        "srs",
        sa.Column("sr_id", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("requested_at", sa.String(), nullable=False),
        sa.Column("due", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["system_code"], ["systems.code"], name=op.f("fk_srs_system_code")),
        sa.PrimaryKeyConstraint("sr_id", name=op.f("pk_srs")),
    )
    op.create_index(op.f("ix_srs_system_code"), "srs", ["system_code"], unique=False)


def _create_nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=False),
        sa.Column("env", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("ssh_port", sa.Integer(), nullable=False),
        sa.Column("ftp_port", sa.Integer(), nullable=False),
        sa.Column("transfer", sa.String(), nullable=False),
        sa.Column("os", sa.String(), nullable=False),
        sa.Column("os_user", sa.String(), nullable=False),
        sa.Column("deploy_path", sa.String(), nullable=False),
        sa.Column("backup_path", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("service_port", sa.Integer(), nullable=False),
        sa.Column("health_path", sa.String(), nullable=False),
        sa.Column("log_path", sa.String(), nullable=False),
        sa.Column("wire", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["system_code"], ["systems.code"], name=op.f("fk_nodes_system_code")
        ),
        sa.PrimaryKeyConstraint("node_id", name=op.f("pk_nodes")),
    )
    op.create_index(op.f("ix_nodes_system_code"), "nodes", ["system_code"], unique=False)
    op.create_table(
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
    op.create_table(
        "access_records",
        sa.Column("node_id", sa.String(), nullable=False),
        sa.Column("ciphertext", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"], ["nodes.node_id"], name=op.f("fk_access_records_node_id")
        ),
        sa.PrimaryKeyConstraint("node_id", name=op.f("pk_access_records")),
    )


def _create_audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("job_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_events")),
    )
    op.create_index(op.f("ix_audit_events_actor"), "audit_events", ["actor"], unique=False)
    op.create_index(op.f("ix_audit_events_job_id"), "audit_events", ["job_id"], unique=False)


def _create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("verify_key", sa.String(), nullable=False),
        sa.Column("seal_key", sa.String(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_agents")),
    )
    op.create_table(
        "agent_tokens",
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_agent_tokens")),
    )


def _create_rooms() -> None:
    op.create_table(
        "channels",
        sa.Column("adapter", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("system_code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["system_code"], ["systems.code"], name=op.f("fk_channels_system_code")
        ),
        sa.PrimaryKeyConstraint("adapter", "channel", name=op.f("pk_channels")),
    )
    op.create_table(
        "rooms",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("room_id", name=op.f("pk_rooms")),
    )
    op.create_table(
        "room_members",
        sa.Column("room_id", sa.String(), nullable=False),
        sa.Column("person_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["room_id"], ["rooms.room_id"], name=op.f("fk_room_members_room_id")
        ),
        sa.PrimaryKeyConstraint("room_id", "person_id", name=op.f("pk_room_members")),
    )
    op.create_index(op.f("ix_room_members_person_id"), "room_members", ["person_id"], unique=False)
    op.create_table(
        "room_messages",
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("room", sa.String(), nullable=False),
        sa.Column("thread", sa.String(), nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("only_for", sa.String(), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["room"], ["rooms.room_id"], name=op.f("fk_room_messages_room")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_room_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_room_messages_key")),
        sa.UniqueConstraint("room", "position", name=op.f("uq_room_messages_room")),
    )
    op.create_table(
        "sign_in_codes",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("code_digest", sa.String(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_sign_in_codes")),
        sa.UniqueConstraint("code_digest", name=op.f("uq_sign_in_codes_code_digest")),
    )
