"""Only plain public addresses are public; whatever embeds, reserves or hides another is not."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision.addresses import ip_literal
from exeat.decision.ranges import refused


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
        "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
        "::", "::1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "2001::1", "2001:2::1",
        "2001:db8::1", "2002:808:808::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "5f00::1",
        "2606:4700::5efe:808:808", "2606:4700::200:5efe:a00:1", "4000::1",
    ],
)  # fmt: skip
def test_a_special_address_is_not_public(text):
    assert refused(str(ip_address(text)))


@pytest.mark.parametrize("text", ["1.1.1.1", "8.8.8.8", "140.82.121.6", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_a_plain_global_address_is_public(text):
    assert not refused(str(ip_address(text)))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1", "127.0.0.1"), ("127.1", "127.0.0.1"), ("127.0.1", "127.0.0.1"), ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"), ("0X7F000001", "127.0.0.1"), ("0177.0.0.01", "127.0.0.1"), ("017700000001", "127.0.0.1"),
        ("0", "0.0.0.0"), ("127.0.0.1.", "127.0.0.1"), ("[::1]", "::1"), ("::1", "::1"), ("[::FFFF:7f00:1]", "::ffff:7f00:1"),
    ],
)  # fmt: skip
def test_every_way_to_write_an_address_is_read(text, address):
    assert ip_literal(text) == ip_address(address)


@pytest.mark.parametrize(
    "text", ["", ".", "a.test", "1.2.3.4.5", "256.1.1.1", "4294967296", "08.1", "0x1g", "[a]", "1..2", "a:b"]
)
def test_a_name_is_not_an_address(text):
    assert ip_literal(text) is None


@settings(max_examples=200)
@given(st.text(alphabet="0123456789abcdefxABF.:[]%", max_size=40))
def test_reading_an_address_never_raises(text):
    ip_literal(text)
