"""First tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "complaint_counters",
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_complaint_counters")),
    )
    op.create_table(
        "complaints",
        sa.Column("number", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=150), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("serial", sa.String(length=32), nullable=True),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=False),
        sa.Column("contact_number", sa.Text(), nullable=False),
        sa.Column("contact_number_index", sa.String(length=32), nullable=False),
        sa.Column("recording", sa.String(length=255), nullable=True),
        sa.Column("recording_s", sa.Double(), nullable=True),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("crm_reference", sa.String(length=255), nullable=True),
        sa.Column("filed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_complaints")),
        sa.UniqueConstraint("key", name=op.f("uq_complaints_key")),
    )
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_complaints_contact"), ["contact"], unique=False)
        batch_op.create_index(batch_op.f("ix_complaints_contact_number_index"), ["contact_number_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_complaints_filed_at"), ["filed_at"], unique=False)

    op.create_table(
        "contacts",
        sa.Column("id", sa.String(length=150), nullable=False),
        sa.Column("call", sa.String(length=150), nullable=False),
        sa.Column("sip_call_id", sa.String(length=255), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_index", sa.String(length=32), nullable=False),
        sa.Column("caller_name", sa.Text(), nullable=False),
        sa.Column("dialled", sa.String(length=80), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("flow_version", sa.String(length=32), nullable=False),
        sa.Column("served_by", sa.String(length=16), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("path", sa.JSON(), nullable=False),
        sa.Column("visits", sa.JSON(), nullable=False),
        sa.Column("progress", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contacts_caller_index"), ["caller_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_contacts_ended_at"), ["ended_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_contacts_sip_call_id"), ["sip_call_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_contacts_started_at"), ["started_at"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=150), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("caller_index", sa.String(length=32), nullable=False),
        sa.Column("recording", sa.String(length=255), nullable=False),
        sa.Column("recording_s", sa.Double(), nullable=True),
        sa.Column("incomplete", sa.Boolean(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
        sa.UniqueConstraint("key", name=op.f("uq_messages_key")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_messages_contact"), ["contact"], unique=False)
        batch_op.create_index(batch_op.f("ix_messages_taken_at"), ["taken_at"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("topic", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=150), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_state_next_attempt_at"), ["state", "next_attempt_at"], unique=False)

    op.create_table(
        "spool_imports",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("contact", sa.String(length=150), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["contact"], ["contacts.id"], name=op.f("fk_spool_imports_contact")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spool_imports")),
    )


def downgrade() -> None:
    op.drop_table("spool_imports")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_state_next_attempt_at"))

    op.drop_table("outbox")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_messages_taken_at"))
        batch_op.drop_index(batch_op.f("ix_messages_contact"))

    op.drop_table("messages")
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_contacts_started_at"))
        batch_op.drop_index(batch_op.f("ix_contacts_sip_call_id"))
        batch_op.drop_index(batch_op.f("ix_contacts_ended_at"))
        batch_op.drop_index(batch_op.f("ix_contacts_caller_index"))

    op.drop_table("contacts")
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_complaints_filed_at"))
        batch_op.drop_index(batch_op.f("ix_complaints_contact_number_index"))
        batch_op.drop_index(batch_op.f("ix_complaints_contact"))

    op.drop_table("complaints")
    op.drop_table("complaint_counters")
