"""Whatever an origin sends, its handouts are read without a fault, and what is put back is what was handed out."""

from __future__ import annotations

import re

from hypothesis import example, given, settings
from hypothesis import strategies as st

from exeat.credentials.custody import Custody
from exeat.enforcement.answers.keeping import Claim, Keeper
from exeat.model.decision import Deny
from exeat.model.request import CanonicalRequest
from exeat.model.service import Handouts
from unit.standing_clock import StandingClock

NOW = 1_900_000_000.0
ME = "m_1/prod/bot"
HELD = re.compile(rb"exeat_[A-Za-z0-9_-]{24}")
SIGNED = "f" * 64


def keeper(most: int = 100_000) -> Keeper:
    return Keeper(Custody(b"k" * 32, StandingClock(NOW).time, most), StandingClock(NOW), Handouts())


def asking(query: str = "", *cookies: bytes, path: str = "/a/b") -> CanonicalRequest:
    return CanonicalRequest(
        "GET", "https", "app.example.test", 443, path, query, tuple((b"cookie", each) for each in cookies), "HTTP/1.1"
    )


ATTRIBUTES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "Path=/",
                "Secure",
                "Domain=example.test",
                "Max-Age=-1",
                "Max-Age=",
                "Expires=Wed, 21 Oct 2099 07:28:00 GMT",
            ]
        ),
        st.builds("Expires={}".format, st.text(max_size=30)),
        st.builds("Max-Age={}".format, st.text("0123456789-+٣", max_size=20)),
        st.text(max_size=20),
    ),
    max_size=4,
)


@given(st.binary(max_size=60), ATTRIBUTES)
@example(b"sid=x", ["Expires=0 0 0 0 0"])
@example(b"sid=x", ["Expires=Mon, 99 Foo 99999 99:99:99 +9999"])
@settings(max_examples=400, deadline=None)
def test_no_set_cookie_is_a_fault_and_no_value_comes_through(pair: bytes, attributes: list[str]) -> None:
    rest = "; ".join(attributes).encode("utf-8", "surrogatepass")
    line = pair + b"; " + rest
    fields = keeper().hand_out(ME, asking(), ((b"Set-Cookie", line),), None)
    value = line.partition(b";")[0].partition(b"=")[2].strip(b" \t")
    for _, given_out in fields:
        shown = given_out.partition(b";")[0].partition(b"=")[2]
        assert shown == b"" or HELD.fullmatch(shown)
        assert len(value) < 12 or value not in given_out or value in rest


@given(st.sampled_from([b"location", b"link", b"refresh", b"content-location"]), st.text(max_size=120))
@example(b"location", "http://[/?sig=1&sv=2")
@example(b"link", "<?&sig==&se>;,<>")
@settings(max_examples=400, deadline=None)
def test_no_link_is_a_fault(name: bytes, text: str) -> None:
    raw = text.encode("utf-8", "surrogatepass")
    assert len(keeper().hand_out(ME, asking(), ((name, raw),), None)) == 1


@given(st.text(max_size=80), st.lists(st.binary(max_size=60), max_size=3))
@settings(max_examples=300, deadline=None)
def test_no_request_is_a_fault(query: str, crumbs: list[bytes]) -> None:
    marked = [crumb + b"; a=exeat_" + crumb for crumb in crumbs]
    claim = keeper().claim(ME, asking(query + "&x=exeat_" + query, *marked))
    if isinstance(claim, Claim):
        claim.put_back(asking(query, *marked).headers, f"/?{query}")


@given(
    st.lists(st.sampled_from([*"abcdef0123456789._-=", "%2F", "%3D"]), min_size=1, max_size=80).map("".join),
    st.text("abc01%&=", max_size=20),
)
@settings(max_examples=200, deadline=None)
def test_what_is_put_back_is_what_was_handed_out(value: str, around: str) -> None:
    mine = keeper()
    [(_, line)] = mine.hand_out(ME, asking(), ((b"set-cookie", f"sid={value}; Path=/".encode()),), None)
    [(_, url)] = mine.hand_out(ME, asking(), ((b"location", f"/a?z={around}&X-Amz-Signature={value}".encode()),), None)
    crumb, query = line.partition(b";")[0], url.decode().partition("?")[2]
    request = asking(query, b"a=1; " + crumb)
    claim = mine.claim(ME, request)
    assert isinstance(claim, Claim)
    fields, target = claim.put_back(request.headers, f"/a?{query}")
    assert fields == ((b"cookie", f"a=1; sid={value}".encode()),)
    assert target == f"/a?z={around}&X-Amz-Signature={value}"
    assert isinstance(mine.claim("m_2/prod/bot", request), Deny)


def test_a_request_that_shows_nothing_costs_nothing_and_a_flood_of_cookies_is_bounded() -> None:
    mine = keeper(8000)
    assert mine.claim(ME, asking("a=b", b"sid=1")) is None
    for number in range(2000):
        mine.hand_out(ME, asking(), ((b"set-cookie", f"c{number}={SIGNED}; Path=/".encode()),), None)
    assert len(mine._custody) < 25
