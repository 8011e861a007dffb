"""``postgresql://USER@HOST:PORT/DATABASE`` read strictly: hosts, TLS, password.

No error quotes the URL: it may hold a password. Must not know: any table, the driver.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from exeat.errors import StartError
from exeat.model.secret import Secret

PREFIX = "postgresql://"
_FORM = 'write url = "postgresql://USER@HOST:5432/DATABASE" and password = "env:NAME"'
_PORT = 5432


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is, and how it is reached. Several hosts are one cluster: the one that takes writes is used."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    user: str
    database: str
    password: Secret | None
    tls: ssl.SSLContext | None

    def __str__(self) -> str:
        where = ",".join(f"{host}:{port}" for host, port in zip(self.hosts, self.ports, strict=True))
        return f"PostgreSQL database {self.database!r} at {where}"


def parse(url: str, base: Path, password: Secret | None = None) -> Place:
    """Return what a URL says.

    Beyond loopback and Unix sockets (``?host=/run/postgresql``) the connection is TLS and the server's certificate must
    be for its name, signed by the system's roots or ``sslrootcert`` (a path relative to ``base``); ``sslmode=disable``
    says otherwise. Raise StartError, without quoting the URL, for anything else.
    """
    try:
        parts = urlsplit(url)
        login, _, netloc = parts.netloc.rpartition("@")
        user, has_password, inline = login.partition(":")
        options = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else []
        hosts = [_host(each) for each in netloc.split(",")] if netloc else []
    except ValueError:
        raise StartError("store.url: this is not a PostgreSQL URL", _FORM) from None
    named = dict(options)
    database = unquote(parts.path.removeprefix("/"))
    if unknown := sorted(set(named) - {"sslmode", "sslrootcert", "host"}):
        raise StartError(f"store.url: unknown option {unknown[0]!r}", "known are sslmode, sslrootcert and host")
    if "host" in named:
        hosts.append((named["host"], hosts[0][1] if hosts else _PORT))
        hosts = hosts[-1:]
    if len(named) != len(options) or parts.fragment or not hosts or not user or not database or "/" in database:
        raise StartError("store.url: USER, HOST and DATABASE are needed", _FORM)
    if has_password and password is not None:
        raise StartError("store.url and store.password both hold a password", "take it out of the URL")
    return Place(
        hosts=tuple(host for host, _ in hosts),
        ports=tuple(port for _, port in hosts),
        user=unquote(user),
        database=database,
        password=Secret(unquote(inline)) if has_password else password,
        tls=_tls([host for host, _ in hosts], named, base),
    )


def _host(text: str) -> tuple[str, int]:
    if text.startswith("["):
        address, closed, rest = text[1:].partition("]")
        ip_address(address)
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError("brackets")
        host, port = address, rest.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    number = int(port) if port else _PORT
    if not host or not 0 < number < 65536:
        raise ValueError("host or port")
    return unquote(host), number


def _tls(hosts: list[str], named: dict[str, str], base: Path) -> ssl.SSLContext | None:
    mode = named.get("sslmode", "disable" if all(map(_here, hosts)) else "verify-full")
    if mode == "disable":
        if "sslrootcert" in named:
            raise StartError("store.url: sslrootcert does nothing without TLS", "write sslmode=verify-full beside it")
        return None
    if mode != "verify-full":
        raise StartError(
            "store.url: sslmode must be verify-full or disable",
            "the other modes don't prove whom the missions are told to; name the server's CA with sslrootcert=FILE",
        )
    roots = named.get("sslrootcert")
    try:
        return ssl.create_default_context(cafile=str(base / roots) if roots else None)
    except OSError as error:  # ssl.SSLError is one
        raise StartError(
            f"store.url: sslrootcert can't be read: {error.strerror or error}", "name a PEM file"
        ) from None


def _here(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
