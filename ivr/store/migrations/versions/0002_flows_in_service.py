"""Published flows, overrides of the hours, ratings, remembered choices, PINs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "flow_versions",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sources", sa.JSON(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=64), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_versions")),
    )
    with op.batch_alter_table("flow_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_flow_versions_published_at"), ["published_at"], unique=False)

    op.create_table(
        "hours_overrides",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(length=64), nullable=False),
        sa.Column("set_from", sa.String(length=12), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hours_overrides")),
    )
    with op.batch_alter_table("hours_overrides", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hours_overrides_ends_at"), ["ends_at"], unique=False)

    op.create_table(
        "ratings",
        sa.Column("contact", sa.String(length=150), nullable=False),
        sa.Column("question", sa.String(length=48), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("queue", sa.String(length=32), nullable=True),
        sa.Column("agent", sa.String(length=64), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rating", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("contact", "question", name=op.f("pk_ratings")),
    )
    with op.batch_alter_table("ratings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ratings_offered_at"), ["offered_at"], unique=False)

    op.create_table(
        "remembered_choices",
        sa.Column("caller_index", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller_index", "name", name=op.f("pk_remembered_choices")),
    )
    op.create_table(
        "flow_service",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("trial", sa.String(length=32), nullable=True),
        sa.Column("share", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["trial"], ["flow_versions.id"], name=op.f("fk_flow_service_trial")),
        sa.ForeignKeyConstraint(["version"], ["flow_versions.id"], name=op.f("fk_flow_service_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_service")),
    )
    op.create_table(
        "supervisor_pins",
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("pin_hash", sa.String(length=255), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_supervisor_pins_user")),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_supervisor_pins")),
    )


def downgrade() -> None:
    for table in ("supervisor_pins", "flow_service", "remembered_choices", "ratings", "hours_overrides", "flow_versions"):
        op.drop_table(table)
