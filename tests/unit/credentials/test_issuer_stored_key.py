"""Custody: the stored credential is handed out as what it is."""

from __future__ import annotations

import pytest

from exeat.credentials.issuers.stored_key import StoredKeyIssuer
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.secret import Secret

SPEC = IssuerSpec("stored_key", 60.0)
KEY = b"k" * 32


def request(service: str) -> TokenRequest:
    return TokenRequest("m_1/bot", "m_1", "spiffe://x/env/prod/agent/bot", service, "s:a", "R", "a")


async def test_the_stored_credential_is_grade_c_without_an_end():
    """The value is the stored one; the grade says that it is no narrower."""
    token = await StoredKeyIssuer({"slack": Secret("xoxb-1")}.get, KEY).mint(request("slack"), SPEC)
    assert token.value.reveal() == "xoxb-1"
    assert token.grade is Grade.C
    assert token.expires_at is None


async def test_the_id_tells_keys_apart_and_nothing_else():
    """The id is stable, differs by key, service and secret, and holds no part of the secret."""

    async def public_id(service: str, value: str, key: bytes = KEY) -> str:
        return (await StoredKeyIssuer({service: Secret(value)}.get, key).mint(request(service), SPEC)).id

    ids = [
        await public_id("a", "secret-1"),
        await public_id("a", "secret-2"),
        await public_id("b", "secret-1"),
        await public_id("a", "secret-1", b"o" * 32),
    ]
    assert len(set(ids)) == 4
    assert ids[0] == await public_id("a", "secret-1")
    assert all(len(value) == 16 and "secret" not in value for value in ids)


async def test_a_service_without_a_credential_is_refused():
    """Nothing stored, nothing handed out."""
    with pytest.raises(RefusalError) as refused:
        await StoredKeyIssuer({}.get, KEY).mint(request("slack"), SPEC)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


async def test_revocation_is_not_claimed():
    """A shared credential isn't ended by one mission's end."""
    issuer = StoredKeyIssuer({"slack": Secret("xoxb-1")}.get, KEY)
    assert await issuer.revoke(await issuer.mint(request("slack"), SPEC), SPEC) is False
