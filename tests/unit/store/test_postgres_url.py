"""The URL of a PostgreSQL store: read strictly, with TLS beyond this machine, and never quoted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from exeat.errors import StartError
from exeat.model.secret import Secret
from exeat.store.postgres_url import parse

BASE = Path("/etc/exeat")


def test_what_a_url_says() -> None:
    place = parse("postgresql://ex%40at:p%3Aw%2F@127.0.0.1:5433/the%20store", BASE)
    assert (place.hosts, place.ports, place.user, place.database) == (("127.0.0.1",), (5433,), "ex@at", "the store")
    assert place.password is not None
    assert place.password.reveal() == "p:w/"
    assert str(place) == "PostgreSQL database 'the store' at 127.0.0.1:5433"
    assert "p:w/" not in repr(place)


def test_several_hosts_are_one_cluster() -> None:
    place = parse("postgresql://exeat@a.test:5433,[2001:db8::1],b.test/exeat", BASE)
    assert place.hosts == ("a.test", "2001:db8::1", "b.test")
    assert place.ports == (5433, 5432, 5432)


def test_a_unix_socket() -> None:
    place = parse("postgresql://exeat@/exeat?host=/run/postgresql", BASE)
    assert (place.hosts, place.ports, place.tls) == (("/run/postgresql",), (5432,), None)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9:1", "[::1]:5432"])
def test_this_machine_needs_no_tls(host: str) -> None:
    assert parse(f"postgresql://exeat@{host}/exeat", BASE).tls is None
    assert parse(f"postgresql://exeat@{host}/exeat?sslmode=verify-full", BASE).tls is not None


@pytest.mark.guard("store-tls")
@pytest.mark.parametrize("host", ["db.example.test", "10.0.0.1", "127.0.0.1,db.example.test", "localhost.example.test"])
def test_any_other_must_prove_its_name(host: str) -> None:
    tls = parse(f"postgresql://exeat@{host}/exeat", BASE).tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert tls.check_hostname


def test_roots_are_relative_to_the_configuration(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = parse("postgresql://exeat@db.test/exeat?sslrootcert=ca.pem", tmp_path).tls
    assert tls is not None
    assert len(tls.get_ca_certs()) == 1
    with pytest.raises(StartError, match="sslrootcert"):
        parse("postgresql://exeat@db.test/exeat?sslrootcert=none.pem", tmp_path)


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "/exeat",
        "h/",
        "h",
        "h:0/exeat",
        "h:65536/exeat",
        "h:x/exeat",
        "[::1/exeat",
        "[h]/exeat",
        "h,/exeat",
        "h/a/b",
        "h/exeat?sslmode=require",
        "h/exeat?sslmode=prefer",
        "h/exeat?sslmode",
        "h/exeat?sslmode=disable&sslrootcert=ca.pem",
        "h/exeat?sslmode=disable&sslmode=verify-full",
        "h/exeat?options=-csynchronous_commit%3Doff",
        "h/exeat#x",
    ],
)
def test_anything_else_is_refused_without_quoting_the_password(rest: str) -> None:
    with pytest.raises(StartError) as caught:
        parse(f"postgresql://exeat:s3cret-canary@{rest}", BASE)
    assert "s3cret-canary" not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", ["postgresql://h/exeat", "postgresql://:pw@h/exeat"])
def test_a_user_is_needed(url: str) -> None:
    with pytest.raises(StartError, match="USER"):
        parse(url, BASE)


def test_two_passwords_are_one_too_many() -> None:
    with pytest.raises(StartError, match="both hold a password"):
        parse("postgresql://exeat:one@h/exeat", BASE, Secret("two"))
