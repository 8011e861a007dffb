"""S3 with placeholders: boto3 as it is, SeaweedFS as it is, and between them sessions that open one thing each."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from rig.config import operation, service
from rig.proxy import Exeat, clean_environment
from rig.wire import ask, refused, tunnel
from servers.s3_client import direct, signed, verified
from servers.seaweed import ADMIN_ID, ADMIN_SECRET, ROLE, Seaweed, missing
from servers.sts_relay import StsRelay

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
SCRIPT = ROOT / "tests" / "clients" / "scripts" / "aws_calls.py"
pytestmark = [
    pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}"),
    pytest.mark.skipif(not PYTHON.exists(), reason="not installed: .venv-clients (run scripts/setup-clients)"),
]
OBJECT, BUCKET = {"resource": "Object"}, {"resource": "Bucket"}
OPERATIONS = (
    operation("GET /{bucket}", "objects/list", "read", **BUCKET),
    operation("GET,HEAD /{bucket}/{key...}", "objects/get", "read", **OBJECT),
    operation("PUT,POST /{bucket}/{key...}", "objects/put", "write", **OBJECT),
    operation("DELETE /{bucket}/{key...}", "objects/delete", "delete", **OBJECT),
    operation("PUT /{bucket}", "buckets/create", "admin", **BUCKET),
)
RESOURCES = [{"type": "Bucket", "id": "{bucket}"}, {"type": "Object", "id": "{bucket}/{key}", "in": "Bucket"}]
STATEMENTS = {
    "objects/list": {"actions": ["s3:ListBucket"], "resources": ["arn:aws:s3:::{id}"]},
    "objects/get": {"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::{id}"]},
    "objects/put": {"actions": ["s3:PutObject", "s3:AbortMultipartUpload"], "resources": ["arn:aws:s3:::{id}"]},
}
SIGNED = {"in": "aws_sigv4"}
API = "abc123-execute-api.example.test"


def role(**more: Any) -> dict[str, Any]:
    return {"kind": "aws", "role_arn": ROLE, "ttl": "900s", "region": "eu-central-1", "statements": STATEMENTS} | more


@pytest.fixture(scope="module")
def config(config, authority, tmp_path_factory):
    """S3 by path and by host, keyless and with a long-lived key, custody of that key itself, and an API behind execute-api."""
    issuer = f"http://127.0.0.1:{config.admin_port}"
    names = ("keyed.example.test", "custody.example.test", "wrong.example.test", "like.example.test")
    folder = tmp_path_factory.mktemp("seaweed")
    with Seaweed(folder, authority, issuer, *names) as s3, StsRelay(s3.url) as relay:
        del config.policies["site.cedar"]  # it speaks of operations that are not here
        config.environ |= {"S3_KEY": f"{ADMIN_ID}:{ADMIN_SECRET}", "WRONG_KEY": f"{ADMIN_ID}:another-secret-altogether"}
        keyless = role(sts_url=relay.url, audience="s3", tags=True)
        add(config, "s3", s3.https, "s3.example.test", issuer=keyless)
        add(config, "keyed", s3.https, names[0], issuer=role(sts_url=relay.url, access_key="env:S3_KEY"))
        add(config, "custody", s3.https, names[1], shared={"source": "env:S3_KEY"})
        add(config, "wrong", s3.https, names[2], issuer=role(sts_url=relay.url, access_key="env:WRONG_KEY"))
        hosts = ["like.example.test"]
        config.tables["service"].append({"name": "like", "like": "aws-s3", "hosts": hosts, "issuer": keyless})
        config.allow(*hosts, local=s3.https)
        config.template["operations"].append("like:*")
        hosted = [{**each, "match": each["match"].replace("/{bucket}", "")} for each in OPERATIONS[1:4]]
        alpha = [{"type": "Object", "id": "alpha/{key}"}]
        add(config, "alpha", s3.https, "alpha.s3.example.test", *hosted, issuer=keyless, resource=alpha)
        invoke = {"api/call": {"actions": ["execute-api:Invoke"], "resources": ["arn:aws:execute-api:*:*:abc123/*"]}}
        calls = operation("GET,POST,PUT /echo", "api/call", "write")
        add(
            config,
            "api",
            None,
            API,
            calls,
            issuer=role(sts_url=relay.url, audience="s3", statements=invoke),
            resource=[],
        )
        config.seaweed, config.relay = s3, relay
        yield config


def add(config, name, port, host, *operations, **more):
    table = service(name, host, *(operations or OPERATIONS), credential=SIGNED, **{"resource": RESOURCES} | more)
    if "shared" in more:
        del table["issuer"]
    config.tables["service"].append(table)
    config.allow(host, local=port)
    config.template["operations"].append(f"{name}:*")


@pytest.fixture
def relay(config):
    config.relay.granted.clear()
    yield config.relay
    config.relay.honest()


@pytest.fixture
def aws(exeat, mission):
    """The agent's access key for everything of AWS's, as ``ID:SECRET``."""
    return mission["placeholders"]["s3"]


@pytest.fixture(scope="module")
def filled(exeat):
    """Two buckets with a thing in each, made with the key in custody."""
    opened = exeat.open()
    pair = opened["placeholders"]["custody"]
    for path, body in (("/alpha", b""), ("/beta", b""), ("/alpha/in/x", b"hello"), ("/beta/y", b"other")):
        lines = signed(pair, "PUT", f"https://custody.example.test{path}", body)
        assert ask(exeat, opened, "PUT", path, *lines, host="custody.example.test", body=body).status == 200


def boto3(mission: dict[str, Any], *wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Have boto3 make these calls in the environment that the mission's opening gave, and nothing of AWS beside it."""
    plain = {name: value for name, value in clean_environment().items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [str(PYTHON), str(SCRIPT)], input=json.dumps(wanted), capture_output=True, text=True, timeout=60,
        env=plain | mission["env"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert ADMIN_ID not in done.stdout
    said = orjson.loads(done.stdout)
    assert re.fullmatch(r"AKIAEXEAT[A-Z2-7]{11}", said["held"]["AWS_ACCESS_KEY_ID"])
    return list(said["outcomes"])


def outcome(exeat: Exeat, mission: dict[str, Any]) -> dict[str, Any]:
    return dict(exeat.audit_records("outcome", mission=mission["mission"])[-1])


def test_boto3_works_with_a_placeholder_alone(exeat, mission, filled, relay):
    """Objects up and down, listed, in parts and presigned, by path and by host, hashed, unsigned and with a trailer."""
    alpha = {"Bucket": "alpha"}
    odd = {**alpha, "Key": "in/y z(1)+ä~"}
    answers = boto3(
        mission,
        {"do": "get_object", "with": {**alpha, "Key": "in/x"}},
        {"do": "list_objects_v2", "with": {**alpha}},
        {"do": "put_object", "with": {**odd, "Body": "more"}, "endpoint": "https://keyed.example.test"},
        {"do": "get_object", "with": odd},
        {"do": "get_object", "with": {**alpha, "Key": "in/x"}, "style": "virtual"},
        {"do": "presigned", "of": "get_object", "with": {**alpha, "Key": "in/x"}},
        {"do": "presigned", "of": "put_object", "with": {**alpha, "Key": "in/p"}, "method": "PUT", "body": "presigned"},
        {"do": "get_object", "with": {**alpha, "Key": "in/p"}},
        {"do": "multipart", "size": 6 << 20, "with": {**alpha, "Key": "in/m"}},
        {"do": "head_object", "with": {**alpha, "Key": "in/m"}},
        {"do": "put_object", "with": {**alpha, "Key": "in/h", "Body": "hashed"}, "checksums": "when_required",
         "s3": {"payload_signing_enabled": True}},
        {"do": "get_object", "with": {**alpha, "Key": "in/h"}},
    )  # fmt: skip
    assert [each["status"] for each in answers] == [200] * len(answers), answers
    bodies = [each["body"] for each in answers]
    assert (bodies[0], bodies[3], bodies[4], bodies[5], bodies[7], bodies[11]) == (
        "hello", "more", "hello", "hello", "presigned", "hashed",
    )  # fmt: skip
    assert answers[1]["keys"] == ["in/x"]
    assert answers[9]["size"] == 6 << 20
    state = outcome(exeat, mission)["credential"]
    assert (state["state"], state["grade"]) == ("placeholder", "A")
    assert state["token"] in {each.key_id for each in relay.granted}
    words = [each.form["RoleSessionName"] for each in relay.granted]
    assert set(words) == {f"invoice-bot@{mission['mission']}"}
    written = exeat.everything_written()
    for each in relay.granted:
        assert each.secret.encode() not in written
        assert each.token.encode() not in written
    assert ADMIN_SECRET.encode() not in written


@pytest.mark.guard("aws-session-policy")
def test_a_session_opens_what_was_decided_and_nothing_else(exeat, mission, filled, aws, relay, config):
    """Whoever stole what Exeat minted could read that one object; the server refuses everything else."""
    lines = signed(aws, "GET", "https://s3.example.test/alpha/in/x")
    assert ask(exeat, mission, "GET", "/alpha/in/x", *lines, host="s3.example.test").body == b"hello"
    (granted,) = relay.granted
    url = config.seaweed.url
    assert direct(url, granted, "GET", "/alpha/in/x") == 200
    wider = [
        ("PUT", "/alpha/in/x"),
        ("DELETE", "/alpha/in/x"),
        ("GET", "/alpha"),
        ("GET", "/alpha/in/z"),
        ("GET", "/beta/y"),
    ]
    assert [direct(url, granted, *each) for each in wider] == [403] * len(wider)


@pytest.mark.guard("aws-literal-ids")
def test_a_wildcard_in_a_name_opens_nothing_else(exeat, mission, filled, aws, relay, config):
    """An object called ``*`` is one object."""
    lines = signed(aws, "GET", "https://s3.example.test/alpha/%2A")
    assert ask(exeat, mission, "GET", "/alpha/%2A", *lines, host="s3.example.test").status in (403, 404)
    assert direct(config.seaweed.url, relay.granted[0], "GET", "/alpha/in/x") == 403


def test_what_no_statement_covers_gets_no_token(exeat, mission, filled, aws, relay):
    """A permitted operation that the issuer says nothing about is refused; nothing is asked of STS."""
    lines = signed(aws, "DELETE", "https://s3.example.test/alpha/in/x")
    refused_s3(ask(exeat, mission, "DELETE", "/alpha/in/x", *lines, host="s3.example.test"), "token_unavailable", 503)
    assert relay.granted == []


def refused_s3(answer, code: str, status: int) -> None:
    """Asked by an SDK's signature, a refusal comes as S3 writes errors, or as problem details."""
    assert answer.status == status, (answer.status, answer.body[:300])
    assert code.encode() in answer.body, answer.body


@pytest.mark.guard("aws-foreign-key")
def test_any_other_access_key_is_foreign(exeat, mission, filled, aws, relay):
    """Somebody else's key, another agent's placeholder, an older kind of signature, and two signatures at once."""
    other = exeat.open(agent="report-bot")["placeholders"]["s3"]
    url = "https://s3.example.test/alpha/in/x"
    ours = signed(aws, "GET", url)
    tries = [
        signed(f"AKIAIOSFODNN7EXAMPLE:{'s' * 40}", "GET", url),
        signed(other, "GET", url),
        ["Authorization: AWS AKIAIOSFODNN7EXAMPLE:c2lnbmF0dXJl"],
        ["Authorization: Bearer token"],
    ]
    for lines in tries:
        refused_s3(ask(exeat, mission, "GET", "/alpha/in/x", *lines, host="s3.example.test"), "credential_foreign", 403)
    presigned = "/alpha/in/x?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE&X-Amz-Signature=1"
    refused_s3(ask(exeat, mission, "GET", presigned, *ours, host="s3.example.test"), "credential_foreign", 403)
    assert relay.granted == []


def test_a_long_lived_secret_is_written_down_nowhere(exeat, mission, filled, aws):
    """Without its id it is a secret too."""
    path = f"/alpha/{ADMIN_SECRET.replace('/', '_')}?x={ADMIN_SECRET.replace('+', '%2B')}"
    ask(exeat, mission, "GET", path, *signed(aws, "GET", f"https://s3.example.test{path}"), host="s3.example.test")
    assert ADMIN_SECRET.encode() not in exeat.everything_written()


def test_a_request_without_a_signature_is_told_what_to_do(exeat, mission, filled):
    """Nobody knows for which region it would be signed."""
    answer = ask(exeat, mission, "GET", "/alpha/in/x", host="s3.example.test")
    problem = refused(answer, "request_malformed", status=400)
    assert "placeholder" in json.dumps(problem)


def test_a_wrong_long_lived_key_is_refused_by_the_server(exeat, mission, filled, aws):
    """STS says no, and the agent is told that there is no token."""
    lines = signed(aws, "GET", "https://wrong.example.test/alpha/in/x")
    refused_s3(ask(exeat, mission, "GET", "/alpha/in/x", *lines, host="wrong.example.test"), "token_unavailable", 503)
    assert "SignatureDoesNotMatch" in json.dumps(exeat.audit_records("outcome", mission=mission["mission"])[-1])


@pytest.mark.guard("aws-granted-life")
@pytest.mark.guard("aws-granted-role")
@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        (rb"<Expiration>....", b"<Expiration>2099"),
        (rb"assumed-role/agent", b"assumed-role/admin"),
    ],
)  # fmt: skip
def test_a_grant_wider_than_asked_is_refused(exeat, mission, filled, aws, relay, pattern, instead):
    """A longer life or another role: nothing is sent with it."""
    relay.change = lambda answer: re.sub(pattern, instead, answer)
    lines = signed(aws, "GET", "https://keyed.example.test/alpha/in/x")
    refused_s3(ask(exeat, mission, "GET", "/alpha/in/x", *lines, host="keyed.example.test"), "token_too_wide", 503)
    assert outcome(exeat, mission)["outcome"] == "not_sent"


def test_sts_late_gone_or_talking_nonsense_costs_one_refusal(exeat, mission, filled, aws, relay):
    """Each is refused in time; afterwards all is as before."""
    lines = signed(aws, "GET", "https://keyed.example.test/alpha/in/x")

    def get():
        return ask(exeat, mission, "GET", "/alpha/in/x", *lines, host="keyed.example.test")

    relay.change = lambda _: b"<html>welcome</html>"
    refused_s3(get(), "token_unavailable", 503)
    relay.honest()
    relay.delay = 6
    started = time.monotonic()
    refused_s3(get(), "token_unavailable", 503)
    assert time.monotonic() - started < 6
    relay.honest()
    relay.down = True
    time.sleep(1.1)  # it is left alone for a second
    refused_s3(get(), "token_unavailable", 503)
    relay.honest()
    time.sleep(2.1)
    assert get().status == 200


def test_a_session_is_dropped_with_its_mission_and_named_with_its_end(exeat, mission, filled, aws, relay):
    """AWS can't end a session: it is forgotten here, and the record says until when it lives."""
    lines = signed(aws, "GET", "https://s3.example.test/alpha/in/x")
    assert ask(exeat, mission, "GET", "/alpha/in/x", *lines, host="s3.example.test").status == 200
    applied = exeat.end(mission)["applied"]
    assert applied["tokens_revoked"] == 0, applied
    assert relay.granted[0].key_id in json.dumps(applied), applied


def aws_chunked(pieces: list[bytes]) -> bytes:
    """A body as Java's SDK frames it; the signatures are the agent's own, which nobody verifies."""
    return b"".join(
        b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), b"ab" * 32, piece) for piece in (*pieces, b"")
    )  # fmt: skip


def test_signed_chunks_are_signed_anew_as_they_stream(exeat, mission, filled, aws, relay, config):
    """SeaweedFS verifies each chunk's signature: what it stores is what the agent sent."""
    content, url = [b"x" * 65536, b"y" * 70000, b"z"], "https://s3.example.test/alpha/in/c"
    body = aws_chunked(content)
    size = str(sum(map(len, content)))
    more = {"x_amz_content_sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "x_amz_decoded_content_length": size,
            "content_encoding": "aws-chunked"}  # fmt: skip
    lines = signed(aws, "PUT", url, **more)
    assert ask(exeat, mission, "PUT", "/alpha/in/c", *lines, host="s3.example.test", body=body).status == 200
    get = signed(aws, "GET", url)
    assert ask(exeat, mission, "GET", "/alpha/in/c", *get, host="s3.example.test").body == b"".join(content)
    broken = body.replace(b";chunk-signature=", b";chunk-Signature=", 2)
    answer = ask(exeat, mission, "PUT", "/alpha/in/d", *signed(aws, "PUT", url.replace("in/c", "in/d"), **more),
                 host="s3.example.test", body=broken)  # fmt: skip
    refused_s3(answer, "request_malformed", 400)
    get = signed(aws, "GET", url.replace("in/c", "in/d"))
    assert ask(exeat, mission, "GET", "/alpha/in/d", *get, host="s3.example.test").status == 404


def test_an_api_gets_a_signature_over_exactly_what_it_sees(exeat, mission, origin, aws, relay):
    """The body is hashed, for no field tells its hash; tags stand beside the signature."""
    body, url = b'{"refund": 1}', f"https://{API}/echo?b=2&a=%20c"
    lines = signed(aws, "POST", url, body, service="execute-api", content_type="application/json")
    assert ask(exeat, mission, "POST", "/echo?b=2&a=%20c", *lines, host=API, body=body).status == 200
    (granted,), seen = relay.granted, origin.last
    assert verified(granted, "POST", url, seen.headers, bytes(seen.body), "execute-api")
    assert seen.one("exeat-mission") == mission["mission"]
    assert aws.partition(":")[0] not in str(seen.headers)


@pytest.mark.guard("aws-body-hash")
def test_a_body_that_was_not_signed_is_not_sent_whole(exeat, mission, origin, aws, relay):
    """The agent's own hash is checked, as AWS would: the origin never has all of another body."""
    body, url = b"a" * 300_000, f"https://{API}/echo"
    lines = signed(aws, "PUT", url, body, service="s3")
    assert ask(exeat, mission, "PUT", "/echo", *lines, host=API, body=body).status == 200
    assert verified(relay.granted[0], "PUT", url, origin.last.headers, body, "s3")
    origin.clear()
    answer = ask(exeat, mission, "PUT", "/echo", *lines, host=API, body=b"b" + body[1:])
    assert answer.status in (0, 400), (answer.status, answer.body[:200])
    assert not any(seen.complete for seen in origin.requests)
    assert outcome(exeat, mission)["code"] == "request_malformed"


def test_the_built_in_description_of_s3_needs_an_issuer_and_nothing_else(exeat, mission, filled, relay):
    """Its operations are what the issuer's statements are named after."""
    like = {"endpoint": "https://like.example.test"}
    answers = boto3(
        mission,
        {"do": "put_object", "with": {"Bucket": "alpha", "Key": "in/b", "Body": "built in"}, **like},
        {"do": "get_object", "with": {"Bucket": "alpha", "Key": "in/b"}, **like},
        {"do": "delete_object", "with": {"Bucket": "alpha", "Key": "in/b"}, **like},
    )
    assert [each["status"] for each in answers] == [200, 200, 503], answers
    assert answers[1]["body"] == "built in"


def test_an_expired_presigned_request_is_refused(exeat, mission, filled, aws, relay):
    """Its own time holds, though it would be signed anew."""
    key = aws.partition(":")[0]
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={key}%2F20200101%2Feu-central-1%2Fs3%2Faws4_request"
        f"&X-Amz-Date=20200101T000000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature={'0' * 64}"
    )
    answer = ask(exeat, mission, "GET", f"/alpha/in/x?{query}", host="s3.example.test")
    refused_s3(answer, "request_malformed", 400)
    assert relay.granted == []


def test_a_connection_serves_one_signed_request_after_the_other(exeat, mission, filled, aws):
    """Signatures are of requests, not of connections."""
    with tunnel(exeat, mission, "s3.example.test") as wire:
        for _ in range(3):
            lines = signed(aws, "GET", "https://s3.example.test/alpha/in/x")
            assert wire.request("GET", "/alpha/in/x", *lines, host="s3.example.test").body == b"hello"
