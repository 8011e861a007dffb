"""A signature over the request: what is signed, how it is written, and what makes it another one."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exeat.config.tables.signature import SignatureTable
from exeat.enforcement.signing.bodies import with_digest
from exeat.enforcement.signing.hmac import HmacSigner
from exeat.errors import RefusalError
from exeat.model.decision import Inject, NeedBody, Permit, Question
from exeat.model.issuing import Grade
from exeat.model.request import CanonicalRequest
from exeat.model.secret import Secret
from exeat.model.service import CredentialPlace, PlaceKind
from exeat.model.token import Token
from unit.credentials.requests_kit import REQUEST as MINT

KEY, NOW = "hmac-key-canary-8c1f2a6d", 1_800_000_000.25
TOKEN = Token(Secret(KEY), "hmac-1", Grade.C, None, {"key_id": Secret("key-1")}, public=frozenset({"key_id"}))
GET = CanonicalRequest("GET", "https", "api.example.test", 443, "/v1/a", "b=2", (), "HTTP/1.1")
POST = replace(GET, method="POST", has_body=True)


def duty(**fields):
    place = CredentialPlace(PlaceKind.HMAC, "x-key", signature=SignatureTable(**fields).form())
    return Inject(MINT, place)


def signed(request, inject, target="/v1/a?b=2", fields=(), token=TOKEN):
    headers, sent = HmacSigner().sign(request, fields, target, inject, token, NOW)
    assert sent == target
    return {name.decode(): value.decode() for name, value in headers}


def test_the_default_form():
    """Method, path, query, time and the body's digest, a line each; SHA-256 in hexadecimal digits."""
    empty = hashlib.sha256(b"").hexdigest()
    text = f"GET\n/v1/a\nb=2\n1800000000\n{empty}"
    right = hmac.new(KEY.encode(), text.encode(), "sha256").hexdigest()
    assert signed(GET, duty()) == {"x-signature": right, "x-date": "1800000000", "x-key": "key-1"}


def test_another_form():
    """SHA-512 in base64, in the Authorization field with the key's name, dated as in HTTP, the digest beside it."""
    inject = duty(
        header="Authorization", value="HMAC {key_id}:{signature}", sign="{method} {host}{target} {date}", algorithm="sha512",
        encoding="base64", date="http", date_header="Date", digest_header="X-Content-SHA256",
    )  # fmt: skip
    body = hashlib.sha256(b"x").digest()
    found = signed(
        replace(POST, port=8443, body_sha256=body), inject, fields=((b"authorization", b"mine"), (b"a", b"b"))
    )
    text = b"POST api.example.test:8443/v1/a?b=2 Fri, 15 Jan 2027 08:00:00 GMT"
    right = base64.b64encode(hmac.new(KEY.encode(), text, "sha512").digest()).decode()
    assert found["authorization"] == f"HMAC key-1:{right}"
    assert (found["date"], found["a"]) == ("Fri, 15 Jan 2027 08:00:00 GMT", "b")
    assert found["x-content-sha256"] == base64.b64encode(body).decode()


@given(st.sampled_from(["method", "path", "query", "host", "body"]), st.text("abc/", min_size=1, max_size=5))
def test_nothing_can_change_without_the_signature(what, more):
    """Whatever of method, path, query, host or body is another: so is the signature."""
    inject = duty(sign="{method}\n{host}\n{path}\n{query}\n{date}\n{digest}")
    base = replace(POST, body_sha256=hashlib.sha256(b"x").digest())
    request, target = base, "/v1/a?b=2"
    if what == "method":
        request = replace(base, method=f"P{more}")
    elif what == "host":
        request = replace(base, host=f"{more}.example.test")
    elif what == "body":
        request = replace(base, body_sha256=hashlib.sha256(b"x" + more.encode()).digest())
    else:
        target = f"/v1/a{more}?b=2" if what == "path" else f"/v1/a?b=2{more}"
    assert signed(base, inject)["x-signature"] != signed(request, inject, target)["x-signature"]


@pytest.mark.parametrize("name", [b"x-signature", b"x_signature", b"x-date", b"x_key"])
def test_a_clients_own_fields_are_taken_off(name):
    """In whatever spelling a server would take for ours."""
    assert signed(GET, duty(), fields=((name, b"mine"),)).get(name.decode()) != "mine"


def test_a_body_is_read_first_where_it_is_signed():
    """And only there; with nothing but its beginning, nothing is signed."""
    permit = Permit(Question(), (duty(max_body=99),), ("policy",))
    assert with_digest(permit, POST, None, whole=True) == NeedBody(99)
    assert with_digest(permit, GET, None, whole=True) is GET
    whole = with_digest(permit, POST, b"x", whole=True)
    assert whole.body_sha256 == hashlib.sha256(b"x").digest()
    part = with_digest(permit, POST, b"x", whole=False)
    with pytest.raises(RefusalError, match="too large"):
        signed(part, permit.obligations[0])
    bodiless = replace(permit, obligations=(duty(sign="{method} {target}"),))
    assert with_digest(bodiless, POST, None, whole=True) is POST


@pytest.mark.parametrize(
    "wrong",
    [
        {"sign": "{path}"}, {"sign": "{method} {secret}"}, {"sign": "{method!r}"}, {"sign": "{method:>9}"}, {"sign": "{method"},
        {"sign": "{method.__class__}"}, {"value": "none"}, {"value": "{signature}\n"}, {"value": "{signature}{method}"},
        {"header": "X Signature"}, {"algorithm": "md5"}, {"max_body": 0},
    ],
)  # fmt: skip
def test_a_form_that_cant_be_meant_is_refused(wrong):
    """Fields that nobody knows, conversions, no signature in its own field, no method signed."""
    with pytest.raises(ValidationError):
        SignatureTable(**wrong)


def test_names_are_no_secrets():
    """What shows which key it is may come back in an answer; the key may not."""
    assert [each.reveal() for each in TOKEN.secrets()] == [KEY]
