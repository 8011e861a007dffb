"""0008: which credentials agents bring, and the alerts about those that nobody registered.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, empty: what was brought before nobody has counted."""
    op.create_table(
        "credential_uses",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("fingerprint", sa.String(32), primary_key=True),
        sa.Column("service", sa.String(63), primary_key=True),
        sa.Column("state", sa.String(16), primary_key=True),
        sa.Column("grade", sa.String(8), primary_key=True),
        sa.Column("agent", sa.String(512), primary_key=True),
        sa.Column("mission", sa.String(32), primary_key=True),
        sa.Column("place", sa.String(16), primary_key=True),
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.Float, nullable=False),
        sa.Column("last_at", sa.Float, nullable=False),
    )
    op.create_table(
        "credential_alerts",
        sa.Column("fingerprint", sa.String(32), primary_key=True),
        sa.Column("service", sa.String(63), primary_key=True),
        sa.Column("agent", sa.String(512), primary_key=True),
        sa.Column("mission", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("place", sa.String(16), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("first_at", sa.Float, nullable=False),
        sa.Column("last_at", sa.Float, nullable=False),
        sa.Column("writer", sa.String(32), nullable=False),
        sa.Column("recorded", sa.Boolean, nullable=False),
    )
    op.create_table(
        "credential_batches",
        sa.Column("writer", sa.String(32), primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop them again."""
    for name in ("credential_batches", "credential_alerts", "credential_uses"):
        op.drop_table(name)
