"""What an ID token must say, what a group is worth, how long a session lasts."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from exeat.admin.call import Caller
from exeat.admin.login.claims import check, groups_of, name_of, role_of
from exeat.admin.login.sessions import Sessions
from exeat.admin.roles import Role
from exeat.errors import RefusalError
from exeat.identity.jose import read_token
from exeat.identity.jwk import VerifyingKey

NOW = 1_800_000_000
KEY = ec.generate_private_key(ec.SECP256R1())
PUBLIC = VerifyingKey("k", frozenset({"ES256"}), KEY.public_key())
CLAIMS: dict[str, Any] = {
    "iss": "https://idp.test", "sub": "u1", "aud": "exeat-admin", "exp": NOW + 300, "iat": NOW - 1, "nonce": "n",
}  # fmt: skip


def judged(key: Any = KEY, typ: str = "JWT", **changes: Any) -> Any:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not None}
    token = read_token(jwt.encode(claims, key, "ES256", headers={"kid": "k", "typ": typ}))
    return check(token, PUBLIC, issuer="https://idp.test", client_id="exeat-admin", nonce="n", now=NOW)


def test_the_token_of_this_login_is_believed() -> None:
    assert judged()["sub"] == "u1"
    assert judged(aud=["exeat-admin"], azp="exeat-admin")["sub"] == "u1"
    assert judged(aud=["exeat-admin", "other"], azp="exeat-admin")["sub"] == "u1"


@pytest.mark.guard("login-claims")
@pytest.mark.parametrize(
    "changes",
    [
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        *({name: None} for name in CLAIMS),
        {"iss": "https://idp.test/"},
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": ["exeat-admin", "other"]},
        {"aud": ["exeat-admin", "other"], "azp": "other"},
        {"azp": "other"},
        {"nonce": "m"},
        {"nonce": ["n"]},
        {"exp": NOW},
        {"exp": float(NOW + 300)},
        {"exp": True},
        {"iat": NOW + 61},
        {"iat": NOW - 601},
        {"iat": str(NOW)},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 257},
    ],
    ids=lambda changes: repr(changes)[:40],
)
def test_any_other_token_proves_no_login(changes: dict[str, Any]) -> None:
    with pytest.raises(RefusalError, match="identity_invalid"):
        judged(**changes)


def test_records_call_a_person_by_what_they_can_not_choose_or_forge() -> None:
    assert name_of({"sub": "u1", "email": "ana@example.test"}, "sub") == "oidc:u1"
    assert name_of({"sub": "u1", "email": "ana@example.test"}, "email") == "oidc:ana@example.test"
    for odd in ("", "a\nb", "a\u202eb", 7, None, "x" * 257):
        assert name_of({"sub": "u1", "email": odd}, "email") == "oidc:u1"
    with pytest.raises(RefusalError):
        name_of({"sub": "a\nb"}, "sub")


@pytest.mark.parametrize(
    ("claims", "claim", "groups"),
    [
        ({"groups": ["a", "b", 7]}, "groups", {"a", "b"}),
        ({"groups": "a"}, "groups", {"a"}),
        ({"groups": []}, "groups", set()),
        ({"groups": 7}, "groups", None),
        ({}, "groups", None),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"realm_access.roles": ["b"], "realm_access": {"roles": ["a"]}}, "realm_access.roles", {"b"}),
        ({"https://x.test/groups": ["a"]}, "https://x.test/groups", {"a"}),
        ({"realm_access": ["roles"]}, "realm_access.roles", None),
    ],
)
def test_groups_are_read_where_the_provider_puts_them(claims: Any, claim: str, groups: Any) -> None:
    assert groups_of(claims, claim) == groups


def test_the_first_role_written_counts() -> None:
    roles = {"sec": "approver", "ops": "operator", "all": "viewer"}
    assert role_of({"all", "ops", "sec"}, roles) == "approver"
    assert role_of({"all", "ops"}, roles) == "operator"
    assert role_of({"SEC", "sec "}, roles) is None


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def time(self) -> float:
        return time.time()

    boot = time

    def monotonic(self) -> float:
        return self.now


def test_a_session_ends_with_its_time_and_a_login_too() -> None:
    clock = _Clock()
    sessions = Sessions(clock)
    word = sessions.open(Caller("oidc:u1", Role.VIEWER, "person"), 60).reveal()
    pending, cookie = sessions.begin()
    clock.now += 59.9
    assert sessions.caller(word) is not None
    assert sessions.caller(word[:-1]) is None
    clock.now += 0.1
    assert sessions.caller(word) is None
    clock.now += 600
    assert sessions.take(pending.state, cookie.reveal()) is None


def test_sessions_and_logins_under_way_are_bounded() -> None:
    sessions = Sessions(_Clock())
    first, words = sessions.begin(), [sessions.open(Caller("x", Role.VIEWER, "person"), 60) for _ in range(1001)]
    for _ in range(1000):
        sessions.begin()
    assert sessions.take(first[0].state, first[1].reveal()) is None
    assert sessions.caller(words[0].reveal()) is None
    assert sessions.caller(words[1].reveal()) is not None
