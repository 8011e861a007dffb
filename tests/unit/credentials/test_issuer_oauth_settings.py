"""The settings of an exchange: complete, encrypted, and without a secret in them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from exeat.config.tables.issuers import IssuerSpecTable
from exeat.config.tables.service import SharedTable
from exeat.model.issuing import Grade
from exeat.model.issuing.oauth_exchange import TokenExchange

GOOD = {
    "kind": "oauth_exchange", "token_url": "https://login.example.com/token", "client_id": "exeat",
    "audience": "https://api.example.com",
}  # fmt: skip


def made(**changed):
    return TypeAdapter(IssuerSpecTable).validate_python(
        {name: value for name, value in (GOOD | changed).items() if value is not ...}
    )


def test_the_smallest_exchange():
    """The server's name in our assertions is its token endpoint unless told otherwise."""
    assert made().details() == TokenExchange(GOOD["token_url"], GOOD["token_url"], "exeat", client_auth="signed")
    assert made(server="https://login.example.com").details().server == "https://login.example.com"
    assert made(**dict.fromkeys(GOOD, ...)).kind == "jwt"


@pytest.mark.parametrize(
    "changed",
    [
        {"token_url": "http://127.0.0.1:9/token"}, {"token_url": "http://localhost/token"},
        {"token_url": "http://[::1]:9/t"}, {"token_url": "https://login.example.com:8443/realms/x/token?a=b"},
        {"audience": ..., "resource": "https://api.example.com/"}, {"client_secret": "exec:pass show exeat"},
        {"client_secret": "env:SECRET"}, {"client_secret": "file:secret"}, {"scopes": {"a/b": "read:x write:x"}},
    ],
)  # fmt: skip
def test_what_is_accepted(changed):
    """TLS, or this machine; secrets by reference."""
    assert made(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"token_url": ...}, {"client_id": ...}, {"client_id": ""}, {"audience": ...}, {"token_url": ""},
        {"token_url": "http://login.example.com/token"}, {"token_url": "http://10.0.0.1/token"},
        {"token_url": "http://127.0.0.1.example.com/token"}, {"token_url": "ftp://login.example.com/"},
        {"token_url": "login.example.com/token"}, {"token_url": "https://user:pw@login.example.com/token"},
        {"token_url": "https://login.example.com/token#x"}, {"token_url": "https:///token"},
        {"token_url": "https://login.example.com:x/"}, {"token_url": "https://login.example.com/a b"},
        {"token_url": "https://lögin.example.com/"}, {"revoke_url": "http://login.example.com/revoke"},
        {"client_secret": "hunter2-a-pasted-secret"}, {"client_secret": ""}, {"subject_type": "saml2"},
        {"scopes": {"a": ""}}, {"scopes": {"a": " read"}}, {"scopes": {"a": 'wr"ite'}}, {"scopes": {"a": "a  b"}},
        {"kind": "jwt"}, {"kind": "stored_key"},
    ],
)  # fmt: skip
def test_what_is_refused(changed):
    """Plain HTTP elsewhere, a secret in the file, half an exchange, an exchange's settings at another kind."""
    with pytest.raises(ValidationError):
        made(**changed)


def test_the_finding_names_what_is_missing():
    """In words that say what to add."""
    with pytest.raises(ValidationError, match="oauth_exchange needs token_url, client_id, audience or resource"):
        made(token_url=..., client_id=..., audience=...)
    with pytest.raises(ValidationError, match="token_url"):
        made(kind="jwt")


def test_a_shared_credential_may_come_from_a_command():
    """The same three sources everywhere."""
    assert SharedTable.model_validate({"source": "exec:op read op://vault/item"}).source.startswith("exec:")


BASES = {
    "keycloak": "https://id.example.com/realms/x", "auth0": "https://example.eu.auth0.com",
    "entra": "https://login.microsoftonline.com/tenant", "okta": "https://example.okta.com/oauth2/aus1",
}  # fmt: skip
SUBJECTS = {
    "keycloak": {"subject_issuer": "exeat"}, "auth0": {"subject_type": "urn:example:agent"},
    "entra": {"subject_token": "file:token", "ttl": "90m"}, "okta": {"subject_token": "file:token", "ttl": "1h"},
}  # fmt: skip


def preset(name, **changed):
    return made(**{"token_url": ..., "preset": name, "base": BASES[name], **SUBJECTS[name]} | changed)


@pytest.mark.parametrize(
    ("name", "token_url", "revoke_url", "server"),
    [
        ("keycloak", "/protocol/openid-connect/token", "/protocol/openid-connect/revoke", ""),
        ("auth0", "/oauth/token", "", "/"),
        ("entra", "/oauth2/v2.0/token", "", "/oauth2/v2.0/token"),
        ("okta", "/v1/token", "/v1/revoke", "/v1/token"),
    ],
)
def test_a_preset_knows_the_endpoints(name, token_url, revoke_url, server):
    """From one base; what is written out wins."""
    details, base = preset(name).details(), BASES[name]
    assert (details.token_url, details.server) == (base + token_url, base + server)
    assert details.revoke_url == (revoke_url and base + revoke_url)
    assert preset(name, revoke_url="https://x.example/r", server="me").details().revoke_url == "https://x.example/r"


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("keycloak", {"resource": "https://api.example.com"}, "resource: keycloak ignores this"),
        ("okta", {"actor": True}, "actor: okta ignores this"),
        ("keycloak", {"subject_issuer": ...}, "set subject_token, or subject_issuer"),
        ("entra", {"subject_token": ...}, "entra takes tokens of its own"),
        ("entra", {"ttl": "5m"}, "tokens of entra live 600 s at least"),
        ("auth0", {"subject_type": "urn:ietf:params:oauth:token-type:jwt"}, "a URI of your own"),
        ("auth0", {"base": ...}, "needs base"),
        ("", {"base": "https://x.example"}, "go with a preset"),
    ],
)
def test_a_preset_refuses_what_the_product_wouldnt_do(name, changed, words):
    """A field that is ignored there would promise a narrowing that doesn't happen."""
    with pytest.raises(ValidationError, match=words):
        preset(name, **changed) if name else made(**changed)


def test_what_a_product_adds_by_itself_costs_the_grade():
    """Grade A is for what has just the scope of the request."""
    assert preset("keycloak").promised() is Grade.A
    assert preset("keycloak", extra_scopes="email profile").promised() is Grade.B
    assert preset("entra", scopes={"read": "api://x/.default"}).promised() is Grade.B
