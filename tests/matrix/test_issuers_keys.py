"""Issuers' keys (security matrix J10): fetched beside the requests, never for one; late, wrong or gone means refused."""

from __future__ import annotations

import json
import time

import pytest

from rig.certs import Authority
from rig.issuer import Issuer, Key, compact, wait_for_keys
from rig.wire import Wire, refused

HOST = "api.example.test"
SUBJECT = "ci:deploy"
pytestmark = pytest.mark.row("J10")


def show(exeat, token):
    with Wire(exeat) as wire:
        return wire.connect(f"{HOST}:443", None, f"Proxy-Authorization: Bearer {token}")


def eventually(exeat, token, *codes, within=12.0):
    """Show a token until it is answered as expected; every answer before is a refusal."""
    deadline = time.monotonic() + within
    while True:
        answer = show(exeat, token)
        if (answer.code in codes) if codes else (answer.status == 200):
            return answer
        refused(answer, "state_stale", "identity_invalid") if answer.status != 200 else None
        assert time.monotonic() < deadline, (answer.status, answer.code)
        time.sleep(0.1)


@pytest.fixture
def issuer():
    with Issuer() as running:
        yield running


@pytest.fixture
def make(make_exeat, origin, issuer):
    """An installation that trusts the issuer, refreshing each second and keeping keys for a few."""

    def making(**settings):
        def change(config):
            config.agent("token-bot", jwt=[{"issuer": issuer.name, "subject": SUBJECT}])
            table = issuer.settings(**({"refresh": "1s", "keep": "4s"} | settings))
            config.tables["identity"] = {"evidence": ["pass", "jwt"], "jwt": [table]}

        return make_exeat(origin, change=change)

    return making


def status(exeat):
    return exeat.admin("GET", "/v1/status").ok()["issuers"][0]


def test_keys_are_there_from_the_start_and_no_request_fetches(make, issuer):
    with make(refresh="5m", keep="1h") as exeat:
        wait_for_keys(exeat)
        assert issuer.asked == 1
        for _ in range(5):
            assert show(exeat, issuer.token(SUBJECT)).status == 200
        assert issuer.asked == 1
        assert status(exeat)["keys"] == 1
        assert status(exeat)["problem"] == ""


def test_a_new_key_is_fetched_early_and_once(make, issuer):
    """Rotation: the first token of a new key asks for it; until it is there, the answer is to try again."""
    with make(refresh="5m", keep="1h") as exeat:
        wait_for_keys(exeat)
        issuer.keys.append(Key())
        for _ in range(20):
            refused(show(exeat, issuer.token(SUBJECT)), "state_stale", status=503)
        eventually(exeat, issuer.token(SUBJECT))
        assert issuer.asked == 2


def test_unknown_keys_make_us_no_nuisance(make, issuer):
    """However many there are: a few fetches, and then a plain no."""
    with make(refresh="5m", keep="1h") as exeat:
        wait_for_keys(exeat)
        forgers = [Key() for _ in range(30)]
        first = compact(issuer.header(kid=forgers[0].kid), issuer.claims(SUBJECT), forgers[0])
        refused(show(exeat, first), "state_stale", status=503)
        for forger in forgers:
            answer = show(exeat, compact(issuer.header(kid=forger.kid), issuer.claims(SUBJECT), forger))
            refused(answer, "state_stale", "identity_invalid")
        eventually(exeat, first, "identity_invalid")
        assert issuer.asked <= 3
        assert show(exeat, issuer.token(SUBJECT)).status == 200


@pytest.mark.guard("key-removed")
def test_a_removed_key_stops_at_the_next_refresh(make, issuer):
    """Also for a token that was verified before."""
    with make() as exeat:
        wait_for_keys(exeat)
        token = issuer.token(SUBJECT)
        assert show(exeat, token).status == 200
        old = issuer.keys.pop()
        issuer.keys.append(Key())
        eventually(exeat, token, "identity_invalid", "state_stale")
        assert show(exeat, compact({**issuer.header(), "kid": old.kid}, issuer.claims(SUBJECT), old)).status != 200
        eventually(exeat, issuer.token(SUBJECT))


@pytest.mark.guard("keys-too-old")
def test_keys_of_an_issuer_that_is_gone_last_for_a_while(make, issuer):
    """Then its tokens are refused, passes are not; and all is well when it is back."""
    with make() as exeat:
        wait_for_keys(exeat)
        mission = exeat.open()
        token = issuer.token(SUBJECT)
        assert show(exeat, token).status == 200
        issuer.stop()
        assert show(exeat, token).status == 200
        answer = eventually(exeat, token, "state_stale")
        assert answer.json()["retryable"]
        refused(show(exeat, issuer.token(SUBJECT)), "state_stale", status=503)
        assert show(exeat, mission["pass"]).status == 200
        assert "can't be reached" in status(exeat)["problem"]
        issuer.back()
        eventually(exeat, token)


def test_an_issuer_that_is_gone_at_the_start_stops_nobody_else(make, issuer):
    issuer.stop()
    with make() as exeat:
        wait_for_keys(exeat)
        assert show(exeat, exeat.open()["pass"]).status == 200
        refused(show(exeat, issuer.token(SUBJECT)), "state_stale", status=503)
        issuer.back()
        eventually(exeat, issuer.token(SUBJECT))


@pytest.mark.guard("keys-redirect")
@pytest.mark.parametrize("mode", ["redirect", "huge", "garbage", "text", "500", "gzip"])
def test_a_document_that_isnt_one_is_no_document(make, issuer, mode):
    """Nothing is followed, nothing huge is kept, nothing but JSON is read; what was known stays for its time."""
    with Issuer() as elsewhere, make(keep="2s") as exeat:
        wait_for_keys(exeat)
        token = issuer.token(SUBJECT)
        assert show(exeat, token).status == 200
        elsewhere.keys = issuer.keys
        issuer.elsewhere, issuer.mode = elsewhere.url, mode
        asked = issuer.asked
        eventually(exeat, token, "state_stale")
        assert issuer.asked > asked
        assert elsewhere.asked == 0
        assert status(exeat)["problem"]
        issuer.mode = "ok"
        eventually(exeat, token)


def test_a_slow_document_is_given_up_and_slows_nobody(make, issuer):
    """A byte now and then is cut off by a deadline; meanwhile agents are served."""
    issuer.mode = "slow"
    with make(keep="10s") as exeat:
        wait_for_keys(exeat)
        begun = time.monotonic()
        mission = exeat.open()
        for _ in range(5):
            assert show(exeat, mission["pass"]).status == 200
            refused(show(exeat, issuer.token(SUBJECT)), "state_stale", status=503)
        assert time.monotonic() - begun < 4
        issuer.mode = "ok"
        eventually(exeat, issuer.token(SUBJECT))


def test_a_file_of_keys_is_read_again(make, issuer, tmp_path):
    """As a projected volume changes under a pod."""
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(issuer.document()))
    with make(jwks_url=None, jwks_file=str(file)) as exeat:
        wait_for_keys(exeat)
        token = issuer.token(SUBJECT)
        assert show(exeat, token).status == 200
        issuer.keys = [Key()]
        file.write_text(json.dumps(issuer.document()))
        eventually(exeat, issuer.token(SUBJECT))
        refused(show(exeat, token), "identity_invalid", "state_stale")
        assert issuer.asked == 0


@pytest.mark.guard("keys-tls")
def test_https_is_verified(make_exeat, origin, authority, tmp_path):
    """Keys come from a server whose certificate is trusted and for its name; another one's are no keys."""
    alpn = ("http/1.1",)
    stranger = Authority(tmp_path, "stranger-ca")
    with (
        Issuer(tls=authority.server("localhost", alpn=alpn)) as good,
        Issuer(tls=stranger.server("localhost", alpn=alpn)) as unknown,
        Issuer(tls=authority.server("elsewhere.example.test", alpn=alpn)) as misnamed,
        Issuer(tls=authority.server("localhost", alpn=alpn, expired=True)) as expired,
    ):
        bad = (unknown, misnamed, expired)

        def change(config):
            names = [{"issuer": each.name, "subject": SUBJECT} for each in (good, *bad)]
            config.agent("token-bot", jwt=names)
            config.tables["identity"] = {"evidence": ["jwt"], "jwt": [each.settings() for each in (good, *bad)]}

        with make_exeat(origin, change=change) as exeat:
            wait_for_keys(exeat)
            assert show(exeat, good.token(SUBJECT)).status == 200
            for each in bad:
                refused(show(exeat, each.token(SUBJECT)), "state_stale", status=503)
                assert each.asked == 0
