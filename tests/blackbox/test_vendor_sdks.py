"""grpcio, slack_sdk and boto3 as their vendors ship them, with placeholders alone, against servers that check: what policy allows works,
and what it forbids is told in words that each SDK hands to its caller."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from rig.config import free_port, operation, service
from rig.proxy import Exeat, clean_environment
from rig.tokens import TokenCheck
from servers.front import Front
from servers.launched import launched
from servers.moto_tables import NOT_VERIFIED, REGION, ROLE, furnish
from servers.s3_client import signed

ROOT = Path(__file__).parents[2]
PYTHON, SERVERS = ROOT / ".venv-clients" / "bin" / "python", ROOT / ".venv-servers" / "bin"
SCRIPT = ROOT / "tests" / "clients" / "scripts" / "vendor_calls.py"
ROOMS_SERVER = ROOT / "tests" / "clients" / "servers" / "serve_rooms.py"
DESCRIPTOR = ROOT / "tests" / "rig" / "rooms.pb"
MISSING = [str(each) for each in (PYTHON, SERVERS / "moto_server", SERVERS / "backlot") if not each.exists()]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")

ROOMS, TABLES, KEPT = "rooms.example.test", f"dynamodb.{REGION}.amazonaws.com", f"dynamodb.{REGION}.kept.test"
REFLECTION = "POST /grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
ROOMS_REAL = "rooms_live_canary_70c1d5be92"
SLACK_REAL = "admin-service-token"
"""What backlot calls its own."""
ACTIONS = {"items/get": "GetItem", "items/put": "PutItem", "items/batch-get": "BatchGetItem"}


@pytest.fixture(scope="module")
def config(config, authority, tmp_path_factory):
    """Three vendors' servers, and for each a resource that policy forbids."""
    folder = tmp_path_factory.mktemp("vendors")
    with ExitStack() as stack:
        stack.enter_context(rooms(config, authority, folder))
        config.slack = stack.enter_context(slack(config, authority, folder, stack))
        config.tables_front = stack.enter_context(tables(config, authority, folder, stack))
        yield config


def rooms(config, authority, folder):
    """A grpcio server with reflection; its service is described by the descriptor it was made from."""
    chain, key = authority.files(folder, ROOMS)
    pem, log, port = folder / "rooms.pem", folder / "rooms.jsonl", free_port()
    pem.write_bytes(key.read_bytes() + chain.read_bytes())
    log.touch()
    config.rooms_log = log
    calls = [
        operation(f"POST /acme.v1.Rooms/{name}", name.lower(), "write", reader="grpc", resource="Room", captures={"room": "/room/name"})
        for name in ("Enter", "Watch")
    ]  # fmt: skip
    config.tables["service"].append(
        service("rooms", ROOMS, operation(REFLECTION, "reflect", "read"), *calls, resource=[{"type": "Room", "id": "{room}"}],
                refusal="grpc", descriptor=str(DESCRIPTOR), shared={"source": "env:ROOMS_KEY"})
    )  # fmt: skip
    config.environ["ROOMS_KEY"] = ROOMS_REAL
    config.allow(ROOMS, local=port)
    config.template["operations"].append("rooms:*")
    config.policies["rooms.cedar"] = (
        '@id("no-red-room") @advice("The red room is closed.") forbid (principal, action, resource == Rooms::Room::"red");'
    )
    return launched(folder, port, str(PYTHON), str(ROOMS_SERVER), str(port), str(pem), str(DESCRIPTOR), str(log))


def slack(config, authority, folder, stack):
    """Backlot's Slack under Slack's name, by the built-in service with the key in custody."""
    data = {"BACKLOT_DATA_DIR": str(folder / "slack"), "DO_NOT_TRACK": "1"}
    backlot, port = str(SERVERS / "backlot"), free_port()
    subprocess.run([backlot, "import", "--bundled"], env=clean_environment() | data, cwd=folder, check=True, capture_output=True, timeout=60)  # fmt: skip
    stack.enter_context(
        launched(
            folder, port, backlot, "serve", "--port", str(port), "--disable-telemetry", "--no-proxy-headers", **data
        )
    )
    listed = httpx.get(f"http://127.0.0.1:{port}/slack/api/conversations.list", headers={"Authorization": f"Bearer {SLACK_REAL}"}, trust_env=False).json()  # fmt: skip
    config.open, config.closed = [each["id"] for each in listed["channels"]][:2]
    front = Front(authority, port, "slack.com", prefix="/slack")
    config.tables["service"].append({"name": "slack", "shared": {"source": "env:SLACK_BOT_TOKEN"}})
    config.environ["SLACK_BOT_TOKEN"] = SLACK_REAL
    config.allow("slack.com", local=front.port)
    config.template["operations"] += ["slack:conversations.list", "slack:chat.postMessage"]
    config.policies["slack.cedar"] = (
        f'@id("no-board") @advice("The board is not to be written to.") forbid (principal, action, resource == Slack::Channel::"{config.closed}");'
    )
    return front


def tables(config, authority, folder, stack):
    """Moto's DynamoDB under AWS's name, verifying signatures: the built-in service with sessions of a role."""
    port = free_port()
    stack.enter_context(
        launched(folder, port, str(SERVERS / "moto_server"), "-p", str(port), INITIAL_NO_AUTH_ACTION_COUNT=NOT_VERIFIED)
    )
    config.key = furnish(f"http://127.0.0.1:{port}")
    front = Front(authority, port, TABLES, KEPT)
    statements = {
        scope: {"actions": [f"dynamodb:{action}"], "resources": ["arn:aws:dynamodb:{first}:*:table/{rest}"]}
        for scope, action in ACTIONS.items()
    }
    issuer = {"kind": "aws", "role_arn": ROLE, "ttl": "900s", "region": REGION, "sts_url": f"http://127.0.0.1:{port}",
              "access_key": "env:TABLES_KEY", "statements": statements}  # fmt: skip
    config.tables["service"].append({"name": "aws-dynamodb", "issuer": issuer})
    config.environ["TABLES_KEY"] = ":".join(config.key)
    config.tables["service"].append(
        {
            "name": "kept",
            "like": "aws-dynamodb",
            "hosts": ["dynamodb.{region}.kept.test"],
            "shared": {"source": "env:TABLES_KEY"},
        }
    )
    for host in (TABLES, KEPT):
        config.allow(host, local=front.port)
    config.template["operations"] += [f"{name}:{scope}" for name in ("aws-dynamodb", "kept") for scope in ACTIONS]
    config.policies["tables.cedar"] = "".join(
        f'@id("no-salaries-{name}") @advice("Salaries are read by people.")\n'
        f'forbid (principal, action, resource == {name}::Table::"{REGION}/salaries");\n'
        for name in ("AwsDynamoDB", "Kept")
    )
    return front


def run(mission: dict[str, Any], *arguments: str) -> dict[str, Any]:
    """Run an agent in exactly the environment that the mission's opening gave."""
    plain = {name: value for name, value in clean_environment().items() if not name.startswith(("AWS_", "SLACK_"))}
    done = subprocess.run([str(PYTHON), str(SCRIPT), *arguments], capture_output=True, text=True, timeout=60, env=plain | mission["env"], check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(orjson.loads(done.stdout))


def decisions(exeat: Exeat, mission: dict[str, Any]) -> list[dict[str, Any]]:
    return exeat.audit_records("decision", mission=mission["mission"])


@pytest.mark.guard("grpc-refusal-status")
def test_grpcio_is_refused_by_the_field_that_names_the_resource(exeat, mission, config):
    said = run(mission, "rooms")
    assert said["services"] == ["acme.v1.Rooms", "grpc.reflection.v1alpha.ServerReflection"]
    for room in ("blue", "green"):
        assert said[f"enter {room}"] == room, said
        assert said[f"watch {room}"] == [room] * 3
    for refused in (said["enter red"], said["watch red"]):
        assert refused["code"] == "PERMISSION_DENIED"
        assert refused["text"].startswith("The red room is closed.")
        assert "policy_denied" in refused["text"]
        assert any(each["decision_id"] in refused["text"] for each in decisions(exeat, mission))
    reached = [orjson.loads(line) for line in config.rooms_log.read_bytes().splitlines()]
    assert [each["path"].rpartition("/")[2] for each in reached] == ["Enter", "Watch", "Enter", "Watch"]
    check = TokenCheck(exeat.jwks_url, f"https://{ROOMS}")
    for each in reached:
        claims, why = check.check([value for name, value in each["headers"] if name == "authorization"])
        assert claims, why


def test_slack_sdk_posts_where_it_may_and_prints_why_not_elsewhere(exeat, mission, config):
    config.slack.seen.clear()
    said = run(mission, "slack", config.open, config.closed, "#general")
    assert {config.open, config.closed} <= set(said["list"].values()), said
    posted = said[f"post {config.open}"]
    assert posted["ok"] is True, posted
    assert posted["message"]["text"] == "hello"
    refused = said[f"post {config.closed}"]
    assert refused["error"] == "SlackApiError"
    assert "The board is not to be written to." in refused["text"]
    assert "policy_denied" in refused["text"]
    assert "operation_unknown" in said["post #general"]["text"], "a name is another name of a channel"
    assert [each.path for each in config.slack.seen] == ["/api/conversations.list", "/api/chat.postMessage"]
    assert {each.headers["authorization"] for each in config.slack.seen} == {f"Bearer {SLACK_REAL}"}


@pytest.mark.guard("aws-refusal-id")
@pytest.mark.parametrize("kept", [False, True])
def test_boto3_is_told_in_awss_own_words_which_table_it_may_not_use(exeat, mission, config, kept):
    """With a session of a role, or with the long-lived key in custody: moto verifies every signature."""
    config.tables_front.seen.clear()
    said = run(mission, "tables", *([f"https://{KEPT}"] if kept else []))
    assert said["put orders"] is True, said
    assert said["get orders"]["what"] == {"S": "a refund"}
    for step in ("put salaries", "get salaries", "batch"):
        refused = said[step]
        assert (refused["error"], refused["code"]) == ("ClientError", "AccessDeniedException"), refused
        assert "Salaries are read by people." in refused["text"]
        assert refused["id"] in [each["decision_id"] for each in decisions(exeat, mission)]
    reached = config.tables_front.seen
    assert [each.headers["x-amz-target"].partition(".")[2] for each in reached] == ["PutItem", "GetItem"]
    for each in reached:
        assert mission["env"]["AWS_ACCESS_KEY_ID"] not in str(each)
        long_lived = f"Credential={config.key[0]}/" in each.headers["authorization"]
        assert (long_lived, "x-amz-security-token" in each.headers) == (kept, not kept)


def test_those_servers_refuse_what_is_not_real(mission, config):
    """Else the tests above would show nothing: a placeholder, sent past Exeat, opens neither."""
    slack = f"http://127.0.0.1:{config.slack.target}/slack/api/conversations.list"
    bearer = {"Authorization": f"Bearer {mission['env']['SLACK_BOT_TOKEN']}"}
    assert httpx.get(slack, headers=bearer, trust_env=False).json()["error"] == "invalid_auth"
    url = f"https://{TABLES}/"
    for pair in (f"{config.key[0]}:another-secret", mission["placeholders"]["kept"]):
        lines = signed(pair, "POST", url, b"{}", service="dynamodb", x_amz_target="DynamoDB_20120810.ListTables")
        answer = httpx.post(
            f"http://127.0.0.1:{config.tables_front.target}/", content=b"{}", trust_env=False,
            headers=[("host", TABLES), *(tuple(line.split(": ", 1)) for line in lines)],
        )  # fmt: skip
        assert answer.status_code == 403, answer.text


def test_nothing_real_was_written_down(exeat, config):
    written = exeat.everything_written()
    for secret in (ROOMS_REAL, SLACK_REAL, config.key[1]):
        assert secret.encode() not in written
