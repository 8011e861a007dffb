"""Cloud APIs, Slack and gRPC through a serving Exeat: Amazon's own client works where it may, and tricks reach no origin."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rig.config import SHARED_KEY, operation, service
from rig.origin import Origin
from rig.wire import ask
from rig.wire_h2 import H2Wire

REGION = "eu-central-1"
S3, TABLES = f"s3.{REGION}.amazonaws.com", f"dynamodb.{REGION}.amazonaws.com"
ROOMS = "grpc.example.test"
GRPC = [("content-type", "application/grpc"), ("te", "trailers")]
FORM, JSON = "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json"


NAMES = (S3, f"acme.{S3}", f"logs.acme.com.{S3}", f"vault.{S3}", TABLES, "slack.com", ROOMS)


@pytest.fixture(scope="module")
def origin(authority):
    """An origin under the names of those services."""
    with Origin(authority, *NAMES, "*.example.test") as running:
        yield running


def configure(config, origin):
    for host in NAMES:
        config.allow(host)
    open_credential = {"credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"}}
    config.tables["service"] += [
        {"name": "aws-s3", **open_credential}, {"name": "aws-dynamodb", **open_credential}, {"name": "slack"},
        service("rooms", ROOMS, operation("POST /acme.v1.Rooms/Enter", "enter", "write", reader="grpc", resource="Room", captures={"room": "/room/name"}),
                resource=[{"type": "Room", "id": "{room}"}], refusal="grpc", descriptor=str(Path(__file__).parents[1] / "rig" / "rooms.pb")),
    ]  # fmt: skip
    config.template["operations"] += [
        "aws-s3:read", "aws-s3:objects/put", "aws-s3:objects/copy", "aws-s3:objects/delete", "aws-dynamodb:read", "slack:chat.postMessage", "slack:read", "rooms:enter",
    ]  # fmt: skip
    config.policies["resources.cedar"] = """
@id("no-vault") forbid (principal, action, resource in AwsS3::Bucket::"vault");
@id("no-salaries") forbid (principal, action, resource == AwsDynamoDB::Table::"eu-central-1/salaries");
@id("no-board") forbid (principal, action, resource == Slack::Channel::"C0BOARD");
@id("no-red-room") forbid (principal, action, resource == Rooms::Room::"red");
"""


@pytest.fixture
def amazon(mission, tmp_path):
    """Amazon's client, unsigned, with nothing but the mission's proxy and authority."""
    session = botocore.session.Session()
    made = []

    def client(name, style="path"):
        config = Config(signature_version=UNSIGNED, proxies={"https": mission["proxy_url"]}, s3={"addressing_style": style}, retries={"total_max_attempts": 1},
                        read_timeout=20, connect_timeout=20)  # fmt: skip
        made.append(session.create_client(name, REGION, config=config, verify=mission["ca_file"]))
        return made[-1]

    yield client
    for each in made:
        each.close()


def untouched(origin):
    origin.wait_quiet(0.05)
    return origin.requests == []


def code_of(exeat, mission):
    """The reason of the last decision: each of these services has a form of refusal of its own."""
    return exeat.audit_records("decision", mission=mission["mission"])[-1]["code"]


def meant(exeat, mission):
    return [(each["action"], each["resource"]) for each in exeat.audit_records("decision", mission=mission["mission"])]


@pytest.mark.parametrize(("style", "bucket"), [("path", "acme"), ("virtual", "acme"), ("virtual", "logs.acme.com")])
def test_s3_is_judged_by_bucket_and_key_in_either_style(exeat, mission, origin, amazon, style, bucket):
    with suppress(ClientError):  # the origin answers, but not as S3 does
        amazon("s3", style).put_object(Bucket=bucket, Key="2026/ä b.pdf", Body=b"x" * 70_000)
    assert origin.last.method == "PUT"
    assert origin.last.length >= 70_000
    assert meant(exeat, mission) == [("aws-s3:objects/put", f'AwsS3::Object::"{bucket}/2026/ä b.pdf"')]


def test_what_s3_may_not_is_refused_in_its_own_words_and_reaches_no_origin(exeat, mission, origin, amazon):
    s3, source = amazon("s3"), {"Bucket": "vault", "Key": "k"}
    for call, code in (
        (lambda: s3.get_object(Bucket="vault", Key="k"), "policy_denied"), (lambda: amazon("s3", "virtual").get_object(Bucket="vault", Key="k"), "policy_denied"),
        (lambda: s3.copy_object(Bucket="acme", Key="k", CopySource=source), "policy_denied"), (lambda: s3.put_object(Bucket="acme", Key="k", ACL="public-read"), "policy_denied"),
        (lambda: s3.delete_objects(Bucket="vault", Delete={"Objects": [{"Key": "k"}]}), "policy_denied"), (lambda: s3.put_bucket_policy(Bucket="acme", Policy="{}"), "policy_denied"),
        (lambda: s3.delete_objects(Bucket="acme", Delete={"Objects": [{"Key": "a"}, {"Key": "b", "VersionId": "1"}]}), "policy_denied"),
        (lambda: s3.get_object(Bucket="acme", Key="a//b"), "request_malformed"), (lambda: s3.rename_object(Bucket="acme", Key="a", RenameSource="b"), "operation_unknown"),
    ):  # fmt: skip
        with pytest.raises((ClientError, BotoCoreError)) as error:
            call()
        assert code_of(exeat, mission) == code, error.value
    assert untouched(origin)


@pytest.mark.parametrize(("head", "code"), [
    ("GET /acme/k?acl&torrent", "operation_unknown"), ("GET /acme/k?%61cl", "request_malformed"), ("GET /acme/../vault/k", "request_malformed"), ("GET /acme%2fk", "request_malformed"),
    ("GET /acme/a+b", "request_malformed"), ("POST /acme", "operation_unknown"), ("GET /acme-s3alias/k", "request_malformed"),
])  # fmt: skip
def test_s3_requests_with_two_readings_reach_no_origin(exeat, mission, origin, head, code):
    method, path = head.split(" ")
    assert ask(exeat, mission, method, path, host=S3).status in (400, 403)
    assert code_of(exeat, mission) == code
    assert untouched(origin)


def test_dynamodb_is_judged_by_each_of_its_tables(exeat, mission, origin, amazon):
    tables, key = amazon("dynamodb"), {"id": {"S": "1"}}
    tables.get_item(TableName="orders", Key=key)
    assert origin.last.one("x-amz-target") == "DynamoDB_20120810.GetItem"
    sent = len(origin.requests)
    for call in (
        lambda: tables.get_item(TableName="salaries", Key=key), lambda: tables.batch_get_item(RequestItems={"orders": {"Keys": [key]}, "salaries": {"Keys": [key]}}),
        lambda: tables.get_item(TableName=f"arn:aws:dynamodb:{REGION}:123456789012:table/salaries", Key=key), lambda: tables.put_item(TableName="orders", Item=key),
    ):  # fmt: skip
        with pytest.raises((ClientError, BotoCoreError)):
            call()
    assert len(origin.requests) == sent
    assert meant(exeat, mission)[0] == ("aws-dynamodb:items/get", f'AwsDynamoDB::Table::"{REGION}/orders"')


@pytest.mark.parametrize(("path", "fields", "body", "code"), [
    ("/api/chat.postMessage", JSON, b'{"channel": "C0TEAM", "text": "hi"}', ""), ("/api/chat.postMessage", FORM, b"channel=C0TEAM&text=hi", ""),
    ("/api/chat.postMessage", JSON, b'{"channel": "C0BOARD", "text": "hi"}', "policy_denied"), ("/api/chat.postMessage", FORM, b"channel=C0BOARD&text=hi", "policy_denied"),
    ("/api/chat.postMessage?channel=C0TEAM", FORM, b"channel=C0BOARD&text=hi", "request_malformed"), ("/api/chat.postMessage", FORM, b"channel=C0TEAM&channel=C0BOARD", "request_malformed"),
    ("/api/chat.postMessage", FORM, b"channel=C0TEAM&chan%6eel=C0BOARD", "request_malformed"), ("/api/chat.postMessage", JSON, b'{"channel": "C0TEAM", "Channel": "C0BOARD"}', "request_malformed"),
    ("/api/chat.postMessage", JSON, b'{"channel": "#board", "text": "hi"}', "operation_unknown"), ("/api/chat.postMessage", FORM, b"channel=C0TEAM&token=xoxb-other", "credential_foreign"),
    ("/api/chat.postMessage", "Content-Type: text/plain", b"channel=C0TEAM", "request_malformed"), ("/api/chat.postMessage", JSON, b"channel=C0TEAM", "request_malformed"),
])  # fmt: skip
def test_a_slack_message_is_judged_by_its_channel_wherever_that_stands(
    exeat, mission, origin, path, fields, body, code
):
    answer = ask(exeat, mission, "POST", path, fields, host="slack.com", body=body)
    if code:
        assert answer.status in (400, 403)
        assert code_of(exeat, mission) == code
        assert untouched(origin)
    else:
        assert bytes(origin.last.body) == body


BLUE, RED = b"\x0a\x06\x0a\x04blue", b"\x0a\x05\x0a\x03red"


@pytest.mark.guard("grpc-field-twice")
@pytest.mark.parametrize(("message", "flag", "code"), [
    (BLUE, 0, ""), (RED, 0, "policy_denied"), (BLUE + RED, 0, "request_malformed"), (b"\x0a\x0b\x0a\x04blue\x0a\x03red", 0, "request_malformed"), (BLUE + b"\xf2\x07\x01x", 0, "request_malformed"),
    (BLUE, 1, "request_malformed"), (b"", 0, "operation_unknown"),
])  # fmt: skip
def test_a_grpc_call_is_judged_by_its_message(exeat, mission, origin, message, flag, code):
    with H2Wire(exeat, mission, ROOMS) as wire:
        number = wire.open("POST", "/acme.v1.Rooms/Enter", *GRPC, end=False)
        body = bytes([flag]) + len(message).to_bytes(4, "big") + message
        wire.data(number, body)
        answer = wire.finish(number)
    if code:
        assert answer.header("grpc-status") not in ("", "0")
        assert code_of(exeat, mission) == code
        assert untouched(origin)
    else:
        assert answer.status == 200
        assert bytes(origin.last.body) == body


def test_nothing_real_is_written_down(exeat, mission):
    assert SHARED_KEY.encode() not in exeat.everything_written()
