"""The TLS inside a tunnel, by its first message and its certificates: who is meant, who may have a leaf, who is passed through."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress

import pytest
from cryptography import x509

from rig import hellos as h
from rig.account import completed, only_refused, untouched
from rig.wire import Wire, denied, refused, tunnel

HOST, EVIL = "api.example.test", "evil.example.test"
LEAVES = 40


def configure(config, origin):
    config.tables["proxy"]["limits"] = {"head": "2s", "leaf_certificates": 8, "new_leaves": LEAVES}


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def _first_answer(exeat, mission, data):
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        wire.send(data)
        wire.sock.settimeout(5)
        try:
            return wire.sock.recv(65536)
        except ConnectionError:
            return b""


@pytest.mark.row("W11")
@pytest.mark.parametrize("extensions", [
    [], [h.server_names(HOST.encode()), (h.ECH, b"\x00\x00\x01\x00\x01\x07\x00\x20" + b"k" * 32 + b"\x00\x40" + b"c" * 64)],
    [h.server_names(b"public.example.test"), (h.ECH, b"\x00\x00\x01\x00\x01\x07\x00\x20" + b"k" * 32 + b"\x00\x40" + b"c" * 64)],
    [(h.ECH, b"\x01")], [(h.ESNI, b"x" * 100)], [h.server_names(HOST.encode()), (0x1234, b"x" * 20)], [h.alpn(b"h3", b"spdy/3.1"), h.server_names(HOST.encode())],
    [h.alpn(b"dot"), h.server_names(HOST.encode())], [h.alpn(b"http/1.1"), h.server_names(EVIL.encode())], [h.server_names(HOST.encode(), EVIL.encode())],
    [h.server_names(b"")], [h.server_names(HOST.encode() + b"\x00." + EVIL.encode())], [h.server_names(b"127.0.0.1")], [h.server_names(HOST.encode(), kind=1)],
    [h.server_names(HOST.encode()), h.server_names(EVIL.encode())], [h.server_names(b"\xff" * 300)], [(h.SERVER_NAME, b"\x00\x00")], [(h.SERVER_NAME, b"garbage")],
    [h.server_names(HOST.encode()), (h.EARLY_DATA, b"")],
])  # fmt: skip
@pytest.mark.parametrize("versions", [(0x0304, 0x0303), ()])
def test_whatever_a_hello_says_nobody_is_dialled_for_it(exeat, mission, origin, extensions, versions):
    """The hello is answered by us, with our leaf, or refused; it never reaches an origin, encrypted name or not."""
    answer = h.answered(_first_answer(exeat, mission, h.hello(*extensions, versions=versions)))
    assert answer == "hello" or answer.startswith("alert") or answer == "nothing"
    untouched(origin)


@pytest.mark.row("W11")
@pytest.mark.parametrize(
    ("version", "versions"), [(0x0301, ()), (0x0302, ()), (0x0300, ()), (0x0303, (0x0302, 0x0301)), (0x0303, (0x7F1C,))]
)
def test_old_versions_are_refused(exeat, mission, origin, version, versions):
    """RFC 8996: TLS 1.0 and 1.1 are over."""
    answer = h.answered(
        _first_answer(exeat, mission, h.hello(h.server_names(HOST.encode()), version=version, versions=versions))
    )
    assert answer.startswith("alert") or answer == "nothing"
    untouched(origin)


@pytest.mark.row("W11")
def test_early_data_is_never_taken(exeat, mission, origin):
    """No session can be resumed, so nothing can be replayed: a request before the handshake's end is nobody's."""
    context, session = ssl.create_default_context(cafile=mission["ca_file"]), None
    for _ in range(3):
        with Wire(exeat) as wire:
            assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
            wire.sock = context.wrap_socket(wire.sock, server_hostname=HOST, session=session)
            assert wire.request("GET", "/echo", host=HOST).status == 200
            assert not wire.sock.session_reused
            session = wire.sock.session
    origin.clear()
    early = (
        h.hello(h.server_names(HOST.encode()), (h.EARLY_DATA, b""))
        + b"\x17\x03\x03\x00\x30"
        + b"GET /echo HTTP/1.1\r\nHost: api.example.test\r\n\r\n"
    )
    _first_answer(exeat, mission, early)
    untouched(origin)


@pytest.mark.row("W11")
@pytest.mark.parametrize("offered", [[], ["http/1.1"], ["h2", "http/1.1"], ["http/1.1", "spdy/3"]])
def test_the_inner_name_is_the_tunnels_whatever_was_offered(exeat, mission, origin, offered):
    """With another inner name, one is refused; without ALPN, HTTP/1.1 is spoken and judged as ever."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        context = ssl.create_default_context(cafile=mission["ca_file"])
        if offered:
            context.set_alpn_protocols(offered)
        wire.sock = context.wrap_socket(wire.sock, server_hostname=HOST)
        if wire.sock.selected_alpn_protocol() == "h2":
            return
        refused(wire.request("GET", "/echo", host=EVIL), "authority_mismatch")
    only_refused(exeat, mission, "authority_mismatch")
    untouched(origin)


@pytest.mark.row("W11")
@pytest.mark.parametrize("offered", ["h3", "spdy/3.1", "imap", "dot", "acme-tls/1"])
def test_alpn_that_we_dont_speak_ends_the_handshake(exeat, mission, origin, offered):
    """RFC 7301 §3.2 allows either: an alert, or none chosen. Nothing but HTTP is ever spoken."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        context = ssl.create_default_context(cafile=mission["ca_file"])
        context.set_alpn_protocols([offered])
        with suppress(ssl.SSLError, ConnectionError):
            wire.sock = context.wrap_socket(wire.sock, server_hostname=HOST)
            assert wire.sock.selected_alpn_protocol() is None
            denied(wire.send(b"* OK IMAP4rev1\r\n").response())
    untouched(origin)


@pytest.mark.row("W12")
@pytest.mark.parametrize("times", [1, 5])
def test_a_client_that_refuses_our_certificate_is_never_passed_through(exeat, mission, origin, times):
    """Not even at its fifth try: there is no list of hosts that pins would put themselves on."""
    for _ in range(times):
        with Wire(exeat) as wire:
            assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(wire.sock, server_hostname=HOST)
    untouched(origin)
    with tunnel(exeat, mission) as wire:
        assert issuer(wire) == "Exeat CA"
        assert wire.request("GET", "/echo", host=HOST).status == 200
    completed(origin, "/echo")


def leaf(wire):
    return x509.load_der_x509_certificate(wire.sock.getpeercert(binary_form=True))


def issuer(wire):
    return leaf(wire).issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


@pytest.mark.row("W14")
@pytest.mark.parametrize("line", [None, "Basic eDp5", "Bearer nonsense"])
def test_without_an_identity_there_is_no_leaf(exeat, mission, origin, line):
    """The hello that follows a refused CONNECT is answered with no certificate."""
    with Wire(exeat) as wire:
        fields = f"Host: {HOST}:443\r\n" + (f"Proxy-Authorization: {line}\r\n" if line else "")
        refused(
            wire.send(f"CONNECT {HOST}:443 HTTP/1.1\r\n{fields}\r\n").response("CONNECT"),
            "identity_missing",
            "identity_invalid",
            status=407,
        )
        wire.send(h.hello(h.server_names(HOST.encode())))
        wire.sock.settimeout(4)
        with suppress(ConnectionError):
            assert h.answered(wire.sock.recv(65536)) != "hello"
    with socket.create_connection(("127.0.0.1", exeat.port), 4) as sock, suppress(ConnectionError):
        sock.sendall(h.hello(h.server_names(HOST.encode())))
        assert h.answered(sock.recv(65536)) != "hello"
    untouched(origin)


@pytest.mark.row("W14")
def test_a_leaf_for_a_refused_host_says_why_and_dials_nobody(exeat, mission, origin):
    with tunnel(exeat, mission, EVIL) as wire:
        certificate = leaf(wire)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [EVIL]
        assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds() < 26 * 3600
        refused(wire.request("GET", "/", host=EVIL), "destination_not_allowed")
    only_refused(exeat, mission, "destination_not_allowed")
    untouched(origin)


def _shows_a_leaf(exeat, mission, name):
    """Whether a tunnel to ``name`` is answered with a leaf."""
    with Wire(exeat) as wire:
        assert wire.connect(f"{name}:443", mission["pass"]).status == 200
        try:
            wire.secure(mission["ca_file"], name)
        except OSError:
            return False
        return True


@pytest.mark.row("W14")
@pytest.mark.guard("new-leaves")
def test_new_leaves_are_limited_by_agent(exeat, mission, origin):
    """One agent that asks for very many names gets no more of them; what is kept, and other agents, still go."""
    exeat.stop()
    exeat.start()  # a minute of its own
    other = exeat.open(agent="report-bot")
    before = exeat.memory()
    shown = [_shows_a_leaf(exeat, mission, f"n{number}.example.test") for number in range(LEAVES + 5)]
    assert shown == [True] * LEAVES + [False] * 5
    assert _shows_a_leaf(exeat, mission, f"n{LEAVES - 1}.example.test")
    assert _shows_a_leaf(exeat, other, "n0.example.test")
    assert exeat.memory() - before < 16 * 2**20
    only_refused(exeat, mission, "budget_exhausted", count=5)
    untouched(origin)


@pytest.mark.row("W14")
def test_the_same_leaf_is_used_again_while_it_is_kept(exeat, mission, origin):
    exeat.stop()
    exeat.start()
    serials = []
    for host in (HOST, HOST, *(f"m{number}.example.test" for number in range(9)), HOST):
        with tunnel(exeat, mission, host) as wire:
            serials.append(leaf(wire).serial_number)
    assert serials[0] == serials[1] != serials[-1]
    untouched(origin)
