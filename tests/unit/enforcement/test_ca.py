"""Leaves that strict clients accept, from a CA only its owner can read."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from exeat.clock import SystemClock
from exeat.enforcement.ca import CertificateAuthority, LeafCache, ensure_ca
from exeat.enforcement.tls import AgentSide
from exeat.errors import StartError


@pytest.fixture
def state(tmp_path: Path) -> Path:
    ensure_ca(tmp_path / "state")
    return tmp_path / "state"


def test_the_key_is_private_and_the_certificate_public(state: Path) -> None:
    assert (state / "ca.key").stat().st_mode & 0o777 == 0o600
    assert (state / "ca.pem").stat().st_mode & 0o777 == 0o644
    assert (state / "ca.pem").read_bytes() in (state / "ca-bundle.pem").read_bytes()


def test_a_second_start_keeps_the_ca(state: Path) -> None:
    names = ("ca.pem", "ca-bundle.pem", "ca-truststore.p12", "wgetrc")
    before = [(state / name).read_bytes() for name in names]
    ensure_ca(state)
    assert [(state / name).read_bytes() for name in names] == before


def test_java_gets_the_same_roots_in_a_store_of_its_own(state: Path) -> None:
    store = state / "ca-truststore.p12"
    assert store.stat().st_mode & 0o777 == 0o644
    loaded = pkcs12.load_pkcs12(store.read_bytes(), b"changeit")
    assert loaded.key is None
    ours = x509.load_pem_x509_certificate((state / "ca.pem").read_bytes())
    assert ours in [each.certificate for each in loaded.additional_certs]
    store.unlink()
    ensure_ca(state)
    assert store.exists()


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no Java")
def test_java_trusts_what_is_in_it(state: Path) -> None:
    listed = subprocess.run(
        ["keytool", "-list", "-keystore", str(state / "ca-truststore.p12"), "-storepass", "changeit"],
        capture_output=True, text=True, timeout=60, env={**os.environ, "LC_ALL": "C"},
    )  # fmt: skip
    assert listed.stdout.count("trustedCertEntry") > 1, listed.stdout + listed.stderr


def test_a_strict_client_accepts_the_leaf_and_only_for_its_name(state: Path) -> None:
    side = AgentSide(CertificateAuthority(state), SystemClock(), 8, 100)
    context = ssl.create_default_context(cafile=str(state / "ca.pem"))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    for name, good in (("api.example.test", True), ("other.example.test", False)):
        ours, theirs = socket.socketpair()
        connection = side.accept(("api.example.test",), "a")

        def answer(connection=connection, ours=ours, good=good) -> None:
            try:
                while True:
                    connection.bio_write(ours.recv(65536))
                    try:
                        connection.do_handshake()
                        done = True
                    except Exception:
                        done = False
                    ours.sendall(connection.bio_read(65536))
                    if done:
                        return
            except Exception:
                return
            finally:
                ours.shutdown(socket.SHUT_RDWR) if not good else None

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        theirs.settimeout(5)
        if good:
            with context.wrap_socket(theirs, server_hostname=name) as wrapped:
                assert wrapped.getpeercert()["subjectAltName"] == (("DNS", "api.example.test"),)
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                context.wrap_socket(theirs, server_hostname=name)
        thread.join(5)
        ours.close()
        theirs.close()


@pytest.mark.parametrize("damage", [b"", b"rubbish"])
def test_a_damaged_key_refuses_the_start_with_the_fix(state: Path, damage: bytes) -> None:
    (state / "ca.key").write_bytes(damage)
    with pytest.raises(StartError) as caught:
        CertificateAuthority(state)
    assert caught.value.hint


def test_a_key_others_can_read_refuses_the_start(state: Path) -> None:
    (state / "ca.key").chmod(0o644)
    with pytest.raises(StartError, match="can be read by others"):
        CertificateAuthority(state)


def test_a_certificate_of_another_key_refuses_the_start(state: Path, tmp_path: Path) -> None:
    ensure_ca(tmp_path / "other")
    (state / "ca.pem").write_bytes((tmp_path / "other" / "ca.pem").read_bytes())
    with pytest.raises(StartError, match="doesn't belong"):
        CertificateAuthority(state)


def test_the_cache_is_bounded_and_forgets_what_is_old() -> None:
    cache: LeafCache[int] = LeafCache(2, 10)
    for number in range(3):
        cache.put((str(number),), number, now=0)
    assert cache.get(("0",), 1) is None
    assert cache.get(("2",), 1) == 2
    assert cache.get(("2",), 11) is None
