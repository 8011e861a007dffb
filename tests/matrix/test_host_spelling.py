"""Every way to spell a host: one canonical reading in each place that names it, or a refusal before anything is looked up.

Section D, rows 11 to 18.
"""

# ruff: noqa: RUF001 letters that look like others are what this is about

from __future__ import annotations

import pytest

from rig.attempts import in_clear, raw, through
from rig.matrix import seen
from rig.ways import Doors
from rig.wire import ask, denied, refused
from rig.wire_h2 import H2Wire

HOST, OTHER, IDN = "api.example.test", "evil.example.test", "xn--bcher-kva.example.test"


@pytest.fixture(scope="module")
def config(config, world, origin, decoy):
    """Beside the usual: every way in, an international name and a wildcard."""
    world.install(config)
    config.doors = Doors.open(config)
    config.allow(IDN)
    config.allow("*.wild.example.test")
    config.resolve("deep.wild.example.test", 443, origin.port)
    config.resolve("wild.example.test", 443, decoy.port)
    return config


def same_or_refused(exeat, origin, decoy, answer, host=HOST):
    """One decision and one spelling for one name, or none."""
    if answer.status == 200:
        last = origin.last
        assert (last.authority or last.one("host")) == host
        assert last.connection.sni in (host, None)
        assert exeat.audit_records("decision", decision="permit")[-1]["host"] == host
        seen("permitted")
    else:
        denied(answer)
        assert origin.requests == []
    origin.clear()
    assert decoy.connections == []


SPELLINGS = [
    pytest.param("API.Example.TEST", True, marks=pytest.mark.row("D12"), id="capitals"),
    pytest.param("aPi.eXample.tESt", True, marks=pytest.mark.row("D12"), id="mixed"),
    pytest.param(f"{HOST}.", True, marks=pytest.mark.row("D11"), id="dot"),
    pytest.param(f"{HOST}..", False, marks=pytest.mark.row("D11"), id="two-dots"),
    pytest.param(f".{HOST}", False, marks=pytest.mark.row("D11"), id="dot-before"),
    pytest.param("api..example.test", False, marks=pytest.mark.row("D11"), id="dots-inside"),
    pytest.param(f"{OTHER}.", False, marks=pytest.mark.row("D11"), id="refused-dot"),
    pytest.param("EVIL.Example.Test", False, marks=pytest.mark.row("D12"), id="refused-capitals"),
]


@pytest.mark.parametrize(("spelling", "may_pass"), SPELLINGS)
def test_another_spelling_of_a_host(exeat, mission, origin, decoy, spelling, may_pass):
    """In each place that names the host, and in all of them."""
    for target, sni, host in (
        (spelling, HOST, HOST),
        (HOST, HOST, spelling),
        (spelling, spelling.strip("."), spelling),
    ):
        answer = through(exeat, mission, f"{target}:443", sni, host)
        same_or_refused(exeat, origin, decoy, answer)
        assert may_pass or answer.status != 200
    with H2Wire(exeat, mission) as wire:
        same_or_refused(exeat, origin, decoy, wire.request("GET", "/echo", authority=spelling))
    plain = spelling.lower().replace("api", "plain")
    answer = in_clear(exeat, mission, f"http://{plain}/echo", plain)
    same_or_refused(exeat, origin, decoy, answer, "plain.example.test")
    assert may_pass or answer.status != 200


@pytest.mark.row("D13")
@pytest.mark.parametrize(("spelling", "means"), [
    ("bücher.example.test", IDN), ("BÜCHER.example.test", IDN), (IDN, IDN), (IDN.upper(), IDN), ("bu\u0308cher.example.test", IDN),
    ("bücher。example。test", IDN), ("\uff41\uff50\uff49.example.test", HOST), ("api\u3002example.test", HOST), ("api\uff0eexample.test", HOST),
    ("a\u00adpi.example.test", HOST), ("a\u200dpi.example.test", None), ("a\u200cpi.example.test", None), ("ａpi.example.test", HOST),
    ("\u24d0pi.example.test", HOST), ("аpi.example.test", None), ("straße.example.test", None), ("xn--a.example.test", None),
    ("xn--.example.test", None), ("xn--api-.example.test", None), ("xn--bcher-kv.example.test", None), ("xn--zz99zz.example.test", None),
    ("api.example.test\u2024", None), ("api\u2044.example.test", None), ("api.example.test\u2100", None), ("１２７.０.０.１", None),
    ("①②⑦.0.0.1", None), ("api.example.test／x", None), ("api.example.test\u0000", None), ("\ud7ff.example.test", None),
])  # fmt: skip
def test_an_international_name(exeat, mission, origin, decoy, spelling, means):
    """In UTF-8, as a client might send it: what it means is one of our names in its A-label, or it is refused."""
    sni = means or HOST
    for target, host in ((f"{raw(spelling)}:443", sni), (f"{sni}:443", raw(spelling))):
        answer = through(exeat, mission, target, sni, host)
        same_or_refused(exeat, origin, decoy, answer, means or "none")
        assert means or answer.status != 200
    answer = in_clear(exeat, mission, f"http://{raw(spelling)}/echo", raw(spelling))
    denied(answer)


@pytest.mark.row("D14")
@pytest.mark.parametrize("name", [
    f"evil{HOST}", f"{HOST}.evil.test", f"x.{HOST}", f"{HOST}-evil.test", "api-example.test", "apiexample.test", "example.test", "test",
    f"{HOST}.example.test", "api.example.testx", "api.example.tes", "pi.example.test", "wild.example.test", "evilwild.example.test", "wild.example.test.evil.test",
])  # fmt: skip
def test_a_name_that_looks_like_a_permitted_one(exeat, mission, nowhere, name):
    nowhere(through(exeat, mission, f"{name}:443", name, name), "destination_not_allowed")
    nowhere(in_clear(exeat, mission, f"http://{name}/echo", name), "destination_not_allowed")
    nowhere(through(exeat, mission, f"{HOST}:443", HOST, name), "authority_mismatch")


@pytest.mark.row("D14")
def test_a_wildcard_covers_what_is_below_it(exeat, mission, origin):
    """The counterpart: below the apex it leads to the origin, whose certificate then isn't for that name."""
    refused(ask(exeat, mission, "GET", "/echo", host="deep.wild.example.test"), "upstream_untrusted")
    assert len(origin.connections) == 1


BAD_HOSTS = [
    *[pytest.param(text, marks=pytest.mark.row("D15")) for text in (
        f"{HOST}@{OTHER}", f"u:p@{HOST}", f"{HOST}:80@{OTHER}", f"{OTHER}\\@{HOST}", f"{HOST}#@{OTHER}", f"{HOST}?@{OTHER}", f"{HOST}/@{OTHER}",
        f"{HOST}#", f"{HOST}?", f"{HOST}\\", f"@{HOST}", f"{HOST};", f"{HOST}&{OTHER}")],
    *[pytest.param(text, marks=pytest.mark.row("D16")) for text in (
        f"[{HOST}]", f"[[{HOST}]]", f"[{OTHER}]", f"[{HOST}", f"{HOST}]", "[]", "[api].example.test", "[::1", "[localhost]", "[127.0.0.1]")],
    *[pytest.param(text, marks=pytest.mark.row("D17")) for text in (
        f"{HOST}\0", f"{OTHER}\0.{HOST}", f"{HOST}\0.evil.test", f"{HOST}%00", f"{OTHER}%00.{HOST}", "api%2eexample.test", "%61pi.example.test", f"{HOST}%20",
        f"{HOST}%0a", f"{HOST}\t", f"{HOST}\x0b", f"{HOST}\x7f", f"{HOST}\x01", "api_.example.test", "-api.example.test", "api-.example.test", "a" * 64 + ".example.test",
        ".".join(["a" * 49] * 5) + ".example.test", "*.example.test", "api.example.test\xa0", '"api.example.test"', "api.exam ple.test")],
]  # fmt: skip


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_no_plain_name(exeat, mission, nowhere, host):
    """As the target of CONNECT, as a Host field, as the host of a URL, as an authority."""
    nowhere(through(exeat, mission, f"{host}:443", HOST, HOST))
    nowhere(through(exeat, mission, f"{HOST}:443", HOST, host if host.strip() == host else f"x{host}x"))
    nowhere(in_clear(exeat, mission, f"http://{host}/echo", "plain.example.test"))
    with H2Wire(exeat, mission) as wire:
        nowhere(wire.request("GET", "/echo", authority=host))


BAD_PORTS = [
    ":22",
    ":0",
    ":65536",
    ":443:80",
    ":+443",
    ":0443",
    ":",
    "",
    ":-443",
    ":4_43",
    ":0x1bb",
    ": 443",
    ":443 ",
    ":443a",
    ":99999999999999",
    ":８０",
    ":80/",
]


@pytest.mark.row("D18")
@pytest.mark.parametrize("port", BAD_PORTS)
def test_another_port_or_none(exeat, mission, nowhere, port):
    nowhere(through(exeat, mission, f"{HOST}{raw(port)}", HOST, HOST))
    if port:
        if port.strip() == port:
            nowhere(through(exeat, mission, f"{HOST}:443", HOST, f"{HOST}{raw(port)}"))
        nowhere(in_clear(exeat, mission, f"http://plain.example.test{raw(port)}/echo", "plain.example.test"))
        with H2Wire(exeat, mission) as wire:
            nowhere(wire.request("GET", "/echo", authority=f"{HOST}{raw(port)}"))


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_name_by_socks_that_is_no_plain_name(nowhere, by_socks, host):
    """A name there is up to 255 bytes of anything: a NUL in it once ended a suffix check and not the look-up."""
    name = host.encode("latin-1")[:255]
    nowhere(by_socks(b"\x03" + bytes([len(name)]) + name, 443, HOST, HOST))
