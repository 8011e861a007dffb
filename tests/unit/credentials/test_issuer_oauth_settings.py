"""The settings of an exchange: complete, encrypted, and without a secret in them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from exeat.config.tables.issuers import IssuerSpecTable
from exeat.config.tables.service import SharedTable
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
    assert made().details() == TokenExchange(GOOD["token_url"], GOOD["token_url"], "exeat")
    assert made(server="https://login.example.com").details().server == "https://login.example.com"
    assert made(**dict.fromkeys(GOOD, ...)).details() is None


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
