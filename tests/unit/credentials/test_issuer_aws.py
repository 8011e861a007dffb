"""What STS is asked for, as its API reference has it, and by whom it is signed."""

from __future__ import annotations

from dataclasses import replace
from time import gmtime, strftime
from types import SimpleNamespace
from urllib.parse import parse_qsl

import jwt
import pytest

from exeat.credentials.issuers.aws import AwsIssuer
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.holders import Holders
from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.aws import AwsRole, Statement
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from unit.credentials.requests_kit import REQUEST

ROLE = "arn:aws:iam::123456789012:role/path/agents"
ARN = "arn:aws:sts::123456789012:assumed-role/agents/invoice-bot@m_1"
PUT = Statement(("s3:PutObject",), ("arn:aws:s3:::{id}",))


class Sts:
    """Answers what it was asked for, and remembers how."""

    def __init__(self, clock) -> None:
        self.clock, self.asked = clock, []
        self.status, self.source = 200, ""

    async def send(self, method, url, headers, body=None, **_):
        self.asked.append((method, url, headers, dict(parse_qsl(body.decode()))))
        end = strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(self.clock.time() + 900))
        text = (
            f"<R><AssumedRoleUser><Arn>{ARN}</Arn></AssumedRoleUser>{self.source}<Credentials><AccessKeyId>ASIAABCDEFGHIJKLMNOP"
            f"</AccessKeyId><SecretAccessKey>secretsecretsecret</SecretAccessKey><SessionToken>tokentokentokentoken</SessionToken>"
            f"<Expiration>{end}</Expiration></Credentials></R>"
        )
        return self.status, text.encode() if self.status == 200 else b"<E><Code>AccessDenied</Code></E>"


@pytest.fixture
def sts(clock):
    return Sts(clock)


@pytest.fixture
def issuer(clock, keyring, sts):
    return AwsIssuer(
        SimpleNamespace(
            clock=clock, endpoints=sts, holders=Holders(), key=b"k" * 32,
            assertions=Assertions(keyring, "https://exeat.test", clock),
            secrets={"env:KEY": Secret("AKIALONGLIVEDKEY0000:secret"), "env:ODD": Secret("secret")}.__getitem__,
        )
    )  # fmt: skip


def spec(**more) -> IssuerSpec:
    role = AwsRole("https://sts.eu-central-1.amazonaws.com", "eu-central-1", ROLE, {"refunds/create": PUT}, **more)
    return IssuerSpec("aws", 900.0, "sts.amazonaws.com", role, Grade.A)


async def test_a_role_is_assumed_with_a_long_lived_key(issuer, sts):
    """AssumeRole: name, tags and source identity as parameters; the request is signed for STS."""
    sts.source = "<SourceIdentity>invoice-bot</SourceIdentity>"
    keyed = spec(access_key="env:KEY", external_id="exeat", tags=True, source_identity=True)
    token = await issuer.mint(REQUEST, keyed)
    ((method, url, headers, form),) = sts.asked
    assert (method, url) == ("POST", "https://sts.eu-central-1.amazonaws.com")
    policy = form.pop("Policy")
    assert '"Action":["s3:PutObject"],"Resource":["arn:aws:s3:::example"]' in policy
    assert form == {
        "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "invoice-bot@m_1",
        "DurationSeconds": "900", "ExternalId": "exeat", "SourceIdentity": "invoice-bot",
        "Tags.member.1.Key": "exeat:agent", "Tags.member.1.Value": REQUEST.agent, "TransitiveTagKeys.member.1": "exeat:agent",
        "Tags.member.2.Key": "exeat:mission", "Tags.member.2.Value": "m_1", "TransitiveTagKeys.member.2": "exeat:mission",
    }  # fmt: skip
    assert "Credential=AKIALONGLIVEDKEY0000/" in headers["Authorization"]
    assert "/eu-central-1/sts/aws4_request" in headers["Authorization"]
    assert (token.id, token.grade) == ("ASIAABCDEFGHIJKLMNOP", Grade.A)
    assert {each.reveal() for each in token.secrets()} == {"secretsecretsecret", "tokentokentokentoken"}
    assert await issuer.revoke(token, keyed) is False


async def test_without_a_key_our_word_says_who_it_is(issuer, sts):
    """AssumeRoleWithWebIdentity: nothing is signed; tags and source identity stand in the token, as AWS reads them."""
    sts.source = "<SourceIdentity>invoice-bot</SourceIdentity>"
    await issuer.mint(REQUEST, spec(tags=True, source_identity=True))
    ((_, _, headers, form),) = sts.asked
    assert "Authorization" not in headers
    assert form["Action"] == "AssumeRoleWithWebIdentity"
    assert "SourceIdentity" not in form
    claims = jwt.decode(form["WebIdentityToken"], options={"verify_signature": False})
    assert (claims["sub"], claims["aud"]) == (REQUEST.agent, "sts.amazonaws.com")
    assert claims["https://aws.amazon.com/tags"]["principal_tags"] == {
        "exeat:agent": [REQUEST.agent],
        "exeat:mission": ["m_1"],
    }
    assert claims["https://aws.amazon.com/source_identity"] == "invoice-bot"


@pytest.mark.parametrize("source", ["", "<SourceIdentity>somebody</SourceIdentity>"])
async def test_another_source_identity_is_wider_than_asked(issuer, sts, source):
    sts.source = source
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec(access_key="env:KEY", source_identity=True))
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE


async def test_no_two_sessions_of_ours_share_one(issuer, sts):
    """A server that gives the same credentials twice undoes their isolation."""
    await issuer.mint(REQUEST, spec(access_key="env:KEY"))
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(replace(REQUEST, session="m_1/another"), spec(access_key="env:KEY"))
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE


@pytest.mark.parametrize(("reference", "status"), [("env:ODD", 200), ("env:KEY", 403)])
async def test_a_key_that_is_none_and_a_refusal_are_told(issuer, sts, reference, status):
    sts.status = status
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec(access_key=reference))
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    assert "secret" not in refused.value.detail
