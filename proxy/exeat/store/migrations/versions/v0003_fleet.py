"""0003: the feed of changed missions, who acts on it, what missions have used up, and work with one holder.

Must not know: ``store.tables``, which moves on while this step stays as it is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them. Missions that are there count as version 0: whoever starts reads them all in any case."""
    op.add_column("missions", sa.Column("changed", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("missions", sa.Column("active_at", sa.Float, nullable=True))
    op.create_index("missions_changed", "missions", ["changed"])
    op.execute("INSERT INTO meta (key, value) VALUES ('feed', '0')")
    op.create_table(
        "replicas",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("acked", sa.BigInteger, nullable=False),
        sa.Column("lapsed", sa.Boolean, nullable=False),
        sa.Column("started_at", sa.Float, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    op.create_table(
        "budgets",
        sa.Column("mission", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("granted", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "mission_destinations",
        sa.Column("mission", sa.String(32), primary_key=True),
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("port", sa.Integer, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(128), primary_key=True),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until", sa.Float, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop them again."""
    for table in ("leases", "mission_destinations", "budgets", "replicas"):
        op.drop_table(table)
    op.execute("DELETE FROM meta WHERE key = 'feed'")
    op.drop_index("missions_changed", "missions")
    for name in ("active_at", "changed"):
        op.drop_column("missions", name)
