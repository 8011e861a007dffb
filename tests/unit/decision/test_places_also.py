"""A service may know its credential in several places: found in any, refused in two, put back into the first alone."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest
from decision_world import SHARED, TABLE, request, services
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision.places import read_place, strip_and_place
from exeat.decision.recognise import recognise
from exeat.errors import ConfigurationError
from exeat.model.decision import CredentialState as State
from exeat.model.secret import Secret
from exeat.model.service import CredentialPlace, PlaceKind

BEARER = CredentialPlace(PlaceKind.HEADER, "authorization", "Bearer")
TOKEN = CredentialPlace(PlaceKind.HEADER, "authorization", "token")
BASIC = CredentialPlace(PlaceKind.BASIC, "authorization", user="x")
KEY = CredentialPlace(PlaceKind.HEADER, "x-api-key")
QUERY = CredentialPlace(PlaceKind.QUERY, "key")
COOKIE = CredentialPlace(PlaceKind.COOKIE, "sid")
GITHUB = replace(BEARER, also=(TOKEN, BASIC))
LLM = replace(KEY, also=(BEARER, QUERY, COOKIE))


def basic(text):
    return "Basic " + b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("place", "headers", "query", "found"),
    [
        (GITHUB, [], "", None),
        (GITHUB, [("Authorization", "Bearer abc")], "", "abc"),
        (GITHUB, [("Authorization", "token abc")], "", "abc"),
        (GITHUB, [("Authorization", "TOKEN abc")], "", "abc"),
        (GITHUB, [("Authorization", basic("who:abc"))], "", "abc"),
        (LLM, [("X-Api-Key", "abc")], "", "abc"),
        (LLM, [("Authorization", "Bearer abc")], "", "abc"),
        (LLM, [], "a=1&key=abc", "abc"),
        (LLM, [("Cookie", "a=1; sid=abc")], "", "abc"),
        (LLM, [("X-Api-Key", ""), ("Authorization", "Bearer abc")], "", "abc"),
    ],
)
def test_a_credential_is_found_in_any_of_the_places(place, headers, query, found):
    assert read_place(place, request(target=f"/v1/x?{query}", headers=headers)) == found


@pytest.mark.parametrize(
    ("place", "headers", "query"),
    [
        (LLM, [("X-Api-Key", "abc"), ("Authorization", "Bearer abc")], ""),
        (LLM, [("X-Api-Key", "abc")], "key=abc"),
        (LLM, [("X-Api-Key", "abc"), ("Cookie", "sid=x")], ""),
        (LLM, [("Authorization", "Digest abc")], ""),
        (GITHUB, [("Authorization", "Digest abc")], ""),
        (LLM, [], "key=a&Key=b"),
    ],
)
def test_two_credentials_or_an_unreadable_one_have_no_reading(place, headers, query):
    with pytest.raises(ValueError, match=r"ambiguous|another scheme"):
        read_place(place, request(target=f"/v1/x?{query}", headers=headers))


def test_the_token_goes_into_the_first_place_and_every_other_is_emptied():
    headers = (
        (b"authorization", b"Bearer old"), (b"x_api_key", b"old"), (b"cookie", b"a=1; sid=old"), (b"x-a", b"1"),
    )  # fmt: skip
    fields, query = strip_and_place(headers, "a=1&key=old&b=2", LLM, Secret("fresh"))
    assert dict(fields) == {b"cookie": b"a=1", b"x-a": b"1", b"x-api-key": b"fresh"}
    assert query == "a=1&b=2"
    fields, query = strip_and_place(headers[:1], "a=1", replace(QUERY, also=(BEARER,)), Secret("fresh"))
    assert (fields, query) == ((), "a=1&key=fresh")


def test_a_query_that_names_no_place_stays_byte_for_byte():
    assert strip_and_place((), "b=%41&a=1", LLM, Secret("fresh"))[1] == "b=%41&a=1"


ALSO = {
    "in": "header",
    "name": "X-Api-Key",
    "also": [{"in": "header", "scheme": "Bearer"}, {"in": "query", "name": "k"}],
}


@pytest.mark.parametrize(
    ("headers", "query", "state"),
    [
        ([("X-Api-Key", SHARED)], "", State.SHARED),
        ([("Authorization", f"Bearer {SHARED}")], "", State.SHARED),
        ([], f"k={SHARED}", State.SHARED),
        ([("X-Api-Key", SHARED), ("Authorization", f"Bearer {SHARED}")], "", State.FOREIGN),
        ([("X-Api-Key", SHARED)], f"other={SHARED}", State.FOREIGN),
        ([("X-Api-Key", SHARED), ("Api-Key", "x")], "", State.FOREIGN),
        ([("Authorization", SHARED)], "", State.FOREIGN),
        ([("X_Api_Key", SHARED)], "", State.FOREIGN),
        ([], "", State.NONE),
    ],
)
def test_the_shared_credential_is_recognised_in_every_place_and_only_there(headers, query, state):
    service = services(credential=ALSO).services[0]
    asked = request(target=f"/v1/refunds/r1?{query}", headers=headers)
    assert recognise(service, asked, "prod/bot", TABLE, 0.0).state is state


@pytest.mark.parametrize(
    "also",
    [
        [{"in": "header", "name": "X-Api-Key"}],
        [{"in": "header", "name": "X-Api-Key", "scheme": "Bearer"}],
        [{"in": "query", "name": "a"}, {"in": "query", "name": "a"}],
        [{"in": "basic"}, {"in": "header", "scheme": "Basic"}],
        [{"in": "header", "name": "Host"}],
        [{"in": "query"}],
    ],
)
def test_places_that_cannot_be_told_apart_are_refused(also):
    with pytest.raises(ConfigurationError):
        services(credential={"in": "header", "name": "X-Api-Key", "also": also})


FIELD = st.sampled_from(
    [("Authorization", "Bearer a"), ("Authorization", "x"), ("X-Api-Key", "b"), ("X_Api_Key", "c"), ("Cookie", "sid=d; e=f"),
     ("Cookie", "g"), ("X-Other", "h"), ("Api-Key", "i")]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(FIELD, max_size=4, unique_by=lambda field: field[0]),
    st.lists(st.sampled_from(["key=1", "Key=2", "a=b", "key[]=3", "", "key"]), max_size=4),
    st.sampled_from([LLM, GITHUB, replace(QUERY, also=(COOKIE, BEARER)), replace(COOKIE, also=(KEY, QUERY))]),
)
def test_what_was_put_is_the_only_credential_that_can_be_read(fields, pairs, place):
    """Whatever could be read before: afterwards it is the fresh one, in the first place, or what was there had no reading."""
    before = request(target="/v1/x?" + "&".join(pairs), headers=fields)
    try:
        read_place(place, before)
    except ValueError:
        return  # refused, so nothing is ever put there
    headers, query = strip_and_place(before.headers, before.query, place, Secret("fresh"))
    after = replace(before, headers=headers, query=query)
    assert read_place(place, after) == "fresh"
    assert read_place(replace(place, also=()), after) == "fresh"
