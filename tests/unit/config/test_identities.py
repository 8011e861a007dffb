"""Who may vouch for agents and what means one: ambiguities are findings with their line."""

from __future__ import annotations

import pytest

from exeat.config.loading import load
from exeat.errors import ConfigurationError

BASE = """\
[identity]
evidence = ["pass", "jwt"]
[[identity.jwt]]
issuer = "https://login.example.test"
audience = "exeat"
jwks_url = "https://login.example.test/jwks"
[[identity.jwt]]
issuer = "spiffe://example.org"
kind = "spiffe"
audience = "exeat"
jwks_url = "https://bundle.example.test/"
[[agent]]
name = "ann"
environment = "prod"
spiffe = ["spiffe://example.org/ann"]
addresses = ["10.0.0.0/24", "fd00::7"]
jwt = [{ issuer = "https://login.example.test", subject = "ann", claims = { "/kubernetes.io/namespace" = "a" } }]
[[agent]]
name = "bob"
environment = "prod"
# bob
"""
BOB = "# bob\n"


def check(tmp_path, text: str):
    """(line, field, whole text) of every finding."""
    file = tmp_path / "exeat.toml"
    file.write_text(text)
    try:
        load(file, {})
    except ConfigurationError as error:
        return [(each.line, each.field, str(each)) for each in error.findings]
    return []


def test_the_base_is_sound(tmp_path):
    assert check(tmp_path, BASE) == []


@pytest.mark.guard("subject-twice")
@pytest.mark.guard("spiffe-twice")
@pytest.mark.guard("address-overlap")
@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ('jwt = [{ issuer = "https://login.example.test", subject = "ann" }]', "agent[1].jwt[0].subject", "means prod/ann as well"),
        ('jwt = [{ issuer = "https://login.example.test", subject = "ann", claims = { ref = "main" } }]', "agent[1].jwt[0].subject", "another value"),
        ('spiffe = ["spiffe://example.org/ann"]', "agent[1].spiffe[0]", "means prod/ann as well"),
        ('spiffe = ["spiffe://exeat.internal/env/prod/agent/ann"]', "agent[1].spiffe[0]", "means prod/ann as well"),
        ('addresses = ["10.0.0.7"]', "agent[1].addresses[0]", "overlaps with 10.0.0.0/24 of prod/ann"),
        ('addresses = ["10.0.0.0/8"]', "agent[1].addresses[0]", "overlaps"),
        ('addresses = ["fd00::/16"]', "agent[1].addresses[0]", "overlaps"),
    ],
)  # fmt: skip
def test_nothing_means_two_agents(tmp_path, line, field, words):
    (found,) = check(tmp_path, BASE.replace(BOB, line + "\n"))
    assert found[0] == 21
    assert found[1] == field
    assert words in found[2]


@pytest.mark.parametrize(
    "line",
    [
        'jwt = [{ issuer = "https://login.example.test", subject = "ann", claims = { "/kubernetes.io/namespace" = "b" } }]',
        'jwt = [{ issuer = "https://login.example.test", subject = "bob" }]',
        'spiffe = ["spiffe://other.org/ann"]',
        'addresses = ["10.0.1.0/24", "fd00::8"]',
    ],
)
def test_what_can_be_told_apart_is_fine(tmp_path, line):
    assert check(tmp_path, BASE.replace(BOB, line + "\n")) == []


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        (BOB, 'spiffe = ["spiffe://example.org"]', "agent[1].spiffe[0]", "no SPIFFE ID"),
        (BOB, 'spiffe = ["spiffe://example.org/a/../b"]', "agent[1].spiffe[0]", "no SPIFFE ID"),
        (BOB, 'addresses = ["10.0.1.7/24"]', "agent[1].addresses[0]", "host bits"),
        (BOB, 'addresses = ["localhost"]', "agent[1].addresses[0]", "neither"),
        (BOB, 'addresses = ["0.0.0.0/0"]', "agent[1].addresses[0]", "everybody"),
        (BOB, 'addresses = ["fe80::/64"]', "agent[1].addresses[0]", "link-local"),
        (BOB, 'addresses = ["::ffff:10.1.0.1"]', "agent[1].addresses[0]", "written form"),
        (BOB, 'jwt = [{ issuer = "https://login.exmaple.test", subject = "x" }]', "agent[1].jwt[0].issuer", "did you mean 'https://login.example.test'"),
        (BOB, 'jwt = [{ issuer = "spiffe://example.org", subject = "spiffe://example.org/x" }]', "agent[1].jwt[0].issuer", 'spiffe = ["spiffe://example.org/x"]'),
        (BOB, 'jwt = [{ issuer = "https://login.example.test", subject = "x", claims = { "/a~b" = "x" } }]', 'agent[1].jwt[0].claims."/a~b"', "JSON Pointer"),
        ('"https://login.example.test/jwks"', '"http://login.example.test/jwks"', "identity.jwt[0].jwks_url", "other keys"),
        ('jwks_url = "https://login.example.test/jwks"', "", "identity.jwt[0].jwks_url", "exactly one"),
        ('jwks_url = "https://login.example.test/jwks"', 'jwks_url = "https://a.test"\njwks_file = "k"', "identity.jwt[0].jwks_url", "exactly one"),
        ('issuer = "spiffe://example.org"', 'issuer = "https://login.example.test"', "identity.jwt[1].issuer", "trusted twice"),
        ('kind = "spiffe"', 'kind = "oidc"', "identity.jwt[1].kind", "trust domain"),
        ('kind = "spiffe"', 'kind = "saml"', "identity.jwt[1].kind", "oidc"),
        ('issuer = "spiffe://example.org"', 'issuer = "spiffe://example.org/x"', "identity.jwt[1].issuer", "trust domain"),
        ('jwks_url = "https://bundle', 'algorithms = ["HS256"]\njwks_url = "https://bundle', "identity.jwt[1].algorithms[0]", "RS256"),
        ('jwks_url = "https://bundle', 'algorithms = []\njwks_url = "https://bundle', "identity.jwt[1].algorithms", ""),
        ('jwks_url = "https://bundle', 'leeway = "5m"\njwks_url = "https://bundle', "identity.jwt[1].leeway", "at most 60"),
        ('jwks_url = "https://bundle', 'longest_life = "2d"\njwks_url = "https://bundle', "identity.jwt[1].longest_life", "at most"),
        ('jwks_url = "https://bundle', 'without = ["exp"]\njwks_url = "https://bundle', "identity.jwt[1].without[0]", "iat"),
        ('jwks_url = "https://bundle', 'once = true\nwithout = ["jti"]\njwks_url = "https://bundle', "identity.jwt[1].once", "never writes"),
        ('jwks_url = "https://bundle', 'keep = "1m"\njwks_url = "https://bundle', "identity.jwt[1].keep", "shorter"),
        ('evidence = ["pass", "jwt"]', 'evidence = ["pass", "jwt"]\nrequire = "all"', "identity.evidence", "only one of the two"),
        ('evidence = ["pass", "jwt"]', "evidence = []", "identity.evidence", ""),
        ('evidence = ["pass", "jwt"]', 'evidence = ["password"]', "identity.evidence[0]", "pass"),
        ('evidence = ["pass", "jwt"]', 'evidence = ["placeholder"]', "identity.evidence", "no service"),
        ("[identity]", '[admin]\nlisten = "http://127.0.0.1:9"\n[issuer]\nurl = "https://login.example.test"\n[identity]', "identity.jwt[0].issuer", "this installation"),
    ],
)  # fmt: skip
def test_findings_say_what_to_do(tmp_path, old, new, field, words):
    assert old in BASE
    found = check(tmp_path, BASE.replace(old, new + "\n" if old == BOB else new, 1))
    assert field in [name for _, name, _ in found], found
    assert any(words in text for _, name, text in found if name == field), found
    assert all(line for line, _, _ in found)


def test_evidence_nobody_can_show(tmp_path):
    """A kind that counts needs what it is judged by."""
    text = '[identity]\nevidence = ["jwt", "address"]\n[[agent]]\nname = "a"\nenvironment = "prod"\n'
    found = [text for _, _, text in check(tmp_path, text)]
    assert len(found) == 2
    assert "no issuer is trusted" in found[0]
    assert "no agent has addresses" in found[1]
