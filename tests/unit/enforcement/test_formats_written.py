"""Each form says what, why and which decision, in the members its readers look at."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from urllib.parse import unquote

import orjson
import pytest

from exeat.enforcement.formats.asked import Asked
from exeat.enforcement.formats.choose import Form
from exeat.enforcement.formats.problem import problem_of
from exeat.enforcement.formats.written import write
from exeat.enforcement.refusal import render
from exeat.model.decision import Deny, Hold, Question
from exeat.model.reason import EXPLANATIONS, Reason

NASTY = 'Ask <b>the</b> "treasury" & co.\nSecond line é %41]]>'
DENIED = problem_of(Deny(Reason.POLICY_DENIED, advice=NASTY), "d_1")
ASKED = {
    Form.PROBLEM: Asked(),
    Form.JSON: Asked(accept="application/json"),
    Form.TEXT: Asked(user_agent="git/2.39"),
    Form.NPM: Asked(user_agent="npm/10"),
    Form.S3: Asked(amz=True, s3=True),
    Form.AWS_QUERY: Asked(amz=True, content_type="application/x-www-form-urlencoded"),
    Form.AWS_JSON: Asked(amz=True, amz_target=True),
    Form.GRPC: Asked(method="POST", content_type="application/grpc", version="HTTP/2.0"),
    Form.GRAPHQL: Asked(accept="application/graphql-response+json"),
    Form.JSONRPC: Asked(setting="jsonrpc"),
}


def test_every_form_is_tested_here():
    assert set(ASKED) == set(Form)


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("reason", list(Reason))
def test_every_form_of_every_reason_carries_text_and_decision(form, reason):
    refusal = render(Deny(reason, detail="secret detail for the record"), "d_1", ASKED[form])
    headers = dict(refusal.headers)
    told = refusal.body.decode() + unquote(headers.get(b"grpc-message", b"").decode())
    assert EXPLANATIONS[reason].title in told
    assert "d_1" in told
    assert reason in told
    assert "secret detail" not in told
    assert headers[b"exeat-decision-id"] == b"d_1"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"proxy-status"].startswith(b"exeat; error=")
    assert int(headers.get(b"content-length", b"0")) == len(refusal.body)
    assert refusal.status != 401
    assert refusal.reason_phrase == f"Refused by Exeat: {reason} d_1".encode()
    if EXPLANATIONS[reason].status == 407:
        assert refusal.status == 407
        assert headers[b"content-type"] == b"application/problem+json"


def test_git_gets_two_short_lines():
    written = write(Form.TEXT, DENIED, Asked())
    assert written.content_type.startswith(b"text/plain")
    lines = written.body.decode().splitlines()
    assert len(lines) == 2
    assert lines[1] == "policy_denied, decision d_1"


def test_graphql_gets_errors():
    (error,) = orjson.loads(write(Form.GRAPHQL, DENIED, Asked()).body)["errors"]
    assert error["message"] == DENIED["message"]
    assert error["extensions"] == {"code": "policy_denied", "decision_id": "d_1"}


def test_npm_gets_error_as_a_string():
    body = orjson.loads(write(Form.NPM, DENIED, Asked()).body)
    assert body["error"] == body["message"]
    assert "d_1" in body["error"]


def test_s3_gets_an_error_element():
    written = write(Form.S3, DENIED, Asked())
    root = ET.fromstring(written.body)
    assert root.tag == "Error"
    assert root.findtext("Code") == "AccessDenied"
    assert root.findtext("RequestId") == "d_1"
    assert 'Ask <b>the</b> "treasury" & co. Second line é %41]]>' in str(root.findtext("Message"))


def test_aws_query_gets_an_error_response():
    root = ET.fromstring(write(Form.AWS_QUERY, DENIED, Asked()).body)
    assert root.tag == "ErrorResponse"
    assert root.findtext("Error/Code") == "AccessDenied"
    assert root.findtext("RequestId") == "d_1"


def test_aws_json_gets_a_type_in_body_and_field():
    written = write(Form.AWS_JSON, DENIED, Asked(amz_target=True))
    assert orjson.loads(written.body)["__type"] == "AccessDeniedException"
    assert dict(written.headers)[b"x-amzn-errortype"] == b"AccessDeniedException"
    assert dict(written.headers)[b"x-amzn-requestid"].decode() == DENIED["decision_id"], "where SDKs look for the id"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (Reason.POLICY_DENIED, 7), (Reason.MISSION_ENDED, 7), (Reason.REQUEST_MALFORMED, 3), (Reason.BUDGET_EXHAUSTED, 8),
        (Reason.AUDIT_UNAVAILABLE, 14), (Reason.UPSTREAM_UNREACHABLE, 14), (Reason.UPSTREAM_UNTRUSTED, 9), (Reason.TOKEN_TOO_WIDE, 9),
    ],
)  # fmt: skip
def test_grpc_gets_a_status_that_says_whether_to_retry(reason, status):
    written = write(Form.GRPC, problem_of(Deny(reason), "d_1"), ASKED[Form.GRPC])
    assert (written.status, written.body, written.content_type) == (200, b"", b"application/grpc")
    assert dict(written.headers)[b"grpc-status"] == b"%d" % status


def test_a_grpc_message_is_percent_encoded():
    message = dict(write(Form.GRPC, DENIED, ASKED[Form.GRPC]).headers)[b"grpc-message"]
    assert b"%0ASecond line %C3%A9 %2541" in message
    assert unquote(message.decode()) == DENIED["message"]


def test_grpc_over_http2_has_headers_alone():
    assert b"content-length" not in dict(render(Deny(Reason.POLICY_DENIED), "d_1", ASKED[Form.GRPC]).headers)
    web = render(
        Deny(Reason.POLICY_DENIED),
        "d_1",
        Asked(method="POST", content_type="application/grpc-web-text", version="HTTP/1.1"),
    )
    assert dict(web.headers)[b"content-length"] == b"0"
    assert dict(web.headers)[b"content-type"] == b"application/grpc-web-text+proto"


def test_json_rpc_gets_its_id_back_and_the_problem_as_data():
    written = write(Form.JSONRPC, DENIED, Asked(setting="jsonrpc", rpc_id=7))
    body = orjson.loads(written.body)
    assert (written.status, body["id"], body["error"]["code"]) == (200, 7, -32001)
    assert body["error"]["data"]["decision_id"] == "d_1"


def test_json_rpc_without_a_known_id_is_an_http_error():
    written = write(Form.JSONRPC, DENIED, Asked(setting="jsonrpc"))
    assert (written.status, orjson.loads(written.body)["id"]) == (403, None)


def test_an_answer_to_head_has_no_body():
    refusal = render(Deny(Reason.POLICY_DENIED), "d_1", Asked(method="HEAD"))
    assert refusal.body == b""
    assert int(dict(refusal.headers)[b"content-length"]) > 0


@pytest.mark.parametrize("form", list(Form))
def test_a_hold_is_told_in_every_form(form):
    refusal = render(Hold(("security-team",), Question(), advice=NASTY), "d_1", ASKED[form])
    assert b"approval_required" in refusal.body + b"".join(value for _, value in refusal.headers)
