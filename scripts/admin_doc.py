"""Write docs/admin-api.md from the code: every call with the roles that may make it, and every metric.

Usage: scripts/admin_doc.py [--check]; with --check, only say whether the file is current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from exeat.admin.app import whole_description
from exeat.admin.metrics import METRICS
from exeat.admin.roles import Permission, Role

FILE = Path(__file__).parents[1] / "docs" / "admin-api.md"

HEAD = """\
# The admin API

<!-- Made by scripts/admin_doc.py from the code; change the code, then run it. -->

The only door through which missions are opened, changed and ended, and through which people watch. It listens on an address of its own
(`[admin] listen`, loopback), which the proxy dials for nobody. `exeat api schema` prints its OpenAPI 3.1 description, and
`GET /v1/openapi.json` serves it: handlers, permissions and the description come from one table, so none can say something else.

## Callers

| Caller | Shows | Role | Records say |
| --- | --- | --- | --- |
| the owner of the installation | the content of `[admin] token_file`, as `Authorization: Bearer` | admin | `admin` |
| a program or a colleague | a token of their own, as `Authorization: Bearer` | the token's | the token's name |
| a person in a browser | the cookie of a session, after `/login` | that of their group | `oidc:` and their name at the provider |

```console
exeat admin token create night-shift --role operator --expires 30d --out night.token   # shown once; kept only as a digest
exeat admin token list
exeat admin token revoke night-shift --reason "left the team"                          # opens nothing from then on, on any replica
EXEAT_ADMIN__TOKEN_FILE=night.token exeat mission list                                 # the command line as somebody else
```

A name belongs to one token that isn't revoked; a token lives 90 days unless told otherwise, 366 at most.

| Role | May |
| --- | --- |
"""

MIDDLE = """
An approver doesn't operate and an operator doesn't approve, so that what asks for two people needs two people. A refused call is
answered `role_insufficient` and recorded under the caller's name.

### Logging in

```toml
[admin]
url = "https://exeat.example.internal"        # where people reach it: a TLS proxy on this machine before admin.listen

[admin.oidc]
issuer = "https://login.example.com"
client_id = "exeat"
client_secret = "env:EXEAT_OIDC_SECRET"       # register <admin.url>/callback as redirect URI
claim = "groups"                              # in the ID token, else in userinfo; "realm_access.roles" looks inside
roles = { "security-team" = "approver", "platform" = "operator", "auditors" = "viewer" }   # the first that fits counts
session = "1h"
```

Authorization code with PKCE, state and nonce; the ID token is verified, an answer counts once and only in the browser that asked.
On a command line, `exeat login` prints a link; the browser that logs in there shows a code, and whoever types it into that terminal has the
session, in a file of their own, used where there is no `admin.token_file`. A link that somebody else made somebody open is worth nothing
without the code.

Sessions are in memory: a restart ends them, `POST /logout` ends one. A change made with a cookie needs `Origin` equal to our own and
the header `Exeat-Csrf` (any value); any call with another `Origin` is refused, whatever it shows. Over plain HTTP on loopback every local
program that a browser visits on the same address, whatever its port, is sent the cookie: give people an `https://` URL, where the
cookie is `__Host-`.

## Conventions

* Bodies are one JSON object; unknown fields, duplicate keys and other types are refused. Errors are RFC 9457 problems whose `code` is
  stable; `errors` names each wrong field.
* `Idempotency-Key` on any POST that changes something: the same key with the same request is done once and answered the same for ten
  minutes. Keys are each caller's own and are forgotten at a restart.
* Lists take `limit` and name the `next` page, `null` on the last.
* Every change is recorded before it is made, with `by`; so is every call that was refused or failed.
* The Host header has to be the listener's or that of `admin.url`.

`/healthz` says that the process lives, `/readyz` that requests can be served: the audit is written, the store answers, a worker is
current and not draining; else 503 `not_ready` with what is missing. Point load balancers at `/readyz`, supervisors at `/healthz`.

## What would be decided

`POST /access/v1/evaluation` and `/evaluations` answer AuthZEN 1.0. The question becomes a request that means it, and a worker judges
that request as any other, so the answer can't differ from the gate's. It knows no credential, so a policy that reads one sees `none`,
and no budget. Nothing is recorded, minted or sent; questions are counted.

```json
{"subject": {"type": "agent", "id": "prod/invoice-bot", "properties": {"mission": "m_…"}},
 "action": {"name": "github:issues/create"},
 "resource": {"type": "GitHub::Repo", "id": "acme/site"}}
```

A subject may also be `{"type": "session", "id": "<mission>/<agent>"}`; a resource `{"type": "url", "id": "https://…"}` with an HTTP
method as the action; `context.host` names one of a service's hosts. `context` of the answer holds the refusal code, the deciding
policies, the obligations, and whose approval would help.

## Calls

| Call | Needs | What |
| --- | --- | --- |
"""

METRIC_HEAD = """
## Metrics

`GET /metrics` in Prometheus' text format; a token of the role `metrics` may read nothing else. No label names an agent, mission, host or
path. Counts of several workers are added, those of workers that ended stay in.

| Metric | Kind | Labels | What |
| --- | --- | --- | --- |
"""
MEANS = {
    Permission.READ: "see missions, decisions, records, services; ask what would be decided",
    Permission.OPERATE: "open and change missions",
    Permission.APPROVE: "answer what is held for a human",
    Permission.ADMINISTER: "change who may call and what missions may be given",
    Permission.SCRAPE: "read figures",
}


def page() -> str:
    """The whole page."""
    roles = "".join(
        f"| {role} | {'; '.join(MEANS[permission] for permission in Permission if role.may(permission))} |\n"
        for role in Role
    )
    calls = "".join(
        f"| `{method.upper()} {path}` | {call['x-permission'] or 'nothing'} | {call['summary']} |\n"
        for path, methods in sorted(whole_description()["paths"].items())
        for method, call in methods.items()
    )
    metrics = "".join(
        f"| `{name}` | {meaning.kind} | {', '.join(f'`{label}`' for label in meaning.labels)} | {meaning.help} |\n"
        for name, meaning in METRICS.items()
    )
    return HEAD + roles + MIDDLE + calls + METRIC_HEAD + metrics


def main() -> int:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not FILE.exists() or FILE.read_text() != text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
