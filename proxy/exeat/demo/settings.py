"""The demo's ``exeat.toml`` and policies, written as a reader would write them.

Must not know: processes, what happens with them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

HOST = "api.acme.test"
ELSEWHERE = "paste.elsewhere.test"

_SETTINGS = """\
[proxy]
listen = ["http://127.0.0.1:{proxy}"]

[admin]
listen = "http://127.0.0.1:{admin}"

[policy]
path = "policies"

[upstream]
ca_file = "saas-ca.pem"
resolve = {{ "{host}:443" = "127.0.0.1:{saas}", "{elsewhere_host}:443" = "127.0.0.1:{elsewhere}" }}

[[destination]]                      # what admins allow at all; {elsewhere_host} isn't here
host = "{host}"
owner = "payments"
reason = "refund API"
expires = {later}

[[agent]]
name = "legacy-bot"
environment = "prod"

[[service]]
name = "acme"
hosts = ["{host}"]
credential = {{ in = "header", name = "Authorization", scheme = "Bearer" }}
shared = {{ source = "env:ACME_KEY", retire_by = {later} }}
issuer = {{ kind = "jwt", audience = "https://{host}", ttl = "60s" }}

[[service.operation]]
match = "GET /v1/refunds"
action = "refunds/list"
group = "read"

[[service.operation]]
match = "POST /v1/refunds"
action = "refunds/create"
group = "write"

[[service.operation]]
match = "POST /v1/payouts"
action = "payouts/create"
group = "write"

[[service.operation]]
match = "GET /v1/events"
action = "events/follow"
group = "read"

[[mission_template]]
name = "refunds"
destinations = ["{host}:443"]
operations = ["acme:read", "acme:write"]
ttl = "10m"
"""

_POLICY = """\
// What a mission was opened for.
@id("mission-operations")
permit (principal, action, resource)
when { action in principal.operations };

// The mission may write, but money leaves the house by hand only.
@id("payouts-by-hand")
@reason("policy_denied")
@advice("Payouts are made by the treasury team, never by an agent.")
forbid (principal, action == Action::"acme:payouts/create", resource);
"""


def write_settings(folder: Path, *, proxy: int, admin: int, saas: int, elsewhere: int) -> Path:
    """Write the settings for these ports, and the policies; return the settings' file."""
    later = (datetime.now(UTC) + timedelta(days=180)).date().isoformat()
    (folder / "policies").mkdir()
    (folder / "policies" / "demo.cedar").write_text(_POLICY, "utf-8")
    file = folder / "exeat.toml"
    file.write_text(
        _SETTINGS.format(
            proxy=proxy, admin=admin, saas=saas, elsewhere=elsewhere, later=later, host=HOST, elsewhere_host=ELSEWHERE
        ),
        "utf-8",
    )
    return file
