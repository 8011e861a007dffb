"""Our own credentials are known by fingerprint, in their one place; every other credential is foreign."""

from __future__ import annotations

from base64 import b64encode

import pytest
from decision_world import (
    FOREIGN_PLACEHOLDER,
    KEY,
    NOW,
    OTHER_SHARED,
    PLACEHOLDER,
    RETIRED,
    SHARED,
    TABLE,
    request,
    services,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision.recognise import FingerprintTable, fingerprint, recognise
from exeat.model.decision import CredentialState as State

SERVICE = services().services[0]
UNKNOWN = "sk-nobody-knows-this-one"


def state(headers=(), target="/v1/refunds/r1", service=SERVICE, agent="prod/bot", now=NOW):
    return recognise(service, request(target=target, headers=headers), agent, TABLE, now)


def bearer(value):
    return [("Authorization", f"Bearer {value}")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (SHARED, State.SHARED),
        (RETIRED, State.RETIRED),
        (PLACEHOLDER, State.PLACEHOLDER),
        (FOREIGN_PLACEHOLDER, State.FOREIGN),
        (OTHER_SHARED, State.FOREIGN),
        (UNKNOWN, State.FOREIGN),
        (SHARED[:-1], State.FOREIGN),
        (SHARED + "x", State.FOREIGN),
        (SHARED.upper(), State.FOREIGN),
    ],
)
def test_a_credential_in_its_place_is_known_for_what_it_is(value, expected):
    assert state(bearer(value)).state is expected


def test_a_request_without_a_credential_has_none():
    assert state().state is State.NONE
    assert state([("Authorization", "Bearer")]).state is State.NONE
    assert state(service=None).state is State.NONE


def test_a_shared_credential_retires_at_its_very_second():
    assert state(bearer(SHARED), now=NOW + 0.9).state is State.SHARED
    assert state(bearer(SHARED), now=NOW + 1).state is State.RETIRED


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ([*bearer(PLACEHOLDER), ("X-Api-Key", UNKNOWN)], "/v1/refunds/r1"),
        ([("X-Api-Key", UNKNOWN)], "/v1/refunds/r1"),
        ([("x_api_key", UNKNOWN)], "/v1/refunds/r1"),
        ([("Private-Token", UNKNOWN)], "/v1/refunds/r1"),
        ([("X-Amz-Security-Token", UNKNOWN)], "/v1/refunds/r1"),
        ([], f"/v1/refunds/r1?access_token={UNKNOWN}"),
        ([], f"/v1/refunds/r1?x=1;API%5Fkey={UNKNOWN}"),
        ([], f"/v1/refunds/r1?token[]={UNKNOWN}"),
        ([("X-Other", SHARED)], "/v1/refunds/r1"),
        ([("X-Other", f"Bearer {SHARED}")], "/v1/refunds/r1"),
        ([("Cookie", f"a=1; b={SHARED}")], "/v1/refunds/r1"),
        ([("User-Agent", PLACEHOLDER)], "/v1/refunds/r1"),
        ([*bearer(SHARED), ("X-Other", OTHER_SHARED)], "/v1/refunds/r1"),
        ([], f"/v1/refunds/r1?anything={SHARED}"),
        ([], f"/v1/refunds/r1?anything={SHARED.replace('-', '%2D')}"),
        ([], f"/v1/refunds/r1?{SHARED}"),
        ([], f"/v1/refunds/{SHARED}"),
        ([("Authorization", f"Basic {b64encode(f'{SHARED}:'.encode()).decode()}")], "/v1/refunds/r1"),
        ([("Authorization", SHARED)], "/v1/refunds/r1"),
    ],
)
def test_a_credential_outside_its_place_is_foreign_and_never_forwardable(headers, target):
    """Security matrix H04, H05, H07."""
    found = state(headers, target)
    assert found.state is State.FOREIGN
    assert not found.forwardable
    assert found.detail


def test_a_host_without_a_service_gets_no_credential_at_all():
    """Security matrix H08."""
    for headers in (bearer(SHARED), bearer(PLACEHOLDER), bearer(UNKNOWN), [("X-Any", SHARED)]):
        found = state(headers, service=None)
        assert (found.state, found.forwardable) == (State.FOREIGN, False)


@pytest.mark.parametrize("key", ["key", "tokens", "page_token", "q"])
def test_a_query_key_that_only_resembles_a_credentials_is_none(key):
    assert state(target=f"/v1/refunds/r1?{key}={UNKNOWN}").state is State.NONE


def test_only_one_unmanaged_value_in_the_place_can_be_forwarded():
    assert state(bearer(UNKNOWN)).forwardable
    assert not state(bearer(OTHER_SHARED)).forwardable
    assert not state(bearer(FOREIGN_PLACEHOLDER)).forwardable


@pytest.mark.parametrize(
    ("credential", "headers", "query"),
    [
        ({"in": "header", "name": "X-Api-Key"}, [("X-Api-Key", SHARED)], ""),
        ({"in": "basic"}, [("Authorization", "Basic " + b64encode(f"{SHARED}:".encode()).decode())], ""),
        ({"in": "basic", "user": "u"}, [("Authorization", "basic " + b64encode(f"u:{SHARED}".encode()).decode())], ""),
        ({"in": "query", "name": "access_token"}, [], f"access_token={SHARED}"),
        ({"in": "query", "name": "k"}, [], f"a=1&k={SHARED}&b=2"),
        ({"in": "cookie", "name": "sid"}, [("Cookie", f"a=1; sid={SHARED}")], ""),
    ],
)
def test_every_kind_of_place_is_read(credential, headers, query):
    service = services(credential=credential).services[0]
    assert state(headers, f"/v1/refunds/r1?{query}", service).state is State.SHARED


def test_another_carrier_in_the_query_is_foreign_even_where_the_place_is_the_query():
    service = services(credential={"in": "query", "name": "access_token"}).services[0]
    assert state(target=f"/v1/x?access_token={SHARED}&token=abc", service=service).state is State.FOREIGN


def test_other_cookies_are_searched_where_the_place_is_a_cookie():
    service = services(credential={"in": "cookie", "name": "sid"}).services[0]
    found = state([("Cookie", f"sid={SHARED}; other={OTHER_SHARED}")], service=service)
    assert (found.state, found.forwardable) == (State.FOREIGN, False)


def test_a_service_without_a_place_takes_none():
    service = services(credential=None, issuer=None).services[0]
    assert state(service=service).state is State.NONE
    assert state(bearer(SHARED), service=service).state is State.FOREIGN


def test_without_managed_credentials_nothing_is_known():
    table = FingerprintTable(KEY, {}, frozenset())
    assert recognise(SERVICE, request(headers=bearer(SHARED)), "prod/bot", table, NOW).state is State.FOREIGN


def test_fingerprints_need_the_key_and_show_nothing():
    assert fingerprint(KEY, SHARED) != fingerprint(b"other", SHARED)
    assert len(fingerprint(KEY, SHARED)) == 16
    assert repr(KEY) not in repr(TABLE)
    assert "prod/bot" not in repr(TABLE)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Authorization", "Cookie", "X-Api-Key", "x_api_key", "X-A"]),
            st.text(
                st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc", "Zs"]), max_size=30
            ),
        ),
        max_size=4,
        unique_by=lambda field: field[0],
    ),
    st.from_regex(r"[a-z=&;%\[\]+]{0,20}", fullmatch=True).filter(lambda text: "%" not in text),
    st.sampled_from(
        [
            {"in": "basic"},
            {"in": "basic", "user": "u"},
            {"in": "query", "name": "a"},
            {"in": "cookie", "name": "a"},
            {"in": "header"},
        ]
    ),
)
def test_recognising_never_raises(headers, query, credential):
    state(headers, f"/v1/x?{query}", services(credential=credential).services[0])
