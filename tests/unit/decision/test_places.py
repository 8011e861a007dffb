"""A credential is read from exactly one place and put back there exactly once."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from decision_world import request
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision.places import read_place, strip_and_place
from exeat.model.secret import Secret
from exeat.model.service import CredentialPlace, PlaceKind

BEARER = CredentialPlace(PlaceKind.HEADER, "authorization", "Bearer")
BARE = CredentialPlace(PlaceKind.HEADER, "x-api-key")
BASIC_USER = CredentialPlace(PlaceKind.BASIC, "authorization")
BASIC_PASSWORD = CredentialPlace(PlaceKind.BASIC, "authorization", user="token")
QUERY = CredentialPlace(PlaceKind.QUERY, "api_key")
COOKIE = CredentialPlace(PlaceKind.COOKIE, "session")


def basic(text):
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("place", "headers", "query", "found"),
    [
        (BEARER, [], "", None),
        (BEARER, [("Authorization", "Bearer abc")], "", "abc"),
        (BEARER, [("authorization", "bearer  abc")], "", "abc"),
        (BEARER, [("Authorization", "Bearer")], "", None),
        (BEARER, [("Authorization", "")], "", None),
        (BARE, [("X-Api-Key", "abc")], "", "abc"),
        (BASIC_USER, [("Authorization", basic("abc:"))], "", "abc"),
        (BASIC_PASSWORD, [("Authorization", basic("any:a:c"))], "", "a:c"),
        (BASIC_PASSWORD, [("Authorization", basic("any:"))], "", None),
        (QUERY, [], "a=1&api_key=a%2Fb+c", "a/b c"),
        (QUERY, [], "a=1", None),
        (QUERY, [], "api_key=", None),
        (COOKIE, [("Cookie", "a=1; session=abc; b=2")], "", "abc"),
        (COOKIE, [("Cookie", "session="), ("Cookie", "a=1")], "", None),
        (COOKIE, [("Cookie", "a=1"), ("Cookie", "session=abc")], "", "abc"),
    ],
)
def test_one_credential_in_its_place_is_found(place, headers, query, found):
    assert read_place(place, request(target=f"/v1/x?{query}", headers=headers)) == found


@pytest.mark.parametrize(
    ("place", "headers", "query"),
    [
        (BEARER, [("Authorization", "Basic abc")], ""),
        (BEARER, [("Authorization", "abc")], ""),
        (BARE, [("X-Api-Key", "a"), ("x-api-key", "a")], ""),
        (BASIC_USER, [("Authorization", basic("abc:def"))], ""),
        (BASIC_USER, [("Authorization", basic("abc"))], ""),
        (BASIC_USER, [("Authorization", "Basic a b")], ""),
        (BASIC_USER, [("Authorization", "Basic YWJj!Og==")], ""),
        (BASIC_USER, [("Authorization", "Basic YWJjOg")], ""),
        (BASIC_USER, [("Authorization", "Basic /zo=")], ""),
        (BASIC_USER, [("Authorization", "Bearer abc")], ""),
        (QUERY, [], "api_key=a&api_key=a"),
        (QUERY, [], "api_key=a&API_KEY=b"),
        (QUERY, [], "api_key=a&api%5Fkey=b"),
        (QUERY, [], "api_key=a&api_key[]=b"),
        (QUERY, [], "API_KEY=a"),
        (QUERY, [], "x=1;api_key=a"),
        (QUERY, [], "api_key=a;b"),
        (QUERY, [], "api.key=a"),
        (QUERY, [], "api_key=a&api%20key=b"),
        (QUERY, [], "api_key=a&api[key=b"),
        (QUERY, [], "api_key=a&api_key%00x=b"),
        (COOKIE, [("Cookie", "session=a; session=a")], ""),
        (COOKIE, [("Cookie", "session=a"), ("Cookie", "session=b")], ""),
        (COOKIE, [("Cookie", "session=a; session[x]=b")], ""),
        (replace(COOKIE, name="session_id"), [("Cookie", "session.id=mine")], ""),
        (replace(COOKIE, name="session_id"), [("Cookie", "session[id=mine; session_id=a")], ""),
    ],
)
@pytest.mark.guard("key-alias")
def test_two_credentials_or_an_undecodable_one_have_no_reading(place, headers, query):
    with pytest.raises(ValueError, match=r"ambiguous|scheme"):
        read_place(place, request(target=f"/v1/x?{query}", headers=headers))


OLD = (
    (b"accept", b"*/*"),
    (b"authorization", b"Bearer old"),
    (b"x-api-key", b"old"),
    (b"x_api_key", b"old"),
    (b"cookie", b"a=1; session=old"),
    (b"cookie", b"b=2"),
)


@pytest.mark.parametrize(
    ("place", "fields", "query"),
    [
        (BEARER, [*OLD[:1], *OLD[2:], (b"authorization", b"Bearer new-1")], "api_key=old&c=%20;d"),
        (BARE, [*OLD[:2], *OLD[4:], (b"x-api-key", b"new-1")], "api_key=old&c=%20;d"),
        (BASIC_USER, [*OLD[:1], *OLD[2:], (b"authorization", basic("new-1:").encode())], "api_key=old&c=%20;d"),
        (
            BASIC_PASSWORD,
            [*OLD[:1], *OLD[2:], (b"authorization", basic("token:new-1").encode())],
            "api_key=old&c=%20;d",
        ),
        (QUERY, list(OLD), "c=%20;d&api_key=new-1"),
        (COOKIE, [*OLD[:4], (b"cookie", b"a=1; b=2; session=new-1")], "api_key=old&c=%20;d"),
    ],
)
def test_the_new_credential_stands_alone_in_the_place_and_the_rest_is_untouched(place, fields, query):
    assert strip_and_place(OLD, "api_key=old&c=%20;d", place, Secret("new-1")) == (tuple(fields), query)


def test_a_user_name_can_be_given_for_one_request():
    fields, _ = strip_and_place((), "", BASIC_PASSWORD, Secret("s"), "git")
    assert fields == ((b"authorization", basic("git:s").encode()),)


@pytest.mark.parametrize("value", ["", "a\nb", "a\r\nx: y", "a\x00", "é", "\ud800"])
@pytest.mark.parametrize("place", [BEARER, BARE, BASIC_USER, BASIC_PASSWORD, QUERY, COOKIE])
def test_a_credential_that_would_become_another_field_is_never_placed_nor_shown(place, value):
    with pytest.raises(ValueError, match="credential") as caught:
        strip_and_place((), "", place, Secret(value))
    assert caught.value.__cause__ is None
    assert not value or value not in str(caught.value)


@pytest.mark.parametrize("value", ["a;b", "a b", 'a"b', "a,b", "a\\b"])
def test_a_credential_that_would_become_two_cookies_is_refused(value):
    with pytest.raises(ValueError, match="cookie"):
        strip_and_place((), "", COOKIE, Secret(value))


def test_a_user_name_with_a_colon_is_refused():
    with pytest.raises(ValueError, match="user name"):
        strip_and_place((), "", replace(BASIC_PASSWORD, user="a:b"), Secret("s"))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([BEARER, BARE, BASIC_PASSWORD, QUERY, COOKIE]),
    st.from_regex(r"[A-Za-z0-9._~+/=-]{1,40}", fullmatch=True),
    st.from_regex(r"([a-z]=[a-z0-9%]?(&|;)?){0,4}", fullmatch=True).filter(lambda text: "%" not in text),
)
def test_what_is_placed_is_what_is_read(place, value, query):
    before = request(target=f"/v1/x?{query}", headers=[("Cookie", "a=1"), ("X-Api-Key", "old")])
    fields, new_query = strip_and_place(before.headers, before.query, place, Secret(value))
    assert read_place(place, replace(before, headers=fields, query=new_query)) == value
