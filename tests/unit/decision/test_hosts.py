# ruff: noqa: RUF001  look-alike characters are what is tested
"""A host name has one spelling, and nothing a resolver would take for an address is a name."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exeat.decision.addresses import ip_literal
from exeat.decision.hosts import canonical_host, is_address, is_local_name, parse_authority


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("api.example.test", "api.example.test"),
        ("API.Example.TEST", "api.example.test"),
        ("api.example.test.", "api.example.test"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("xn--fa-hia.example", "xn--fa-hia.example"),
        ("r3---sn-4g5e.example.test", "r3---sn-4g5e.example.test"),
        ("1.example.test", "1.example.test"),
        ("localhost", "localhost"),
    ],
)
def test_every_spelling_of_a_name_becomes_the_one(text, canonical):
    assert canonical_host(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "a..b", ".a.test", "a.test..", "a.test。.", "-a.test", "a-.test", "a_b.test", "a b.test", " a.test",
        "a.test\n", "a\x00.test", "a%00.test", "a%2etest", "[a.test]", "u@a.test", "a.test:443", "a.test/", "a\\b.test",
        "a#b.test", "a?b.test", "a,b.test", "xn--.test", "xn--a.test", "xn--zzzzzz--.test", "xn--bcv11111111111111111111111111111111111111a.test", "a\u200d.test", "☃️‍.test",
        "a" * 64 + ".test", ".".join(["a" * 60] * 5),
        "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0", "1.2.3.4", "1.2.3.4.", "1.0x7f", "0x", "a.0x", "256.1.1.1",
        "bücher.example", "BÜCHER.example", "faß.example", "ςα.example", "ｅｘａｍｐｌｅ。test", "exam\u00adple.test", "\u212a.example", "\u0130.example", "a\u200db.test",
        "１２７.0.0.1", "①②⑦.0.0.1", "example.123", "::1", "[::1]",
    ],
)  # fmt: skip
@pytest.mark.guard("ascii-hosts")
def test_what_is_no_plain_name_is_refused(text):
    with pytest.raises(ValueError, match="the host"):
        canonical_host(text)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=40), st.from_regex(r"[a-zA-Zäßé0-9.-]{1,30}", fullmatch=True), st.binary().map(repr)))
@example("xn--bcher-kva.example")
def test_canonicalising_twice_changes_nothing_and_never_fails_otherwise(text):
    try:
        once = canonical_host(text)
    except ValueError:
        return
    assert canonical_host(once) == once
    assert once.isascii()
    assert once == once.lower()
    assert not is_address(once)
    assert parse_authority(once, 443) == (once, 443)


NUMBER = st.one_of(
    st.integers(0, 2**33).map(str),
    st.integers(0, 2**33).map(hex),
    st.integers(0, 2**33).map(lambda number: f"0{number:o}"),
    st.sampled_from(["0x", "0X7F", "08", "00", "000000000000000000001"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBER, min_size=1, max_size=5).map(".".join))
@example("127.1")
@example("0x7f.0.1")
@example("1.2.3")
def test_whatever_the_c_resolver_takes_for_an_address_is_never_a_name(text):
    """The table of security matrix N01, made exhaustive."""
    with pytest.raises(ValueError, match="the host"):
        canonical_host(text)
    try:
        packed = socket.inet_aton(text)
    except OSError:
        return
    assert ip_literal(text) == IPv4Address(packed)


@pytest.mark.parametrize(
    ("text", "default", "parsed"),
    [
        ("api.example.test:443", None, ("api.example.test", 443)),
        ("API.example.test.:8443", None, ("api.example.test", 8443)),
        ("api.example.test", 443, ("api.example.test", 443)),
        ("api.example.test:80", 443, ("api.example.test", 80)),
        ("192.0.2.1:443", None, ("192.0.2.1", 443)),
        ("[2001:DB8:0::1]:443", None, ("2001:db8::1", 443)),
        ("[::1]", 443, ("::1", 443)),
    ],
)
def test_an_authority_is_a_host_and_a_port(text, default, parsed):
    assert parse_authority(text, default) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "a.test:", "a.test:0", "a.test:65536", "a.test:99999", "a.test:+443", "a.test:0443", "a.test: 443", "a.test:443 ",
        "a.test:443:80", "a.test:４４３", "u@a.test:443", "u:p@a.test:443", ":443", "", "a.test:443,b.test:443", "a.test/:443",
        "::1", "::1:443", "[::1", "[::1]443", "[::1]:", "[::1%25eth0]:443", "[a.test]:443", "[[::1]]:443", "[127.0.0.1]:443",
        "127.1:443", "0x7f.1:443", "2130706433:443", "0:443", "01.2.3.4:443", "1.2.3.4.:443", "1.2.3.256:443",
    ],
)  # fmt: skip
def test_an_authority_that_is_anything_else_is_refused(text):
    with pytest.raises(ValueError, match=r"\S"):
        parse_authority(text, 443)


def test_an_authority_without_a_port_needs_a_default():
    with pytest.raises(ValueError, match="no port"):
        parse_authority("a.test")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:1.2.3.4"])
def test_an_address_is_told_from_a_name(host):
    assert is_address(host)
    assert not is_address("host1.test2")


@pytest.mark.parametrize(
    "host",
    ["localhost", "a.localhost", "printer.local", "metadata.google.internal", "nas.home.arpa", "home.arpa", "intranet",
     "db", "x.corp", "y.lan", "abc.onion"],
)  # fmt: skip
def test_a_name_that_is_only_local_is_known(host):
    assert is_local_name(host)


@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "local.dev", "internal.example"])
def test_a_public_name_is_not_local(host):
    assert not is_local_name(host)
