"""Base URLs: which service one means, and what comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.decision.normalize import normalize
from exeat.enforcement.ways.reverse import BaseUrls
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, WireRequest
from exeat.model.service import Service

SERVICES = [
    Service("github", "GitHub", ("api.github.com",)),
    Service("github-uploads", "GitHubUploads", ("uploads.github.com", "*.uploads.github.com")),
    Service("inner", "Inner", ("inner.example.test",), ports=(8443,)),
    Service("plain", "Plain", ("plain.example.test",), ports=(80,), plain_http=True),
    Service("any", "Any", ("*.example.test",)),
]
BASES = BaseUrls(SERVICES, ["exeat.example.net"], "exeat.internal", tls=False)
TLS = BaseUrls(SERVICES, ["exeat.example.net"], "exeat.internal", tls=True)
HERE = "127.0.0.1:9000"


def wire(target: str, host: str | None = HERE, *headers: tuple[str, str], authority: str = "") -> WireRequest:
    fields = [("Host", host)] if host is not None else []
    return WireRequest(
        "GET", target.encode("latin-1"), authority,
        tuple((k.encode(), v.encode()) for k, v in [*fields, *headers]), "HTTP/2.0" if authority else "HTTP/1.1", None,
    )  # fmt: skip


def meant(request: WireRequest, bases: BaseUrls = BASES) -> CanonicalRequest:
    mapped = bases.forward(request)
    assert not isinstance(mapped, Deny), mapped
    canonical = normalize(mapped[0])
    assert isinstance(canonical, CanonicalRequest), canonical
    return canonical


@pytest.mark.parametrize(
    ("target", "host", "where"),
    [
        ("/github/repos/a/b?page=2", HERE, ("api.github.com", 443, "/repos/a/b", "page=2")),
        ("/github", HERE, ("api.github.com", 443, "/", "")),
        ("/github?q=1", HERE, ("api.github.com", 443, "/", "q=1")),
        ("/github/", "localhost:9000", ("api.github.com", 443, "/", "")),
        ("/GitHub/x", "[::1]:9000", ("api.github.com", 443, "/x", "")),
        ("/uploads.github.com/x", "exeat.example.net", ("uploads.github.com", 443, "/x", "")),
        ("/inner/x", HERE, ("inner.example.test", 8443, "/x", "")),
        ("/repos/a", "github.exeat.internal:9000", ("api.github.com", 443, "/repos/a", "")),
        ("/github/x", "github.exeat.internal", ("api.github.com", 443, "/github/x", "")),
    ],
)
def test_a_base_url_means_a_service(target: str, host: str, where: tuple[Any, ...]) -> None:
    request = meant(wire(target, host))
    assert (request.host, request.port, request.path, request.query) == where
    assert request.scheme == "https"


def test_http2_names_the_listener_in_its_authority() -> None:
    assert meant(wire("/github/x", None, authority=HERE), TLS).host == "api.github.com"


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (wire("/github/x", "evil.example.test"), Reason.AUTHORITY_MISMATCH),  # DNS rebinding
        (wire("/github/x", "api.github.com"), Reason.AUTHORITY_MISMATCH),
        (wire("/x", "nobody.exeat.internal"), Reason.AUTHORITY_MISMATCH),
        (wire("/x", "a.github.exeat.internal"), Reason.AUTHORITY_MISMATCH),
        (wire("/nobody/x"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("/"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("*"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("http://127.0.0.1:9000/github/x"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("//github/x"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("/github%2fx"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("/plain/x"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("/plain.example.test/x"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("/a.uploads.github.com/x"), Reason.DESTINATION_NOT_ALLOWED),
        (wire("/github/x", None), Reason.REQUEST_MALFORMED),
        (wire("/github/x", HERE, ("host", "localhost")), Reason.REQUEST_MALFORMED),
        (wire("/github/x", HERE, authority=HERE), Reason.REQUEST_MALFORMED),
        (wire("/github/x", "u@127.0.0.1"), Reason.REQUEST_MALFORMED),
        (wire("/github/x", HERE, ("Sec-Fetch-Site", "cross-site")), Reason.REQUEST_MALFORMED),
        (wire("/github/x", HERE, ("sec-fetch-site", "same-site")), Reason.REQUEST_MALFORMED),
    ],
)
def test_what_means_no_service_is_refused(request_: WireRequest, reason: Reason) -> None:
    mapped = BASES.forward(request_)
    assert isinstance(mapped, Deny)
    assert mapped.reason is reason


@pytest.mark.parametrize("target", ["/github/../x", "/github//x", "/github/%2e%2e/x", "/github/a\\b"])
def test_a_bad_path_stays_bad(target: str) -> None:
    mapped = BASES.forward(wire(target))
    assert not isinstance(mapped, Deny)
    assert isinstance(normalize(mapped[0]), Deny)


def test_origin_and_referer_speak_of_the_service() -> None:
    request = meant(wire("/github/x", HERE, ("Origin", f"http://{HERE}"), ("Referer", f"http://{HERE}/github/a?b")))
    assert request.header(b"origin") == [b"https://api.github.com"]
    assert request.header(b"referer") == [b"https://api.github.com/a?b"]
    other = meant(wire("/github/x", HERE, ("Origin", "https://elsewhere.test"), ("Referer", f"http://{HERE}/other/")))
    assert other.header(b"origin") == [b"https://elsewhere.test"]


def back(name: str, value: str, target: str = "/github/x", host: str = HERE, bases: BaseUrls = BASES) -> str:
    mapped = bases.forward(wire(target, host))
    assert not isinstance(mapped, Deny)
    fields = bases.back(((name.encode(), value.encode()),), mapped[1])
    return fields[0][1].decode() if fields else ""


@pytest.mark.parametrize(
    ("name", "value", "mapped"),
    [
        ("Location", "https://api.github.com/y?z#f", f"http://{HERE}/github/y?z#f"),
        ("Location", "https://api.github.com", f"http://{HERE}/github"),
        ("Location", "https://API.github.com:443/y", f"http://{HERE}/github/y"),
        ("Location", "//api.github.com/y", f"http://{HERE}/github/y"),
        ("Location", "/y", "/github/y"),
        ("Location", "y", "y"),
        ("Location", "https://uploads.github.com/y", f"http://{HERE}/github-uploads/y"),
        ("Location", "https://inner.example.test:8443/y", f"http://{HERE}/inner/y"),
        ("Location", "https://api.github.com:8443/y", "https://api.github.com:8443/y"),
        ("Location", "https://api.github.com.evil.test/y", "https://api.github.com.evil.test/y"),
        ("Location", "https://api.github.com@evil.test/y", "https://api.github.com@evil.test/y"),
        ("Location", "http://api.github.com/y", "http://api.github.com/y"),
        ("Location", "https://elsewhere.test/?u=https://api.github.com/y", "https://elsewhere.test/?u=https://api.github.com/y"),
        ("Content-Location", "https://api.github.com/y", f"http://{HERE}/github/y"),
        ("Link", '<https://api.github.com/a?page=2>; rel="next", </a>; rel="first"', f'<http://{HERE}/github/a?page=2>; rel="next", </github/a>; rel="first"'),
        ("Refresh", "5; url=https://api.github.com/y", f"5; url=http://{HERE}/github/y"),
        ("Strict-Transport-Security", "max-age=1", ""),
        ("Set-Cookie", "a=b; Domain=github.com; Path=/x; Secure; HttpOnly", "a=b; Path=/github/x; HttpOnly"),
        ("Set-Cookie", "a=https://api.github.com", "a=https://api.github.com"),
        ("ETag", '"https://api.github.com/y"', '"https://api.github.com/y"'),
    ],
)  # fmt: skip
def test_an_answer_leads_back_to_the_base_url(name: str, value: str, mapped: str) -> None:
    assert back(name, value) == mapped


def test_a_name_of_its_own_needs_no_prefix() -> None:
    host = "github.exeat.internal:9000"
    assert back("Location", "https://api.github.com/y", "/x", host) == f"http://{host}/y"
    assert back("Location", "/y", "/x", host) == "/y"
    assert back("Location", "https://uploads.github.com/y", "/x", host) == "https://uploads.github.com/y"


def test_over_tls_cookies_stay_secure() -> None:
    value = "a=b; Secure; Domain=.github.com; Path=/"
    assert back("Set-Cookie", value, bases=TLS) == "a=b; Secure; Path=/github/"
    assert back("Location", "/y", bases=TLS) == "/github/y"
    assert back("Location", "https://api.github.com/y", bases=TLS) == f"https://{HERE}/github/y"


def test_each_service_has_one_base_url() -> None:
    assert BASES.urls(HERE) == {
        "github": f"http://{HERE}/github",
        "github-uploads": f"http://{HERE}/github-uploads",
        "inner": f"http://{HERE}/inner",
    }


@given(st.binary(max_size=60), st.binary(max_size=30), st.text("abc./:@%#?-_[]", max_size=20))
def test_nothing_raises_and_nothing_leads_elsewhere(target: bytes, host: bytes, name: str) -> None:
    request = WireRequest("GET", target, "", ((b"Host", host or name.encode()),), "HTTP/1.1", None)
    mapped = BASES.forward(request)
    if not isinstance(mapped, Deny):
        assert mapped[1].host in {"api.github.com", "uploads.github.com", "inner.example.test"}
        assert mapped[0].tunnel is not None
