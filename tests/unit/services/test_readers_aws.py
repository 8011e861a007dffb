"""AWS's query and JSON protocols: what Amazon's own client sends is read as it was meant; two readings are refused."""

from __future__ import annotations

import botocore.session
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from readers_kit import posted

from exeat.cli.examples import try_examples
from exeat.config.tables.service import ExampleTable
from exeat.decision.classify import Unread, classify, classify_body
from exeat.decision.normalize import normalize
from exeat.model.decision import Deny
from exeat.model.request import Tunnel, WireRequest
from exeat.services.catalogue import build_catalogue, built_in
from exeat.services.readers.aws import nested, read_aws
from exeat.services.readers.reading import UnreadableError

FORM = "application/x-www-form-urlencoded"
TARGET = (b"x-amz-target", b"DynamoDB_20120810.GetItem")
JSON = "application/x-amz-json-1.0"
ACCOUNT, INSTANCES = "123456789012", ["i-0123456789abcdef0", "i-1123456789abcdef0"]
QUEUE = f"https://sqs.eu-central-1.amazonaws.com/{ACCOUNT}/jobs"
ITEM = {"TableName": "orders", "Item": {"id": {"S": "1"}}}
KEY = {"TableName": "orders", "Key": {"id": {"S": "1"}}}


class _SentError(Exception):
    """A request, before it would be sent."""


def sent(service, call, **arguments):
    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    client = session.create_client(service, "eu-central-1", config=Config(retries={"total_max_attempts": 1}))

    def stop(request, **_):
        raise _SentError(request)

    client.meta.events.register("before-send", stop)
    with pytest.raises(_SentError) as found:
        getattr(client, call)(**arguments)
    return found.value.args[0]


def meaning(service, request):
    """What a request means to the catalogue: (action, resource) of each thing it asks."""
    table = built_in(f"aws-{service}")
    assert table is not None
    host, _, path = request.url.removeprefix("https://").partition("/")
    body = request.body or b""
    body = body if isinstance(body, bytes) else body.encode()
    fields = [(b"host", host.encode())]
    for name, value in request.headers.items():
        if name.lower() not in ("authorization", "host"):
            fields.append((name.lower().encode(), value if isinstance(value, bytes) else str(value).encode()))
    wire = WireRequest(
        request.method, b"/" + path.encode(), "", tuple(fields), "HTTP/1.1", Tunnel(host, 443, host), bool(body)
    )
    canonical = normalize(wire)
    assert not isinstance(canonical, Deny), canonical
    found = classify(canonical, build_catalogue([table]))
    if isinstance(found, Unread):
        found = classify_body(found, canonical, body)
    assert not isinstance(found, Deny), found
    return [(each.action, each.resource.uid.id) for each in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize(("service", "call", "arguments", "means"), [
    ("sts", "get_caller_identity", {}, [("aws-sts:identity/get", "aws-sts")]),
    ("dynamodb", "get_item", KEY, [("aws-dynamodb:items/get", "eu-central-1/orders")]),
    ("dynamodb", "put_item", ITEM, [("aws-dynamodb:items/put", "eu-central-1/orders")]),
    ("dynamodb", "batch_get_item", {"RequestItems": {"orders": {"Keys": [KEY["Key"]]}, "users": {"Keys": [KEY["Key"]]}}},
     [("aws-dynamodb:items/batch-get", "eu-central-1/orders"), ("aws-dynamodb:items/batch-get", "eu-central-1/users")]),
    ("dynamodb", "transact_write_items", {"TransactItems": [{"Put": ITEM}, {"Delete": KEY | {"TableName": "users"}}]},
     [("aws-dynamodb:items/transact-write", "eu-central-1/orders"), ("aws-dynamodb:items/transact-write", "eu-central-1/users")]),
    ("dynamodb", "list_tables", {}, [("aws-dynamodb:tables/list", "eu-central-1")]),
    ("sqs", "send_message", {"QueueUrl": QUEUE, "MessageBody": "é&=x"}, [("aws-sqs:messages/send", f"eu-central-1/{ACCOUNT}/jobs")]),
    ("sqs", "receive_message", {"QueueUrl": QUEUE}, [("aws-sqs:messages/receive", f"eu-central-1/{ACCOUNT}/jobs")]),
    ("lambda", "invoke", {"FunctionName": "report", "Payload": b"{}"}, [("aws-lambda:functions/invoke", "eu-central-1/report")]),
    ("lambda", "list_functions", {}, [("aws-lambda:functions/list", "eu-central-1")]),
    ("secretsmanager", "get_secret_value", {"SecretId": "prod/db"}, [("aws-secretsmanager:secrets/value", "eu-central-1/prod/db")]),
    ("ec2", "describe_instances", {"Filters": [{"Name": "tag:a", "Values": ["b", "c"]}]}, [("aws-ec2:instances/list", "eu-central-1")]),
    ("ec2", "terminate_instances", {"InstanceIds": INSTANCES}, [("aws-ec2:instances/terminate", f"eu-central-1/{each}") for each in INSTANCES]),
])  # fmt: skip
def test_what_amazons_own_client_sends_means_what_it_calls(service, call, arguments, means):
    assert meaning(service, sent(service, call, **arguments)) == means


@pytest.mark.parametrize(("fields", "kind", "query", "body"), [
    ((TARGET, TARGET), JSON, "", "{}"), (((b"x_amz_target", b"A.B"), TARGET), JSON, "", "{}"), (((b"x_amz_target", b"A.B"),), FORM, "", "Action=A&Version=1"),
    ((TARGET,), FORM, "", "Action=A&Version=1"), ((TARGET,), "application/json", "", "{}"), ((TARGET,), JSON, "Action=PutItem", "{}"), ((TARGET,), JSON, "", "[]"),
    ((TARGET,), JSON, "", '{"a": 1, "a": 2}'), ((TARGET,), JSON, "", '{"TableName": "a", "tablename": "b"}'), ((TARGET,), JSON, "", "{} {}"),
    ((TARGET, (b"content-encoding", b"gzip")), JSON, "", "{}"), ((TARGET,), f"{JSON}; charset=utf-16", "", "{}"), (((b"x-amz-target", b"GetItem"),), JSON, "", "{}"),
    ((), FORM, "", "Action=A&Action=B&Version=1"), ((), FORM, "", "Action=A&%41ction=B&Version=1"), ((), FORM, "", "Action=A&action=B&Version=1"), ((), FORM, "", "Version=1"),
    ((), FORM, "", "Action=A"), ((), FORM, "Action=B", "Action=A&Version=1"), ((), FORM, "a=b", "Action=A&Version=1"), ((), FORM, "", "Action=A&Version=1&"),
    ((), FORM, "", "Action=A;Action=B&Version=1"), ((), "multipart/form-data; boundary=a", "", "Action=A&Version=1"), ((), "", "", "Action=A&Version=1"), ((), FORM, "", "Action=A%00&Version=1"),
    ((), FORM, "", "Action=A.B&Version=1"), ((), FORM, "", "Action=A&Version=1&X.1=a&X.01=b"), ((), FORM, "", "Action=A&Version=1&X=a&X.1=b"), ((), FORM, "", "Action=A&Version=1&X.1=b&X=a"),
    ((), FORM, "", "Action=A&Version=1&X.Id=a&X.ID=b"), ((), FORM, "", "Action=A&Version=1&X..1=a"), ((), FORM, "", "Action=A&Version=1&X%5B1%5D=a"), ((), FORM, "", "Action=A&Version=1&.X=a"),
])  # fmt: skip
def test_a_call_with_two_readings_is_refused(fields, kind, query, body):
    with pytest.raises(UnreadableError):
        read_aws(posted(kind, *fields, query=query), body.encode())


@pytest.mark.parametrize("query", ["Action=A&Version=1&Action=B", "action=B&Action=A&Version=1", "Version=1"])
def test_a_call_in_a_query_has_one_reading_too(query):
    request = posted("", query=query, method="GET", has_body=False)
    with pytest.raises(UnreadableError):
        read_aws(request, b"")
    with pytest.raises(UnreadableError):
        read_aws(posted(FORM, query="Action=A&Version=1", method="GET"), b"Action=B&Version=1")


_VALUES = st.recursive(
    st.text("abc1", min_size=1, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["A", "B", "Member", "1", "2"]), inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["X", "Y", "Filter"]), _VALUES, max_size=3))
def test_nested_parameters_come_back_as_they_were(value):
    def flat(prefix, inner):
        if isinstance(inner, str):
            return {prefix: inner}
        return {key: text for name, each in inner.items() for key, text in flat(f"{prefix}.{name}", each).items()}

    pairs = {key: text for name, each in value.items() for key, text in flat(name, each).items()}
    assert nested(pairs) == value


@pytest.mark.parametrize("url", [
    "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs", "http://sqs.eu-central-1.amazonaws.com/123456789012/jobs", f"{QUEUE}/", f"{QUEUE}?a=b",
    "https://sqs.eu-central-1.amazonaws.com:443/123456789012/jobs", "https://sqs.eu-central-1.amazonaws.com/123456789012//jobs", "jobs", f" {QUEUE}",
    "https://SQS.eu-central-1.amazonaws.com/123456789012/jobs", "https://a@sqs.eu-central-1.amazonaws.com/123456789012/jobs", f"{QUEUE}%2f..",
])  # fmt: skip
def test_a_queue_has_one_url_in_the_region_that_is_asked(url):
    table = built_in("aws-sqs")
    assert table is not None
    body = f'{{"QueueUrl": "{url}"}}'
    fields = {"content-type": JSON, "x-amz-target": "AmazonSQS.PurgeQueue"}
    example = ExampleTable(
        request="POST https://sqs.eu-central-1.amazonaws.com/", headers=fields, body=body, refused="x"
    )
    (tried,) = try_examples(table.model_copy(update={"example": (example,)}), build_catalogue([table]))
    assert tried.found in ("refused: operation_unknown", "refused: request_malformed")
