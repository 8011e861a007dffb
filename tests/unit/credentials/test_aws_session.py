"""Session policies as narrow as the decision, and answers of STS that are no wider than what was asked."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.credentials.aws.answer import Asked, read_error, read_session
from exeat.credentials.aws.policy import LONGEST, session_policy
from exeat.errors import RefusalError
from exeat.model.issuing.aws import Statement
from exeat.model.reason import Reason
from exeat.model.service import EntityUid

STATEMENTS = {
    "get": Statement(("s3:GetObject",), ("arn:aws:s3:::{id}",)),
    "list": Statement(("s3:ListBucket",), ("arn:aws:s3:::{first}",), {"StringEquals": {"s3:prefix": ("{rest}", "${aws:userid}")}}),
}  # fmt: skip
ASKED = Asked("arn:aws:sts::1:assumed-role/r/bot@m", 900.0)
ANSWER = b"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>A:bot@m</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/bot@m</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>ASIAABCDEFGHIJKLMNOP</AccessKeyId><SecretAccessKey>secretsecretsecret</SecretAccessKey>
<SessionToken>tokentokentokentoken</SessionToken><Expiration>1970-01-01T00:16:40Z</Expiration></Credentials>
<PackedPolicySize>6</PackedPolicySize></AssumeRoleResult></AssumeRoleResponse>"""
"""Of 900 seconds, asked for at 100."""


def uid(*ids: str) -> str:
    return " ".join(str(EntityUid("S3::Object", each)) for each in ids)


def read(body: bytes, asked: Asked = ASKED):
    return read_session(body, asked, sent=100.0, now=101.0)


def test_a_policy_names_the_actions_and_the_one_resource():
    policy = orjson.loads(session_policy(STATEMENTS, "get", uid("alpha/in/x")))
    assert policy["Statement"] == [
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::alpha/in/x"]}
    ]
    policy = orjson.loads(session_policy(STATEMENTS, "list", uid("alpha/in/*")))
    assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::alpha"]
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"s3:prefix": ["in/${*}", "${aws:userid}"]}}


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40))
def test_nothing_in_an_id_is_a_wildcard(text):
    """Whatever an agent calls a thing, the policy opens that thing alone."""
    (resource,) = orjson.loads(session_policy(STATEMENTS, "get", uid(text)))["Statement"][0]["Resource"]
    escaped = resource.removeprefix("arn:aws:s3:::")
    for sign in "*?$":
        escaped = escaped.replace(f"${{{sign}}}", {"*": "\0", "?": "\1", "$": "\2"}[sign])
    assert not set(escaped) & set("*?$")
    assert escaped.translate({0: "*", 1: "?", 2: "$"}) == text


@pytest.mark.parametrize(
    ("scope", "resource"),
    [
        ("put", uid("alpha/x")),
        ("", uid("alpha/x")),
        ("get list", uid("alpha/x", "alpha/y")),
        ("list", uid("alpha")),
        ("get", uid("a" * LONGEST)),
        ("get", "no entity"),
    ],
)
def test_what_no_policy_is_as_narrow_as_gets_no_token(scope, resource):
    with pytest.raises(RefusalError) as refused:
        session_policy(STATEMENTS, scope, resource)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


def test_a_session_as_asked_for_is_taken():
    session = read(ANSWER)
    assert (session.keys.access_key_id, session.expires_at) == ("ASIAABCDEFGHIJKLMNOP", 1000.0)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"00:16:40Z", b"00:16:46Z", Reason.TOKEN_TOO_WIDE),
        (b"assumed-role/r/bot", b"assumed-role/admin/bot", Reason.TOKEN_TOO_WIDE),
        (b"<Arn>", b"<Arn>arn:aws:sts::1:assumed-role/r/bot@m</Arn><Arn>", Reason.TOKEN_TOO_WIDE),
        (b">6<", b">101<", Reason.TOKEN_TOO_WIDE),
        (b"00:16:40Z", b"00:01:40Z", Reason.TOKEN_UNAVAILABLE),
        (b"00:16:40Z", b"00:16:40", Reason.TOKEN_UNAVAILABLE),
        (
            b"<SecretAccessKey>",
            b"<SecretAccessKey>another</SecretAccessKey><SecretAccessKey>",
            Reason.TOKEN_UNAVAILABLE,
        ),
        (b"<AssumeRoleResponse", b"<!DOCTYPE a><AssumeRoleResponse", Reason.TOKEN_UNAVAILABLE),
        (b"</AssumeRoleResponse>", b"", Reason.TOKEN_UNAVAILABLE),
    ],
)
def test_a_session_other_than_asked_for_is_refused(before, after, reason):
    assert before in ANSWER
    with pytest.raises(RefusalError) as refused:
        read(ANSWER.replace(before, after, 1))
    assert refused.value.reason is reason


def test_who_a_keyless_session_is_about_is_compared():
    """A server that leaves the role out must say back whom our word is about."""
    asked = Asked(ASKED.arn, 900.0, "spiffe://t/bot")
    start, end = ANSWER.index(b"<AssumedRoleUser>"), ANSWER.index(b"<Credentials>")
    bare = ANSWER[:start] + b"%s" + ANSWER[end:]
    subject = b"<SubjectFromWebIdentityToken>spiffe://t/%s</SubjectFromWebIdentityToken>"
    assert read(bare % (subject % b"bot"), asked).expires_at == 1000.0
    for other in (
        bare % (subject % b"other"),
        bare % b"",
        ANSWER.replace(b"<Credentials>", subject % b"other" + b"<Credentials>"),
    ):
        with pytest.raises(RefusalError) as refused:
            read(other, asked)
        assert refused.value.reason is Reason.TOKEN_TOO_WIDE
    with pytest.raises(RefusalError):
        read(ANSWER, Asked(ASKED.arn, 900.0, "", "bot"))


def test_only_the_code_of_an_error_is_told():
    error = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>key AKIA</Message></Error></ErrorResponse>"
    assert read_error(error) == "AccessDenied"
    assert read_error(b"nothing") == read_error(error.replace(b"AccessDenied", b"a b")) == "no error code"
