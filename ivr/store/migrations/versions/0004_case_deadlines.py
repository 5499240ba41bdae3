"""When unanswered cases go up a level, and how often a customer rejected what he was told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from ivr.store.schema import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# As they stood when this was written: 50 %, 80 % and all of three days.
_AFTER = {1: timedelta(hours=36), 2: timedelta(hours=57, minutes=36), 3: timedelta(hours=72)}


def upgrade() -> None:
    deadlines = op.create_table(
        "case_deadlines",
        sa.Column("complaint", sa.String(length=20), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("settled_at", UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["complaint"], ["complaints.number"], name=op.f("fk_case_deadlines_complaint")),
        sa.PrimaryKeyConstraint("complaint", "round", "level", name=op.f("pk_case_deadlines")),
    )
    with op.batch_alter_table("case_deadlines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_deadlines_state_due_at"), ["state", "due_at"], unique=False)
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rejections", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("waits_since", sa.DateTime(timezone=True), nullable=True))
    complaints = sa.table(
        "complaints", sa.column("number", sa.String), sa.column("state", sa.String), sa.column("filed_at", UtcDateTime(timezone=True))
    )
    unanswered = sa.select(complaints.c.number, complaints.c.filed_at).where(complaints.c.state.in_(("open", "verified", "solved")))
    # What was due before nobody was told of: years of open cases, told at once, would keep the robots busy for hours.
    now = datetime.now(UTC)
    rows = [
        {"complaint": number, "round": 0, "level": level, "due_at": filed_at + after, "state": "due" if filed_at + after > now else "told"}
        for number, filed_at in op.get_bind().execute(unanswered)
        for level, after in _AFTER.items()
    ]
    if rows:
        op.bulk_insert(deadlines, rows)


def downgrade() -> None:
    op.drop_table("case_deadlines")
    for column in ("waits_since", "rejections"):  # in place: the forms' lines point to this table
        op.drop_column("complaints", column)
