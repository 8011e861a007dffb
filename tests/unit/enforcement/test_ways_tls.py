"""A listener's own certificate: signed by our CA or from files, renewed while it listens."""

from __future__ import annotations

import os
import ssl
import time
from pathlib import Path

import pytest
import trustme

from exeat.enforcement.ca import CertificateAuthority, ensure_ca
from exeat.enforcement.ways.tls import ListenerTls
from exeat.errors import StartError


class Clock:
    now = 1000.0

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return self.now

    def boot(self) -> float:
        return self.now


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir(0o700)
    ensure_ca(folder)
    return folder


def shown(context: ssl.SSLContext, trusted: ssl.SSLContext, name: str) -> bytes:
    """The certificate a client of this listener gets, verified."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusted.wrap_bio(to_client, to_server, server_hostname=name)
    server = context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client.do_handshake, server.do_handshake] * 3
    for step in waiting:
        try:
            step()
        except ssl.SSLWantReadError:
            continue
    certificate = client.getpeercert(binary_form=True)
    assert certificate is not None
    return certificate


def test_our_ca_signs_for_the_listeners_names_and_signs_again_in_time(state: Path) -> None:
    clock = Clock()
    listener = ListenerTls(CertificateAuthority(state), clock, ("exeat.example.test", "10.0.0.1"))
    trusted = ssl.create_default_context(cafile=str(state / "ca.pem"))
    first = shown(listener.context, trusted, "exeat.example.test")
    listener.renew()
    assert shown(listener.context, trusted, "10.0.0.1") == first
    clock.now += 9 * 3600
    listener.renew()
    assert shown(listener.context, trusted, "10.0.0.1") != first
    with pytest.raises(ssl.SSLCertVerificationError):
        shown(listener.context, trusted, "other.example.test")


def test_files_are_read_again_when_they_change_and_a_bad_one_changes_nothing(state: Path, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"

    def write() -> None:
        issued = authority.issue_cert("exeat.example.test")
        key.write_bytes(issued.private_key_pem.bytes())
        certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
        os.utime(certificate, ns=(time.time_ns(), time.time_ns()))

    write()
    trusted = ssl.create_default_context()
    authority.configure_trust(trusted)
    listener = ListenerTls(CertificateAuthority(state), Clock(), (), files=(certificate, key))
    first = shown(listener.context, trusted, "exeat.example.test")
    write()
    listener.renew()
    second = shown(listener.context, trusted, "exeat.example.test")
    assert second != first
    certificate.write_text("nonsense")
    with pytest.raises(StartError, match="don't fit together"):
        listener.renew()
    assert shown(listener.context, trusted, "exeat.example.test") == second
    certificate.unlink()
    with pytest.raises(StartError, match=r"c\.pem"):
        listener.renew()


def test_an_encrypted_key_is_refused_and_nobody_is_asked(state: Path, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    issued = trustme.CA().issue_cert("exeat.example.test")
    private = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
    )
    with pytest.raises(StartError):
        ListenerTls(CertificateAuthority(state), Clock(), (), files=(certificate, key))


def test_a_client_ca_without_certificates_is_refused(state: Path, tmp_path: Path) -> None:
    (tmp_path / "roots.pem").write_text("nothing")
    with pytest.raises(StartError, match="client_ca"):
        ListenerTls(CertificateAuthority(state), Clock(), ("10.0.0.1",), client_ca=tmp_path / "roots.pem")
