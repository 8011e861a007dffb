"""The tables, as SQLAlchemy Core.

Lists and labels are JSON text: they are read and written whole, never searched. Times are seconds since the epoch,
UTC. The migrations build exactly these tables (a test compares the two). Must not know: any database product.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

missions = Table(
    "missions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("environment", String(63), nullable=False),
    Column("agents", Text, nullable=False),
    Column("destinations", Text, nullable=False),
    Column("operations", Text, nullable=False),
    Column("opened_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("state", String(16), nullable=False),
    Column("template", String(63), nullable=False),
    Column("purpose", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("read_only", Boolean, nullable=False),
    Column("labels", Text, nullable=False),
    Column("ended_at", Float, nullable=True),
    Column("revision", Integer, nullable=False),
    Column("models", Text, nullable=False, server_default="[]"),
    Column("idle", Float, nullable=True),
    Column("budget", Text, nullable=False, server_default="{}"),
    Column("parent", String(32), nullable=False, server_default=""),
    Column("cause", Text, nullable=False, server_default=""),
    Index("missions_state", "state"),
    Index("missions_parent", "parent"),
)

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts about the installation as a whole."""
