"""Tokens as evidence (security matrix J01 to J09, J11, J12): what isn't exactly a good token is nobody's, and nothing is dialled."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rig.issuer import AUDIENCE, Issuer, Key, b64, compact, wait_for_keys
from rig.wire import Wire, ask, refused, tunnel

HOST = "api.example.test"
SUBJECT = "ci:deploy"
POD = "system:serviceaccount:agents:pod-bot"
SVID = "spiffe://example.org/ns/agents/sa/mesh-bot"
CLAIMS = {"namespace": "agents", "serviceaccount": {"name": "pod-bot", "uid": "u-1"}}
BAD = ("identity_invalid",)


@pytest.fixture(scope="module")
def issuers():
    """One of each profile, one whose tokens are shown once, and one that nobody trusts."""
    made = {
        "oidc": Issuer(), "rsa": Issuer("RS256"), "pod": Issuer("RS256", "https://kubernetes.default.svc"),
        "mesh": Issuer(name="spiffe://example.org"), "once": Issuer(), "stranger": Issuer(),
    }  # fmt: skip
    made["oidc"].keys.insert(0, Key("RS256"))  # published, and of no use: only ES256 is trusted
    yield made
    for each in made.values():
        each.stop()


@pytest.fixture(scope="module")
def config(config, issuers):
    """Agents that issuers vouch for."""
    pod = {"issuer": issuers["pod"].name, "subject": POD, "claims": {"/kubernetes.io/serviceaccount/name": "pod-bot"}}
    config.agent(
        "token-bot",
        jwt=[{"issuer": issuers[name].name, "subject": SUBJECT} for name in ("oidc", "rsa", "once")],
    )
    config.agent("pod-bot", jwt=[pod])
    config.agent("mesh-bot", spiffe=[SVID])
    config.tables["identity"] = {
        "evidence": ["pass", "jwt"],
        "jwt": [
            issuers["oidc"].settings(),
            issuers["rsa"].settings(algorithms=["RS256", "PS256", "ES256", "ES384"]),
            issuers["pod"].settings(kind="kubernetes"),
            issuers["mesh"].settings(kind="spiffe"),
            issuers["once"].settings(once=True),
        ],
    }
    return config


@pytest.fixture(scope="module")
def missions(exeat):
    """Each agent has exactly one mission, so that a token alone says for what it acts."""
    return {name: wait_for_keys(exeat).open(agent=name) for name in ("token-bot", "pod-bot", "mesh-bot")}


@pytest.fixture
def show(exeat, missions, origin, decoy):
    """Show a token where a tunnel opens; return the answer. Whatever it is, nothing was dialled."""
    for each in (origin, decoy):
        each.wait_quiet(0.02)
        each.clear()

    def showing(token: str | bytes, scheme: str = "Bearer"):
        with Wire(exeat) as wire:
            line = token if isinstance(token, bytes) else f"Proxy-Authorization: {scheme} {token}".encode()
            wire.send(b"CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n%s\r\n\r\n" % (HOST.encode(), HOST.encode(), line))
            answer = wire.response("CONNECT")
        assert origin.connections == []
        assert decoy.connections == []
        return answer

    return showing


def good(show, token: str) -> None:
    assert show(token).status == 200


def bad(show, token: str) -> None:
    """Refused, twice, because a refusal must not be remembered as anything else; no part of it is repeated."""
    for _ in range(2):
        answer = show(token)
        refused(answer, *BAD, status=407)
        assert token.rpartition(".")[2].encode() not in answer.body or len(token.rpartition(".")[2]) < 8


# --- good ones ---------------------------------------------------------------------------------------------------


def test_a_token_acts_in_the_agents_only_mission(exeat, missions, issuers, origin):
    """OIDC, Kubernetes and SPIFFE: who the token names, in the mission it has; the record says what proved it."""
    tokens = {
        "token-bot": issuers["oidc"].token(SUBJECT),
        "pod-bot": issuers["pod"].token(POD, {"typ": None}, jti=None, **{"kubernetes.io": CLAIMS}),
        "mesh-bot": issuers["mesh"].token(SVID, iss=None, iat=None, nbf=None, jti=None),
    }
    for name, token in tokens.items():
        origin.clear()
        with tunnel(exeat, {**missions[name], "pass": token}) as wire:
            assert wire.request("GET", "/echo", host=HOST).status == 200
        assert origin.last.one("exeat-agent") == missions[name]["agent"]
        assert origin.last.one("exeat-mission") == missions[name]["mission"]
        record = exeat.audit_records("decision", mission=missions[name]["mission"])[-1]
        assert record["evidence"] == ["jwt"]
    written = exeat.everything_written()
    assert not any(token.encode() in written for token in tokens.values())


def test_an_audience_may_be_a_list_of_one(show, issuers):
    good(show, issuers["oidc"].token(SUBJECT, aud=[AUDIENCE]))


def test_a_basic_password_is_as_good_as_a_bearer(exeat, missions, issuers, origin):
    """The form a proxy URL with the token in it has."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", issuers["oidc"].token(SUBJECT)).status == 200


# --- J01 to J04: the header ---------------------------------------------------------------------------------------


@pytest.mark.row("J01")
@pytest.mark.guard("token-signature")
@pytest.mark.parametrize("algorithm", ["none", "NoNe", "", None, 7, "ES256 "])
@pytest.mark.parametrize("signed", [True, False])
def test_an_unsigned_token_proves_nothing(show, issuers, algorithm, signed):
    issuer = issuers["oidc"]
    header = issuer.header() | {"alg": algorithm}
    bad(show, compact(header, issuer.claims(SUBJECT), issuer.key if signed else None))


@pytest.mark.row("J01")
@pytest.mark.guard("token-signature")
@pytest.mark.parametrize("cut", [0, 1, 31, 63, 65])
def test_a_signature_of_another_length_proves_nothing(show, issuers, cut):
    issuer = issuers["oidc"]
    head, _, _ = issuer.token(SUBJECT).rpartition(".")
    bad(show, f"{head}.{b64(issuer.key.sign(head.encode())[:cut].ljust(cut, b'x'))}")


@pytest.mark.row("J02")
@pytest.mark.guard("token-algorithm")
def test_a_public_key_is_no_secret(show, issuers, exeat, missions):
    """A key's public half, in any form, as an HMAC secret: for tokens and for passes."""
    issuer = issuers["rsa"]
    public = issuer.key.private.public_key()
    forms = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        json.dumps(issuer.key.jwk).encode(),
        json.dumps(issuer.document()).encode(),
        issuer.key.jwk["n"].encode(),
    ]
    for secret in forms:
        for algorithm, digest in (("HS256", "sha256"), ("HS512", "sha512"), ("RS256", "sha256")):
            head = f"{b64(issuer.header(alg=algorithm))}.{b64(issuer.claims(SUBJECT))}"
            bad(show, f"{head}.{b64(hmac.digest(secret, head.encode(), digest))}")


@pytest.mark.row("J02")
@pytest.mark.guard("token-algorithm")
def test_only_the_issuers_algorithms_count(show, issuers):
    """A good signature of a published key: by an algorithm of its issuer that isn't the key's, or by none of its issuer's."""
    for name, algorithms in (("rsa", ("PS256", "RS384", "PS512")), ("oidc", ("RS256",))):
        issuer = issuers[name]
        key = next(each for each in issuer.keys if each.algorithm == "RS256")
        for algorithm in algorithms:
            token = compact(issuer.header(alg=algorithm, kid=key.kid), issuer.claims(SUBJECT), key, algorithm=algorithm)
            refused(show(token), *BAD, *(("state_stale",) if name == "oidc" else ()))


@pytest.mark.row("J03", "J04")
@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["x"], "x": 1}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": False}, {"b64": True},
        {"zip": "DEF"}, {"cty": "JWT"}, {"enc": "A256GCM"},
        {"jku": "http://127.0.0.1:{port}/x"}, {"x5u": "http://127.0.0.1:{port}/x"},
        {"x5c": ["MIIB"]}, {"jwk": {"kty": "EC"}},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_a_header_that_changes_the_reading_is_refused_and_nothing_is_fetched(show, issuers, more):
    """``crit``, ``b64``, ``zip``; and every header that says where a key is: it is never asked."""
    issuer, stranger = issuers["oidc"], issuers["stranger"]
    more = {name: value.format(port=stranger.port) if isinstance(value, str) else value for name, value in more.items()}
    bad(show, compact(issuer.header(**more), issuer.claims(SUBJECT), issuer.key))
    if "jwk" in more:  # the classic: the token brings its own key
        forger = Key()
        bad(show, compact(issuer.header(jwk=forger.jwk, kid=forger.kid), issuer.claims(SUBJECT), forger))
    assert stranger.asked == 0


@pytest.mark.row("J04")
@pytest.mark.parametrize(
    "kid",
    [
        None, "", 7, ["k"], {"a": 1}, "x" * 257,
    ],
    ids=repr,
)  # fmt: skip
def test_a_key_id_that_is_none_is_refused(show, issuers, kid):
    issuer = issuers["oidc"]
    header = issuer.header() | {"kid": kid}
    bad(
        show,
        compact(
            {name: value for name, value in header.items() if value is not None}, issuer.claims(SUBJECT), issuer.key
        ),
    )


@pytest.mark.row("J04")
@pytest.mark.parametrize(
    "kid", ["../../../dev/null", "' OR 1=1 --", "http://127.0.0.1:{port}/k", "k\0", "x" * 256, "/etc/passwd", "| id"]
)
def test_a_key_id_is_only_looked_up(show, issuers, kid):
    """Unknown at first (asked for), unknown for good after a refresh; it is never a path, a query or an address."""
    issuer, stranger = issuers["oidc"], issuers["stranger"]
    kid = kid.format(port=stranger.port)
    forger = Key(kid=kid)
    answer = show(compact(issuer.header(kid=kid), issuer.claims(SUBJECT), forger))
    refused(answer, "identity_invalid", "state_stale")
    assert stranger.asked == 0


@pytest.mark.row("J04")
def test_of_two_published_keys_of_one_name_neither_counts(make_exeat, origin):
    """Which of the two verifies would be a matter of luck."""
    with Issuer() as issuer:
        twin = Key(kid=issuer.key.kid)
        issuer.extra = [twin.jwk]

        def change(config):
            config.agent("token-bot", jwt=[{"issuer": issuer.name, "subject": SUBJECT}])
            config.tables["identity"] = {"evidence": ["jwt"], "jwt": [issuer.settings()]}

        with make_exeat(origin, change=change) as exeat:
            wait_for_keys(exeat)
            for key in (issuer.key, twin):
                with Wire(exeat) as wire:
                    token = compact(issuer.header(), issuer.claims(SUBJECT), key)
                    answer = wire.connect(f"{HOST}:443", None, f"Proxy-Authorization: Bearer {token}")
                refused(answer, "state_stale", "identity_invalid")


# --- J05, J06, J08, J12: claims -----------------------------------------------------------------------------------


@pytest.mark.row("J05")
@pytest.mark.guard("token-issuer")
@pytest.mark.parametrize("change", ["prefix", "suffix", "slash", "case", "list", "missing", "number", "stranger"])
def test_the_issuer_is_exactly_one_we_trust(show, issuers, change):
    issuer = issuers["oidc"]
    name = issuer.name
    value: Any = {
        "prefix": name[:-1], "suffix": name + "0", "slash": name + "/", "case": name.upper(), "list": [name],
        "missing": None, "number": 7, "stranger": issuers["stranger"].name,
    }[change]  # fmt: skip
    bad(show, issuer.token(SUBJECT, iss=value))


@pytest.mark.row("J05")
@pytest.mark.guard("token-issuer")
def test_one_issuer_cant_speak_for_another(show, issuers):
    """Signed by an issuer we trust, in the name of another one we trust."""
    one, other = issuers["oidc"], issuers["once"]
    header = one.header()
    refused(show(compact(header, other.claims(SUBJECT), one.key)), "state_stale", "identity_invalid")
    header = one.header(kid=other.key.kid)
    bad(show, compact(header, other.claims(SUBJECT), one.key))


@pytest.mark.row("J05", "J08")
@pytest.mark.guard("token-audience")
@pytest.mark.parametrize(
    "audience",
    [None, "", "exeat", AUDIENCE + "x", AUDIENCE.upper(), [], [AUDIENCE, "other"], ["other"], [[AUDIENCE]],
     {"a": AUDIENCE}, 7, True, f"{AUDIENCE} other", "https://api.example.test"],
    ids=repr,
)  # fmt: skip
def test_a_token_is_for_us_and_for_nobody_else(show, issuers, audience):
    bad(show, issuers["oidc"].token(SUBJECT, aud=audience))


@pytest.mark.row("J05")
@pytest.mark.parametrize(
    "subject", [None, "", 7, ["ci:deploy"], {"a": 1}, True, "ci:deploy ", "CI:deploy", "ci", "x" * 2000]
)
def test_the_subject_is_exactly_an_agents(show, issuers, subject):
    bad(show, issuers["oidc"].token(SUBJECT, sub=subject))


@pytest.mark.row("J05")
@pytest.mark.guard("token-claims")
@pytest.mark.parametrize(
    "claims",
    [
        None, {}, {"serviceaccount": {"name": "other"}}, {"serviceaccount": "pod-bot"}, "pod-bot",
        {"serviceaccount": {"name": ["pod-bot"]}}, {"serviceaccount/name": "pod-bot"},
    ],
    ids=repr,
)  # fmt: skip
def test_named_claims_have_to_be_there(show, issuers, claims):
    """Kubernetes: the namespace, service account or pod an agent is tied to."""
    token = issuers["pod"].token(POD, {"typ": None}, jti=None, **{"kubernetes.io": claims})
    bad(show, token)


@pytest.mark.row("J05")
@pytest.mark.parametrize(
    "subject",
    [
        "spiffe://example.org", "spiffe://example.org/", "spiffe://example.org/ns/agents/sa/mesh-bot/",
        "spiffe://EXAMPLE.org/ns/agents/sa/mesh-bot", "spiffe://other.org/ns/agents/sa/mesh-bot",
        "spiffe://example.org/ns/agents/sa/other", "spiffe://example.org/ns/../ns/agents/sa/mesh-bot",
        "spiffe://example.org/ns/agents/sa/mesh-bot?x", "https://example.org/ns/agents/sa/mesh-bot",
        "spiffe://example.org:1/ns/agents/sa/mesh-bot", "spiffe://u@example.org/ns/agents/sa/mesh-bot",
    ],
)  # fmt: skip
def test_a_jwt_svid_names_a_workload_of_its_trust_domain(show, issuers, subject):
    bad(show, issuers["mesh"].token(subject, iss=None))


@pytest.mark.row("J05")
def test_a_jwt_svid_has_no_other_header(show, issuers):
    """JWT-SVID §2 names the members; what else stands there is refused."""
    good(show, issuers["mesh"].token(SVID, iss=None))
    bad(show, issuers["mesh"].token(SVID, {"x5t": "abc"}, iss=None))


NOW = object()
TIMES = {
    "missing": None, "a text": "1", "a float": 1.5, "negative": -1, "zero": 0, "true": True, "a list": [1],
    "10^20": 10**20, "year 9999": 253_402_300_800, "a whole float": 2.0e9,
}  # fmt: skip


@pytest.mark.row("J06")
@pytest.mark.guard("token-times")
@pytest.mark.parametrize("name", ["exp", "iat", "nbf"])
@pytest.mark.parametrize("value", TIMES.values(), ids=TIMES)
def test_times_are_whole_seconds_and_there(show, issuers, name, value):
    bad(show, issuers["oidc"].token(SUBJECT, **{name: value}))


@pytest.mark.row("J06")
@pytest.mark.guard("token-times")
@pytest.mark.guard("token-life")
@pytest.mark.parametrize(
    "change",
    [
        {"iat": -600, "nbf": -600, "exp": -1}, {"exp": -20}, {"iat": 60}, {"nbf": 60}, {"iat": 120, "exp": 100}, {"exp": 7300}, {"iat": -7000},
        {"exp": 86400}, {"exp": 0},
    ],
    ids=str,
)  # fmt: skip
def test_a_life_is_now_and_short(show, issuers, change):
    """Expired (no leeway), not yet begun, over before it began, longer than the issuer's may be."""
    now = int(time.time())
    bad(show, issuers["oidc"].token(SUBJECT, **{name: now + delta for name, delta in change.items()}))


@pytest.mark.row("J06", "R10")
def test_clocks_may_differ_a_little(show, issuers):
    """``iat`` and ``nbf`` may lie ahead by the leeway, and no further."""
    now = int(time.time())
    good(show, issuers["oidc"].token(SUBJECT, iat=now + 10, nbf=now + 10))
    bad(show, issuers["oidc"].token(SUBJECT, iat=now + 40, nbf=now + 40))


@pytest.mark.row("J06")
def test_a_token_without_iat_still_lives_short(show, issuers):
    """JWT-SVIDs need none: their life is measured from now."""
    now = int(time.time())
    good(show, issuers["mesh"].token(SVID, iss=None, iat=None, nbf=None, exp=now + 3600))
    bad(show, issuers["mesh"].token(SVID, iss=None, iat=None, nbf=None, exp=now + 7300))
    bad(show, issuers["mesh"].token(SVID, iss=None, exp=None))


@pytest.mark.row("J06")
@pytest.mark.parametrize("jti", [None, "", 7, ["a"], "x" * 2000], ids=repr)
def test_an_id_is_a_text(show, issuers, jti):
    bad(show, issuers["oidc"].token(SUBJECT, jti=jti))


@pytest.mark.row("J08")
@pytest.mark.guard("token-type")
@pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "dpop+jwt", "exeat-pass+jwt", "application/at+jwt", "JOSE", 7])
def test_a_token_of_another_purpose_is_not_taken(show, issuers, typ):
    bad(show, issuers["oidc"].token(SUBJECT, {"typ": typ}))


@pytest.mark.row("J08")
def test_a_type_that_says_nothing_is_taken(show, issuers):
    for typ in (None, "JWT", "jwt", "application/jwt"):
        good(show, issuers["oidc"].token(SUBJECT, {"typ": typ}))


@pytest.mark.row("J08")
def test_what_we_mint_for_an_origin_proves_nobody(exeat, show, mission, origin):
    """The token an origin saw, brought back as a pass or as a token."""
    assert ask(exeat, mission, "GET", "/echo").status == 200
    minted = origin.last.one("authorization").removeprefix("Bearer ")
    origin.clear()
    bad(show, minted)


@pytest.mark.row("J08")
def test_a_pass_with_a_tokens_header_and_the_reverse(show, issuers, mission):
    """A pass is judged as a pass, a token as a token; their parts don't mix."""
    head, body, signature = mission["pass"].split(".")
    good(show, mission["pass"])
    bad(show, f"{b64(issuers['oidc'].header())}.{body}.{signature}")
    bad(show, f"{head}.{b64(issuers['oidc'].claims(SUBJECT))}.{signature}")
    own = base64.urlsafe_b64decode(head + "==")
    bad(show, compact(own, issuers["oidc"].claims(SUBJECT), issuers["oidc"].key))


@pytest.mark.row("J12")
@pytest.mark.guard("token-bound")
@pytest.mark.parametrize("cnf", [{"jkt": "x" * 43}, {"x5t#S256": "x" * 43}, {"jwk": {}}, {}, None, "x"], ids=repr)
def test_a_token_that_is_bound_to_a_key_is_refused(show, issuers, cnf):
    """DPoP and mTLS binding can't be checked here, so a bound token isn't taken as if it were a bearer's."""
    issuer = issuers["oidc"]
    bad(show, compact(issuer.header(), issuer.claims(SUBJECT) | {"cnf": cnf}, issuer.key))


# --- J07: once ----------------------------------------------------------------------------------------------------


@pytest.mark.row("J07", "R08")
@pytest.mark.guard("token-once")
def test_a_token_that_may_be_shown_once_is(exeat, missions, issuers, origin):
    """Its connection goes on; a second one doesn't begin, nor does one after a crash and a restart."""
    token = issuers["once"].token(SUBJECT)
    line = f"Proxy-Authorization: Bearer {token}"
    target = "http://plain.example.test/echo"
    with Wire(exeat) as wire:
        for _ in range(2):
            assert wire.request("GET", target, line, host="plain.example.test").status == 200
        with Wire(exeat) as second:
            refused(second.request("GET", target, line, host="plain.example.test"), *BAD, status=407)
    exeat.kill()
    wait_for_keys(exeat.start())
    with Wire(exeat) as wire:
        refused(wire.connect(f"{HOST}:443", None, line), *BAD, status=407)
        wire.close()
    with Wire(exeat) as wire:
        fresh = issuers["once"].token(SUBJECT)
        assert wire.connect(f"{HOST}:443", None, f"Proxy-Authorization: Bearer {fresh}").status == 200


@pytest.mark.row("J07", "R08")
def test_other_issuers_tokens_are_shown_again(show, issuers):
    """A workload shows its projected token for every connection."""
    token = issuers["oidc"].token(SUBJECT)
    for _ in range(3):
        good(show, token)


# --- J09: one reading ---------------------------------------------------------------------------------------------


@pytest.mark.row("J09")
@pytest.mark.parametrize("part", ["header", "claims"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1] + ',"sub":"ci:deploy","alg":"ES256"}',
        lambda text: " " * 10 + text[:-1] + ',"x":{"y":1,"y":2}}',
        lambda text: text + "}",
        lambda text: text[:-1] + ',"x":NaN}',
        lambda text: "[" * 100 + text + "]" * 100,
        lambda text: text[:-1] + ',"x":' + "[" * 80 + "]" * 80 + "}",
        lambda text: "\ufeff" + text,
        lambda text: text.encode("utf-16"),
        lambda text: text.encode()[:-1] + b',"x":"\xff"}',
        lambda text: "null",
        lambda text: "",
    ],
    ids=["twice", "twice inside", "more", "NaN", "in lists", "deep", "BOM", "UTF-16", "not UTF-8", "null", "empty"],
)  # fmt: skip
def test_json_that_has_two_readings_is_refused(show, issuers, part, spoil):
    issuer = issuers["oidc"]
    header, claims = json.dumps(issuer.header()), json.dumps(issuer.claims(SUBJECT))
    token = compact(
        spoil(header) if part == "header" else header, spoil(claims) if part == "claims" else claims, issuer.key
    )
    bad(show, token)


@pytest.mark.row("J09")
def test_spelling_is_canonical(show, issuers):
    """Padding, white space, other alphabets, extra dots: a token has one spelling."""
    token = issuers["oidc"].token(SUBJECT)
    header, claims, signature = token.split(".")
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    sibling = signature[:-1] + last[last.index(signature[-1]) ^ 1]  # the same bytes, other unused bits
    for spoilt in (
        f"{header}=.{claims}.{signature}", f"{token}=", f"{token}==", f"{token}.", f".{token}", f"{header}..{signature}",
        f"{header}.{claims}", f"{header}.{claims}.", f"{token}.{signature}.{signature}", f"{header}.{claims}.{sibling}",
        f"{header}.{claims}.{signature.replace('-', '+').replace('_', '/')}~", f"{header}%2E{claims}.{signature}",
    ):  # fmt: skip
        refused(show(spoilt), *BAD, status=407)
    for line in (
        f"Proxy-Authorization: Bearer {token} ".encode() + b"x", f"Proxy-Authorization: Bearer {header} .{claims}.{signature}".encode(),
        f"Proxy-Authorization: Bearer {token}, Bearer {token}".encode(), f"Proxy-Authorization: JWT {token}".encode(),
        f"Proxy-Authorization: Bearer {token}\r\nProxy-Authorization: Bearer {token}".encode(),
    ):  # fmt: skip
        refused(show(line), *BAD, status=407)


@pytest.mark.row("J09")
def test_size_is_bounded(show, issuers):
    """A token of 1 MiB, or of many claims, is refused in bounded time."""
    issuer = issuers["oidc"]
    begun = time.monotonic()
    answer = show(issuer.token(SUBJECT, x="y" * 1_000_000))
    assert answer.closed or 400 <= answer.status < 500
    refused(show(issuer.token(SUBJECT, x="y" * 7000)), *BAD, status=407)
    five = ".".join(
        [b64({"alg": "dir", "enc": "A256GCM", "zip": "DEF"}), "", b64("x" * 16), b64("x" * 4000), b64("x" * 16)]
    )
    refused(show(five), *BAD, status=407)
    assert time.monotonic() - begun < 5


# --- J11: signatures ----------------------------------------------------------------------------------------------

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.row("J11")
@pytest.mark.guard("token-signature")
@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, ORDER + 1, 2**256 - 1])
def test_edge_values_of_ecdsa_prove_nothing(show, issuers, r, s):
    """CVE-2022-21449 and its kin."""
    issuer = issuers["oidc"]
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    refused(show(compact(issuer.header(), issuer.claims(SUBJECT), None, signature)), *BAD, status=407)


@pytest.mark.row("J11")
@pytest.mark.guard("token-signature")
def test_a_signature_in_another_form_proves_nothing(show, issuers):
    """DER instead of two numbers; halves exchanged; over other bytes; of another key; with one bit changed."""
    issuer = issuers["oidc"]
    head = issuer.token(SUBJECT).rpartition(".")[0]
    good_one = issuer.key.sign(head.encode())
    der = issuer.key.private.sign(head.encode(), ec.ECDSA(hashes.SHA256()))
    for signature in (
        der, good_one[32:] + good_one[:32], issuer.key.sign(b"other"), Key().sign(head.encode()), bytes(64),
        good_one[:-1] + bytes([good_one[-1] ^ 1]), b"\x00" + good_one, good_one + b"\x00", good_one * 2,
    ):  # fmt: skip
        refused(show(f"{head}.{b64(signature)}"), *BAD, status=407)


@pytest.mark.row("J11")
@pytest.mark.guard("token-algorithm")
def test_rsa_paddings_are_not_exchanged(show, issuers):
    """PSS where PKCS#1 is said, and the reverse; another digest than said; raw numbers."""
    issuer = issuers["rsa"]
    for said, done in (
        ("RS256", "PS256"),
        ("PS256", "RS256"),
        ("PS256", "PS256"),
        ("RS256", "RS512"),
        ("RS512", "RS512"),
    ):
        token = compact(issuer.header(alg=said), issuer.claims(SUBJECT), issuer.key, algorithm=done)
        refused(show(token), *BAD, status=407)
    for signature in (bytes(256), b"\x00" * 255 + b"\x01", b"\xff" * 256, b""):
        refused(show(compact(issuer.header(), issuer.claims(SUBJECT), None, signature)), *BAD, status=407)
