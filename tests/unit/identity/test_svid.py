"""X.509-SVIDs: exactly one SPIFFE ID in a leaf."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from exeat.errors import RefusalError
from exeat.identity.svid import read_svid
from exeat.model.reason import Reason

KEY = ec.generate_private_key(ec.SECP256R1())
END = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
BOT = "spiffe://cluster.example/ns/agents/sa/invoice-bot"


def leaf(*names: x509.GeneralName, ca: bool = False, signs: bool = False) -> bytes:
    name = x509.Name([])
    builder = (
        x509.CertificateBuilder(name, name, KEY.public_key(), x509.random_serial_number())
        .not_valid_before(END - datetime.timedelta(days=9000))
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if signs:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def uri(text: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(text)


def test_one_spiffe_id_is_the_identity() -> None:
    assert read_svid(leaf(uri(BOT), x509.DNSName("bot.example.test"))) == (BOT, END.timestamp())


@pytest.mark.guard("svid-leaf")
@pytest.mark.parametrize(
    "certificate",
    [
        leaf(),
        leaf(x509.DNSName("bot.example.test")),
        leaf(uri(BOT), uri(BOT + "2")),
        leaf(uri(BOT), uri("https://example.test/")),
        leaf(uri("https://example.test/agent")),
        leaf(uri("spiffe://cluster.example")),
        leaf(uri("spiffe://cluster.example/")),
        leaf(uri("spiffe://Cluster.example/agent")),
        leaf(uri("spiffe://cluster.example:8443/agent")),
        leaf(uri("spiffe://u@cluster.example/agent")),
        leaf(uri("spiffe://cluster.example/a//b")),
        leaf(uri("spiffe://cluster.example/a/../b")),
        leaf(uri("spiffe://cluster.example/a/./b")),
        leaf(uri("spiffe://cluster.example/a%2fb")),
        leaf(uri("spiffe://cluster.example/a?b")),
        leaf(uri("spiffe://cluster.example/a#b")),
        leaf(uri("SPIFFE://cluster.example/a")),
        leaf(uri("spiffe://cluster.example/" + "a" * 2048)),
        leaf(uri(BOT), ca=True),
        leaf(uri(BOT), signs=True),
        b"nothing",
        b"",
    ],
)
def test_anything_else_identifies_nobody(certificate: bytes) -> None:
    with pytest.raises(RefusalError) as refused:
        read_svid(certificate)
    assert refused.value.reason is Reason.IDENTITY_INVALID
