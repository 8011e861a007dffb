"""The tables, as SQLAlchemy Core.

Lists and labels are JSON text: they are read and written whole, never searched. Times are seconds since the epoch,
UTC. The migrations build exactly these tables (a test compares the two). Must not know: any database product.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

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
    Column("changed", BigInteger, nullable=False, server_default="0"),
    Column("active_at", Float, nullable=True),
    Column("opened_by", Text, nullable=False, server_default=""),
    Index("missions_state", "state"),
    Index("missions_parent", "parent"),
    Index("missions_changed", "changed"),
)
"""``changed`` is the feed's version at the last write; ``active_at`` when a request last came, written beside the rest."""

destinations = Table(
    "destinations",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ticket", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("added_at", Float, nullable=False),
    Column("removed_by", Text, nullable=True),
    Column("removed_at", Float, nullable=True),
)
"""What admins added to the ceiling beside the configuration; a removed entry stays, for those who ask later."""

destination_uses = Table(
    "destination_uses",
    metadata,
    Column("destination", String(264), primary_key=True),
    Column("seen_at", Float, nullable=False),
    Column("used_at", Float, nullable=True),
    Column("agent", Text, nullable=False),
    Column("mission", String(32), nullable=False),
)
"""When an entry of the ceiling, ``host:port`` as written, was first there and last used, and by whom; a minute may be missing."""

meta = Table(
    "meta",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""Facts about the installation as a whole; ``feed`` counts the writes of missions."""

replicas = Table(
    "replicas",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("acked", BigInteger, nullable=False),
    Column("lapsed", Boolean, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)
"""Processes that act on missions, and the version of the feed up to which each has done so."""

budgets = Table(
    "budgets",
    metadata,
    Column("mission", String(32), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("granted", BigInteger, nullable=False),
)
"""What a mission has used up, or was lent to a worker; ``granted`` is what the last asking got."""

mission_destinations = Table(
    "mission_destinations",
    metadata,
    Column("mission", String(32), primary_key=True),
    Column("host", String(255), primary_key=True),
    Column("port", Integer, primary_key=True, autoincrement=False),
)
"""Where a mission has been."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("until", Float, nullable=False),
    Column("token", BigInteger, nullable=False),
)
"""Work that one process does at a time; ``token`` grows with every holder."""

admin_tokens = Table(
    "admin_tokens",
    metadata,
    Column("id", String(13), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("role", String(16), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("used_at", Float, nullable=True),
    Column("revoked_at", Float, nullable=True),
    Index(
        "admin_tokens_name",
        "name",
        unique=True,
        sqlite_where=text("revoked_at IS NULL"),
        postgresql_where=text("revoked_at IS NULL"),
    ),
)
"""Callers of the admin API; ``digest`` is the SHA-256 of a secret that is kept nowhere."""

approvals = Table(
    "approvals",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("session", String(128), nullable=False),
    Column("mission", String(32), nullable=False),
    Column("waiting", String(64), nullable=True),
    Column("until", Float, nullable=False),
    Column("times", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Index("approvals_state", "state", "until"),
    Index("approvals_session", "session"),
    Index("approvals_mission", "mission"),
    Index("approvals_waiting", "waiting", unique=True),
)
"""``waiting`` holds the binding of a question as long as it is one, so that one request is asked about once."""

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("changed_at", Float, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("previous", LargeBinary, nullable=True),
    Column("previous_until", Float, nullable=True),
)
"""Secrets that nobody reads here: each is sealed for its name and version, ``previous`` for the version before."""

issued_tokens = Table(
    "issued_tokens",
    metadata,
    Column("service", String(64), primary_key=True),
    Column("id", String(256), primary_key=True),
    Column("mission", String(32), nullable=False),
    Column("session", String(256), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("grade", String(8), nullable=False),
    Column("action", Text, nullable=False),
    Column("issued_at", Float, nullable=False),
    Column("expires_at", Float, nullable=True),
    Column("replica", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=True),
    Index("issued_tokens_mission", "mission"),
    Index("issued_tokens_expires_at", "expires_at"),
)
"""Tokens that live at issuers outside; ``sealed`` is what revokes one, and forgotten when it has."""

credential_uses = Table(
    "credential_uses",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("fingerprint", String(32), primary_key=True),
    Column("service", String(63), primary_key=True),
    Column("state", String(16), primary_key=True),
    Column("grade", String(8), primary_key=True),
    Column("agent", String(512), primary_key=True),
    Column("mission", String(32), primary_key=True),
    Column("place", String(16), primary_key=True),
    Column("host", String(255), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
)
"""How many requests brought which credential, by day since the epoch; ``fingerprint`` is its public id, ``agent`` a SPIFFE ID."""

credential_alerts = Table(
    "credential_alerts",
    metadata,
    Column("fingerprint", String(32), primary_key=True),
    Column("service", String(63), primary_key=True),
    Column("agent", String(512), primary_key=True),
    Column("mission", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("place", String(16), nullable=False),
    Column("host", String(255), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", Float, nullable=False),
    Column("last_at", Float, nullable=False),
    Column("writer", String(32), nullable=False),
    Column("recorded", Boolean, nullable=False),
)
"""A credential that nobody registered, once for each session that brought it; ``writer`` owes the audit a record until it is."""

credential_batches = Table(
    "credential_batches",
    metadata,
    Column("writer", String(32), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
)
"""The last batch of counts that each process wrote: one that is sent twice, its answer lost, is added once."""
