"""Passes: what we signed, unchanged, in its time, and nothing that only looks like it (rows J01 to J11)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import replace

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.credentials.issuers.jwt import JwtIssuer
from exeat.credentials.keys import KeyRing
from exeat.errors import ConflictError, RefusalError
from exeat.identity.passes import PassSigner, PassVerifier
from exeat.model.decision import TokenRequest
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.issuing import IssuerSpec
from exeat.model.mission import Mission, MissionState
from exeat.model.reason import Reason
from exeat.model.secret import Secret

ISSUER, AUDIENCE = "https://exeat.test", "exeat-proxy"
AGENT = Agent("invoice-bot", "prod", "exeat.internal")
OPENED = 1_900_000_000.0


def mission(**changes) -> Mission:
    made = Mission(
        "m_01", "prod", ("invoice-bot",), (DestinationPattern("api.example.test", 443),), (), OPENED, OPENED + 1800.5
    )
    return replace(made, **changes)


@pytest.fixture
def signer(keyring, clock):
    return PassSigner(keyring, ISSUER, AUDIENCE, clock)


@pytest.fixture
def verifier(keyring, clock):
    return PassVerifier(keyring, ISSUER, AUDIENCE, clock)


@pytest.fixture
def claims(clock):
    now = int(clock.now)
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": AGENT.spiffe_id,
        "mission": "m_01",
        "agent": "invoice-bot",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "jti": "j1",
    }


def reason(verifier: PassVerifier, value: str) -> Reason:
    """Twice, because a refusal must not be remembered as anything else."""
    reasons = set()
    for _ in range(2):
        with pytest.raises(RefusalError) as refused:
            verifier.verify(Secret(value))
        reasons.add(refused.value.reason)
    assert len(reasons) == 1
    return reasons.pop()


def segment(content) -> str:
    raw = content if isinstance(content, bytes) else orjson.dumps(content)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed_by_us(keyring, header, payload: bytes) -> str:
    """A token with any header and payload under a signature of our real key."""
    head = f"{segment(header)}.{segment(payload)}"
    return f"{head}.{segment(keyring.current()._sign(head.encode()))}"


# Good ones


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_a_signed_pass_verifies(tmp_path, clock, algorithm):
    """What was signed comes back: mission, agent, id and the mission's end in whole seconds."""
    keyring = KeyRing.load_or_create(tmp_path / algorithm, "pass", algorithm, 86400, 86400, clock)
    value = PassSigner(keyring, ISSUER, AUDIENCE, clock).sign(mission(), AGENT)
    verified = PassVerifier(keyring, ISSUER, AUDIENCE, clock).verify(value)
    assert (verified.mission, verified.agent) == ("m_01", "invoice-bot")
    assert verified.expires_at == OPENED + 1800
    assert jwt.decode(value.reveal(), options={"verify_signature": False})["jti"] == verified.id


def test_two_passes_differ(signer):
    """Every pass has an id of its own."""
    assert signer.sign(mission(), AGENT).reveal() != signer.sign(mission(), AGENT).reveal()


def test_a_pass_fits_a_header(signer):
    """A pass stays far below what proxies and clients accept."""
    assert len(signer.sign(mission(id="m_" + "0" * 26), AGENT).reveal()) < 800


def test_a_pass_survives_a_rotation(signer, verifier, keyring, clock):
    """A pass signed before a rotation verifies during the overlap."""
    value = signer.sign(mission(expires_at=clock.now + 90_000), AGENT)
    clock.now += 86400
    assert keyring.rotate_if_due()
    assert verifier.verify(value).agent == "invoice-bot"
    assert verifier.verify(value).agent == "invoice-bot"


def test_a_pass_of_a_forgotten_key_is_invalid_though_remembered(signer, verifier, keyring, clock):
    """When the overlap is over the key's passes end, in the cache too."""
    value = signer.sign(mission(expires_at=clock.now + 200_000), AGENT)
    verifier.verify(value)
    clock.now += 86400
    keyring.rotate_if_due()
    clock.now += 3600
    assert reason(verifier, value.reveal()) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize("state", [MissionState.CLOSED, MissionState.EXPIRED, MissionState.REVOKED])
def test_no_pass_is_signed_for_an_ended_mission(signer, state):
    """An ended mission gets no pass."""
    with pytest.raises(ConflictError):
        signer.sign(mission(state=state), AGENT)


def test_no_pass_is_signed_for_a_past_or_foreign_mission(signer, clock):
    """Nor does a mission that is over, nor an agent it doesn't name."""
    for wrong in (mission(expires_at=clock.now), mission(agents=("other",)), mission(environment="staging")):
        with pytest.raises(ConflictError):
            signer.sign(wrong, AGENT)


# Time


def test_only_expired_is_mission_ended(signer, verifier, clock):
    """A good pass after its end says that the mission has ended, remembered or not."""
    value = signer.sign(mission(), AGENT)
    verifier.verify(value)
    clock.now = OPENED + 1799.9
    verifier.verify(value)
    clock.now = OPENED + 1800
    assert reason(verifier, value.reveal()) is Reason.MISSION_ENDED


def test_expired_and_forged_is_invalid(signer, verifier, clock):
    """An expired pass with a broken signature is not 'ended' but invalid."""
    head, payload, signature = signer.sign(mission(), AGENT).reveal().split(".")
    clock.now += 9999
    forged = f"{head}.{payload}.{'A' * len(signature)}"
    assert reason(verifier, forged) is Reason.IDENTITY_INVALID


def test_clocks_may_differ_by_thirty_seconds(signer, verifier, clock):
    """Issued 30 s ahead is fine, more is not."""
    clock.now += 30
    fine = signer.sign(mission(), AGENT)
    clock.now += 1
    ahead = signer.sign(mission(), AGENT)
    clock.now = OPENED
    verifier.verify(fine)
    assert reason(verifier, ahead.reveal()) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize(
    "value",
    [None, "1900000600", 1900000600.5, 1900000600.0, -1, 0, 10**18, 253402300800, True, [], {}],
    ids=lambda value: repr(value)[:20],
)
def test_j06_times_are_whole_seconds_in_range(verifier, keyring, claims, name, value):
    """A time of another type, negative or beyond the year 9999 is invalid, even under our signature."""
    assert reason(verifier, keyring.current().token("exeat-pass+jwt", {**claims, name: value}).reveal()) is (
        Reason.IDENTITY_INVALID
    )


@pytest.mark.parametrize("raw", [b"1e400", b"100000000000000000000", b"NaN", b"Infinity", b"1E9"])
def test_j06_numbers_json_readers_disagree_about(verifier, keyring, claims, raw):
    """Numbers that one reader takes and another doesn't are invalid."""
    payload = orjson.dumps({**claims, "exp": 77}).replace(b"77", raw)
    header = {"alg": "ES256", "kid": keyring.current().kid, "typ": "exeat-pass+jwt"}
    assert reason(verifier, signed_by_us(keyring, header, payload)) is Reason.IDENTITY_INVALID


def test_a_pass_that_ends_before_it_begins_is_invalid(verifier, keyring, claims):
    """``exp`` before ``iat`` is nonsense, not an ended mission."""
    token = keyring.current().token("exeat-pass+jwt", {**claims, "exp": claims["iat"] - 1})
    assert reason(verifier, token.reveal()) is Reason.IDENTITY_INVALID


# Claims


def test_the_claims_fixture_is_a_valid_pass(verifier, keyring, claims):
    """So that every test below fails for the reason it names."""
    assert verifier.verify(keyring.current().token("exeat-pass+jwt", claims)).id == "j1"


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "mission", "agent", "iat", "nbf", "exp", "jti"])
def test_j06_every_claim_is_required(verifier, keyring, claims, name):
    """A pass without any one of its claims is invalid."""
    del claims[name]
    assert reason(verifier, keyring.current().token("exeat-pass+jwt", claims).reveal()) is Reason.IDENTITY_INVALID


def test_no_other_claim_is_allowed(verifier, keyring, claims):
    """A claim no pass has is not ignored."""
    for extra in ({"scope": "admin"}, {"act": {}}, {"cnf": {}}):
        token = keyring.current().token("exeat-pass+jwt", {**claims, **extra})
        assert reason(verifier, token.reveal()) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "https://exeat.test/"},
        {"iss": "https://exeat.tes"},
        {"iss": ["https://exeat.test"]},
        {"iss": None},
        {"aud": "exeat"},
        {"aud": ["exeat-proxy"]},
        {"aud": ["exeat-proxy", "other"]},
        {"aud": "EXEAT-PROXY"},
        {"aud": ""},
        {"sub": 7},
        {"sub": "spiffe://exeat.internal/env/prod/agent/other"},
        {"sub": ["spiffe://exeat.internal/env/prod/agent/invoice-bot"]},
        {"agent": "other"},
        {"agent": "Invoice-Bot"},
        {"agent": ""},
        {"agent": 7},
        {"agent": "invoice-bot\n"},
        {"mission": ""},
        {"mission": "m_01/other"},
        {"mission": "m 01"},
        {"mission": 1},
        {"mission": "m" * 200},
        {"mission": "m_01\n"},
        {"jti": ""},
        {"jti": 7},
        {"jti": "a b"},
    ],
    ids=repr,
)
def test_j05_claims_match_exactly(verifier, keyring, claims, change):
    """No prefix, list, other type or other case is the same."""
    assert reason(verifier, keyring.current().token("exeat-pass+jwt", {**claims, **change}).reveal()) is (
        Reason.IDENTITY_INVALID
    )


# Header and signature


@pytest.mark.parametrize("alg", ["none", "NoNe", "NONE", "", None, "HS256", "RS256", "ES384", "EdDSA", "PS256"])
def test_j01_another_algorithm_is_refused(verifier, keyring, claims, alg):
    """``alg`` is the key's own or the pass is invalid, with or without a signature."""
    header = {"alg": alg, "kid": keyring.current().kid, "typ": "exeat-pass+jwt"}
    signed = signed_by_us(keyring, header, orjson.dumps(claims))
    assert reason(verifier, signed) is Reason.IDENTITY_INVALID
    assert reason(verifier, signed.rpartition(".")[0] + ".") is Reason.IDENTITY_INVALID


def test_j01_a_missing_algorithm_is_refused(verifier, keyring, claims):
    """No ``alg``, no pass."""
    header = {"kid": keyring.current().kid, "typ": "exeat-pass+jwt"}
    assert reason(verifier, signed_by_us(keyring, header, orjson.dumps(claims))) is Reason.IDENTITY_INVALID


def test_j02_the_public_key_is_not_a_shared_secret(verifier, keyring, claims):
    """HS256 with the public key, as PEM, DER or JWK, proves nothing."""
    key = keyring.current().public()
    documents = [
        key.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        key.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        orjson.dumps(key.jwk()),
        orjson.dumps(keyring.jwks()),
        b"",
    ]
    for alg in ("HS256", "ES256"):
        head = segment({"alg": alg, "kid": key.kid, "typ": "exeat-pass+jwt"}) + "." + segment(claims)
        for document in documents:
            forged = f"{head}.{segment(hmac.digest(document, head.encode(), hashlib.sha256))}"
            assert reason(verifier, forged) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": ["exp"]},
        {"crit": []},
        {"b64": False},
        {"jku": "https://evil.test/jwks.json"},
        {"x5u": "https://evil.test/cert"},
        {"x5c": ["AAAA"]},
        {"jwk": {"kty": "oct", "k": ""}},
        {"cty": "JWT"},
        {"zip": "DEF"},
    ],
    ids=repr,
)
def test_j03_j04_no_other_header_member_is_allowed(verifier, keyring, claims, extra):
    """A header tells us nothing we didn't write, even under our own signature."""
    header = {"alg": "ES256", "kid": keyring.current().kid, "typ": "exeat-pass+jwt", **extra}
    assert reason(verifier, signed_by_us(keyring, header, orjson.dumps(claims))) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize(
    "kid",
    ["", "x", "../../etc/passwd", "' OR 1=1 --", "https://evil.test/", "a" * 5000, None, 7, ["k"], {"k": 1}],
    ids=lambda kid: repr(kid)[:20],
)
def test_j04_a_foreign_kid_is_refused(verifier, keyring, claims, kid):
    """A key id we don't know is looked up nowhere."""
    header = {"alg": "ES256", "kid": kid, "typ": "exeat-pass+jwt"}
    assert reason(verifier, signed_by_us(keyring, header, orjson.dumps(claims))) is Reason.IDENTITY_INVALID


def test_j04_a_foreign_key_under_our_kid_is_refused(verifier, keyring, claims):
    """Naming our key doesn't make another one ours."""
    other = ec.generate_private_key(ec.SECP256R1())
    headers = {"kid": keyring.current().kid, "typ": "exeat-pass+jwt"}
    assert reason(verifier, jwt.encode(claims, other, "ES256", headers=headers)) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "jwt", "", None, "EXEAT-PASS+JWT", "application/exeat-pass+jwt"])
def test_j08_another_type_is_refused(verifier, keyring, claims, typ):
    """Only our own type is a pass."""
    header = {"alg": "ES256", "kid": keyring.current().kid, "typ": typ}
    assert reason(verifier, signed_by_us(keyring, header, orjson.dumps(claims))) is Reason.IDENTITY_INVALID


async def test_j08_an_access_token_is_not_a_pass_and_the_other_way_round(keyring, signer, verifier, clock):
    """Even with one key, one issuer and one audience, neither is taken for the other."""
    request = TokenRequest("m_01/invoice-bot", "m_01", AGENT.spiffe_id, "example", "example:a", "R", "a")
    token = await JwtIssuer(keyring, ISSUER, clock).mint(request, IssuerSpec("jwt", 60.0, AUDIENCE))
    assert reason(verifier, token.value.reveal()) is Reason.IDENTITY_INVALID
    shown = signer.sign(mission(), AGENT).reveal()
    header = jwt.get_unverified_header(shown)
    assert header["typ"] != "at+jwt"
    key, options = keyring.public(header["kid"]).key, {"verify_iat": False, "verify_nbf": False, "verify_exp": False}
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(shown, key, ["ES256"], audience="https://api.example.test", options=options)


@pytest.mark.parametrize(
    "signature",
    [b"", b"\x00" * 64, b"\xff" * 64, b"\x00" * 63, b"\x00" * 65, b"\x30\x06\x02\x01\x01\x02\x01\x01"],
    ids=["empty", "zero", "beyond the order", "short", "long", "DER"],
)
def test_j11_impossible_signatures_are_refused(verifier, signer, signature):
    """(0, 0), values beyond the order and other encodings verify nothing."""
    head, payload, _ = signer.sign(mission(), AGENT).reveal().split(".")
    assert reason(verifier, f"{head}.{payload}.{segment(signature)}") is Reason.IDENTITY_INVALID


def test_every_changed_character_is_noticed(signer, verifier):
    """A pass with any one character replaced is refused (but for the spare bits of base64's last character)."""
    value = signer.sign(mission(), AGENT).reveal()
    for position in range(0, len(value) - 1, 7):
        other = "A" if value[position] != "A" else "B"
        assert reason(verifier, value[:position] + other + value[position + 1 :]) is Reason.IDENTITY_INVALID


def test_j09_duplicate_members_are_refused(verifier, keyring, claims):
    """A header with a member twice isn't ours, whichever one a reader takes."""
    kid = keyring.current().kid.encode()
    for header in (
        b'{"alg":"none","alg":"ES256","kid":"%s","typ":"exeat-pass+jwt"}' % kid,
        b'{"alg":"ES256","kid":"x","kid":"%s","typ":"exeat-pass+jwt"}' % kid,
        b'{"alg":"ES256", "kid":"%s","typ":"exeat-pass+jwt"}' % kid,
        b'{"typ":"exeat-pass+jwt","alg":"ES256","kid":"%s"}' % kid,
    ):
        assert reason(verifier, signed_by_us(keyring, header, orjson.dumps(claims))) is Reason.IDENTITY_INVALID


def test_j09_shapes_that_are_no_pass(verifier, signer):
    """White space, padding, more or fewer parts, other alphabets: refused."""
    value = signer.sign(mission(), AGENT).reveal()
    head, payload, signature = value.split(".")
    for wrong in (
        "",
        ".",
        "..",
        "...",
        head,
        f"{head}.{payload}",
        f"{value}.",
        f".{value}",
        f"{value}.{signature}",
        f"{head}..{signature}",
        f"{head}.{payload}.{signature}.{signature}.{signature}",
        f" {value}",
        f"{value} ",
        f"{value}\n",
        f"{head} .{payload}.{signature}",
        f"{head}=.{payload}.{signature}",
        f"{head}.{payload}==.{signature}",
        value.replace(".", "\x00", 1),
        value + "\u0430",
        value.replace("-", "+").replace("_", "/") + "+",
        value.upper(),
        "é" * 50,
        "\ud800",
    ):
        assert reason(verifier, wrong) is Reason.IDENTITY_INVALID, wrong


def test_j09_huge_and_deep_tokens_cost_nothing(verifier):
    """A mebibyte, a deep header: refused in a moment."""
    started = time.perf_counter()
    deep = segment(b"[" * 300)
    for wrong in ("a" * 1_048_576, "a.b." + "c" * 1_048_576, "." * 4096, f"{deep}.{deep}.{deep}", "a" * 4097):
        assert reason(verifier, wrong) is Reason.IDENTITY_INVALID
    assert time.perf_counter() - started < 0.5


def test_j09_a_long_token_is_refused_before_anything_is_computed(keyring, clock, claims):
    """Beyond 4 KiB not even a key is looked up, however good the signature."""
    token = keyring.current().token("exeat-pass+jwt", {**claims, "pad": "x" * 4096})

    class Untouched:
        def current(self):
            raise AssertionError

        def public(self, kid):
            raise AssertionError("a key was looked up")

    assert reason(PassVerifier(Untouched(), ISSUER, AUDIENCE, clock), token.reveal()) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize("payload", [b"[]", b"null", b"7", b'"x"', b"", b"{", b"\xff\xfe", b"[" * 1500])
def test_a_payload_that_is_no_claims_set_is_refused(verifier, keyring, payload):
    """Even signed by us, only an object of claims is a pass."""
    header = {"alg": "ES256", "kid": keyring.current().kid, "typ": "exeat-pass+jwt"}
    assert reason(verifier, signed_by_us(keyring, header, payload)) is Reason.IDENTITY_INVALID


def test_an_error_does_not_quote_the_pass(verifier, signer):
    """Nothing of what was shown is in the error or chained to it."""
    value = signer.sign(mission(), AGENT).reveal()
    with pytest.raises(RefusalError) as refused:
        verifier.verify(Secret(value[:-4] + "AAAA"))
    assert value[:20] not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_cache_is_bounded(keyring, signer, clock):
    """More passes than the cache holds still verify, and the cache doesn't grow."""
    verifier = PassVerifier(keyring, ISSUER, AUDIENCE, clock, capacity=4)
    passes = [signer.sign(mission(), AGENT) for _ in range(10)]
    for value in passes * 2:
        assert verifier.verify(value).mission == "m_01"
    assert len(verifier._verified) == 4


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.text(max_size=80),
        st.tuples(st.binary(max_size=80), st.binary(max_size=40), st.binary(max_size=70)).map(
            lambda parts: ".".join(segment(part) for part in parts)
        ),
        st.dictionaries(
            st.sampled_from(["alg", "kid", "typ", "x"]), st.none() | st.text(max_size=9) | st.integers()
        ).map(
            lambda header: (
                f"{base64.urlsafe_b64encode(repr(header).replace(chr(39), chr(34)).encode()).rstrip(b'=').decode()}.e30.AA"
            )
        ),
    )
)
def test_anything_else_is_invalid(value):
    """Property: whatever isn't a pass of ours is IDENTITY_INVALID, and nothing else is raised."""

    class NoKeys:
        def current(self):
            raise AssertionError

        def public(self, kid):
            return None

    class Clock:
        def time(self):
            return OPENED

    with pytest.raises(RefusalError) as refused:
        PassVerifier(NoKeys(), ISSUER, AUDIENCE, Clock()).verify(Secret(value))
    assert refused.value.reason is Reason.IDENTITY_INVALID
