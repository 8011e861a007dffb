"""Write docs/refusals.md from the code: every reason, and the forms a refusal is told in.

Usage: scripts/refusals_doc.py [--check]; with --check, only say whether the file is current.
"""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import unquote

import orjson

from exeat.enforcement.formats.asked import Asked
from exeat.enforcement.formats.choose import Form, choose
from exeat.enforcement.refusal import render
from exeat.model.decision import Deny
from exeat.model.reason import EXPLANATIONS, Reason

FILE = Path(__file__).parents[1] / "docs" / "refusals.md"
_ID = "d_018f0000000000000000000000000000"

HEAD = """\
# Refusals

<!-- Made by scripts/refusals_doc.py from the code; change the code, then run it. -->

A refused request is answered inside the TLS session, with the reason, what to do, and a decision id. `exeat why ID` explains
it to an operator: who asked, which policy decided (file, line and text), what would have to change. It works without a running
proxy too, from the audit files.

Every refusal, whatever its form:

* has the fields `exeat-decision-id`, `proxy-status` (RFC 9209) and `cache-control: no-store`;
* holds fixed texts only, apart from a policy's own `@advice` and where admins say that approvers are found: nothing an agent, an upstream or a user wrote is quoted, but for
  the id of a JSON-RPC call (a number, or 64 letters, digits and `._:-` at most);
* is never a 401, which would make SDKs drop the key they hold;
* says over HTTP/1.1 in its reason phrase `Refused by Exeat: CODE DECISION`, which pip and wget print;
* has no body when it answers HEAD: the fields tell it all.

A request without a valid pass is answered 407 with problem details and a `Basic` challenge, whoever asks.

## Reasons

Codes keep their meaning for ever; new ones may be added. "Again" says that the same request may succeed later without
anybody changing anything.

"""

FORMS = {
    Form.PROBLEM: ("everybody else", Asked()),
    Form.JSON: ('`Accept` names JSON but not problem+json (octokit, openai, …); or service `refusal = "json"`', Asked(accept="application/json")),
    Form.TEXT: ('git, by user agent or `application/x-git-*`; a WebSocket handshake; or service `refusal = "git"`', Asked(user_agent="git/2")),
    Form.NPM: ('npm, pnpm, yarn, by user agent; or service `refusal = "npm"`', Asked(user_agent="npm/11")),
    Form.S3: ('`x-amz-content-sha256`; or service `refusal = "s3"`', Asked(amz=True, s3=True)),
    Form.AWS_QUERY: ("other AWS fields with a form body (STS, EC2, …)", Asked(amz=True, content_type="application/x-www-form-urlencoded")),
    Form.AWS_JSON: ("`x-amz-target`, and all other AWS fields", Asked(amz=True, amz_target=True)),
    Form.GRPC: ("a POST of `application/grpc*`, gRPC-Web too", Asked(method="POST", content_type="application/grpc", version="HTTP/2.0")),
    Form.GRAPHQL: ("`Accept` with `application/graphql-response+json`", Asked(accept="application/graphql-response+json")),
    Form.JSONRPC: (
        'MCP clients (`mcp-*` fields, or what their first message accepts); or service `refusal = "jsonrpc"`',
        Asked(setting="jsonrpc", rpc_id=7),
    ),
}  # fmt: skip

TAIL = """
Status codes of the other forms follow the table of reasons. A JSON-RPC error has status 200 when the id of the call is known
(the operation was read from the body), else the status of its reason and `"id": null`. gRPC: 403 is PERMISSION_DENIED (7), 400
INVALID_ARGUMENT (3), 429 RESOURCE_EXHAUSTED (8), what may be tried again UNAVAILABLE (14), the rest FAILED_PRECONDITION (9);
never UNAUTHENTICATED.

## What callers can't show

| Caller | Shows | Where to look |
| --- | --- | --- |
| boto3 `head_object`, any HEAD | the status: an answer to HEAD has no body | fields `exeat-decision-id`, `proxy-status` |
| `websockets`, aiohttp, `ws` handshakes | the status; `websockets` keeps the body in `exception.response.body` | `exeat why last` |
| uv, at an index | "403 Forbidden … check the credentials" | `exeat why last` |
| wget | the reason phrase; the body with `--content-on-error` | |
| curl `-f` | the status; `--fail-with-body` prints the body | |
| anything that is refused at CONNECT (no pass, no TLS inside, a loop) | at most the reason phrase | `exeat audit tail --denied` |
"""


def text() -> str:
    """The whole page."""
    lines = ["| Code | Status | What | What the agent is told to do | Again |", "| --- | --- | --- | --- | --- |"]
    for reason in Reason:
        told = EXPLANATIONS[reason]
        lines.append(f"| `{reason}` | {told.status} | {told.title} | {told.hint} | {'yes' if told.retryable else ''} |")
    lines += ["", "## Forms", ""]
    for form, (who, asked) in FORMS.items():
        if choose(asked) is not form:
            raise SystemExit(f"the example of {form} gets another form")
        refusal = render(Deny(Reason.POLICY_DENIED), _ID, asked)
        fields = dict(refusal.headers)
        shown = [f"HTTP {refusal.status}", f"content-type: {fields[b'content-type'].decode()}"]
        shown += [
            f"{name.decode()}: {unquote(value.decode())}"
            for name, value in refusal.headers
            if name.startswith((b"grpc-", b"x-amz"))
        ]
        shown += ["", _body(form, refusal.body)] if refusal.body else []
        lines += [f"### {form}", "", f"For {who}.", "", "```", *shown, "```", ""]
    return HEAD + "\n".join(lines) + TAIL


def _body(form: Form, body: bytes) -> str:
    """A body as one reads it; what another form shows already is left out."""
    if not body.startswith(b"{"):
        return body.decode().rstrip("\n")
    members = orjson.loads(body)
    if form is Form.JSON:
        return "{ the members of problem }"
    if form is Form.GRAPHQL:
        return f'{{ the members of problem, "errors": {orjson.dumps(members["errors"]).decode()} }}'
    if form is Form.NPM:
        return f'{{ the members of problem, "error": {orjson.dumps(members["error"]).decode()} }}'
    if form is Form.JSONRPC:
        members["error"]["data"] = "the members of problem"
    return orjson.dumps(members, option=orjson.OPT_INDENT_2).decode()


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(FILE.read_text("utf-8") != text())
    FILE.write_text(text(), "utf-8")
