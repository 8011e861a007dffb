"""Credentials that are more than one value: a pair, a signature over the request, a certificate in the handshake.

The origins check them themselves (``servers/strict_origin``); agents have none of it.
"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from rig.certs import Authority
from rig.config import operation
from rig.wire import ask, refused, tunnel
from rig.wire_h2 import H2Wire
from servers.strict_origin import Origin, demands_basic, demands_signature

USER, PASSWORD = "svc-reports", "correct horse:battery canary"
KEY, KEY_ID = "hmac-key-canary-8c1f2a6d", "exeat-key-1"
OPERATIONS = (
    operation("GET /v1/{rest...}", "things/read", "read"),
    operation("POST /v1/{rest...}", "things/write", "write"),
)
JSON = "Content-Type: application/json"


def described(name, place, issuer):
    return {
        "name": name, "hosts": [f"{name}.example.test"], "operation": list(OPERATIONS), "credential": place,
        "issuer": issuer,
    }  # fmt: skip


@pytest.fixture(scope="module")
def config(config, authority, tmp_path_factory):
    """Four services, each with an origin that demands what only Exeat holds."""
    folder = tmp_path_factory.mktemp("custody")
    clients = Authority(folder, "clients-ca")
    files = {}
    for name, life in (("ours", 3600), ("old", -60)):
        both = clients.svid(folder, "spiffe://t/agent", seconds=life, dns=f"{name}.clients.test").read_text()
        at = both.index("-----BEGIN PRIVATE KEY-----")
        for part, text in (("certificate", both[:at]), ("key", both[at:])):
            file = folder / f"{name}-{part}.pem"
            file.touch(0o600)
            file.write_text(text)
            files[name, part] = f"file:{file}"
    config.environ |= {"BASIC_USER": USER, "BASIC_PASSWORD": PASSWORD, "HMAC_KEY": KEY, "HMAC_ID": KEY_ID}

    def certificate(name):
        return {"kind": "client_certificate", "certificate": files[name, "certificate"], "key": files[name, "key"]}

    pair = {"kind": "basic", "user": "env:BASIC_USER", "password": "env:BASIC_PASSWORD"}
    signed = {"kind": "hmac", "secret": "env:HMAC_KEY", "key_id": "env:HMAC_ID"}
    tables = {
        "pair": described("pair", {"in": "basic"}, pair),
        "signed": described("signed", {"in": "hmac", "name": "X-Key", "signature": {"max_body": "64KiB"}}, signed),
        "mutual": described("mutual", {"in": "client_certificate"}, certificate("ours")),
        "late": described("late", {"in": "client_certificate"}, certificate("old")),
    }
    checks = {"pair": demands_basic(USER, PASSWORD), "signed": demands_signature(KEY, KEY_ID)}
    with ExitStack() as stack:
        config.doors = {}
        for name, table in tables.items():
            door = Origin(authority, f"{name}.example.test", checks.get(name), None if name in checks else clients.file)
            config.doors[name] = stack.enter_context(door)
            config.allow(door.host, local=door.port)
            config.tables["service"].append(table)
            config.template["operations"].append(f"{name}:*")
        yield config


@pytest.fixture
def doors(config):
    for door in config.doors.values():
        door.seen.clear()
    return config.doors


def outcome(exeat, mission):
    return exeat.audit_records("outcome", mission=mission["mission"])[-1]


def test_a_pair_is_sent_for_the_agent(exeat, mission, doors):
    """The origin checks user and password; the placeholder the agent sent is neither, and both stay unwritten."""
    shown = f"Authorization: Basic {_basic(mission['placeholders']['pair'])}"
    answer = ask(exeat, mission, "GET", "/v1/a", shown, host="pair.example.test")
    assert answer.status == 200, answer.body
    assert outcome(exeat, mission)["credential"]["grade"] == "C"
    assert PASSWORD.encode() not in exeat.everything_written()
    assert PASSWORD.encode() not in answer.body  # the origin says what it saw; that is covered
    assert _basic(USER, PASSWORD).encode() not in answer.body


def _basic(user, password=""):
    import base64

    return base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.guard("hmac-body")
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "/v1/a?b=2&a=%20x", b""), ("POST", "/v1/a", b'{"n":1}'), ("POST", "/v1/%C3%A4?", b"\0" * 60_000)],
)
def test_what_is_signed_is_what_leaves(exeat, mission, doors, method, path, body):
    """Method, path, query, time and the whole body, verified by the origin; a key of the agent's own isn't used."""
    own = ("X-Signature: 00", "X-Date: 1", f"X-Key: {mission['placeholders']['signed']}")
    answer = ask(exeat, mission, method, path, JSON, *own, host="signed.example.test", body=body)
    assert answer.status == 200, answer.body
    (seen,) = doors["signed"].seen
    assert seen["body"] == len(body)
    assert KEY.encode() not in exeat.everything_written()


def test_a_body_too_large_to_be_signed_is_refused(exeat, mission, doors):
    """Nothing is sent unsigned, and nothing signed without its body."""
    answer = ask(exeat, mission, "POST", "/v1/a", JSON, host="signed.example.test", body=b"x" * 70_000)
    refused(answer, "request_malformed")
    assert not doors["signed"].seen


def test_a_foreign_keys_name_is_refused(exeat, mission, doors):
    """The field that names the key is the credential's place: what isn't managed here doesn't pass."""
    refused(
        ask(exeat, mission, "GET", "/v1/a", "X-Key: somebody-else", host="signed.example.test"), "credential_foreign"
    )
    assert not doors["signed"].seen


@pytest.mark.guard("certificate-shown")
def test_the_origin_sees_our_certificate(exeat, mission, doors):
    """An origin that demands one of its authority's gets it, and several requests go over one connection."""
    with tunnel(exeat, mission, "mutual.example.test") as wire:
        for _ in range(2):
            answer = wire.request("GET", "/v1/a", host="mutual.example.test")
            assert answer.status == 200, answer.body
    first, second = doors["mutual"].seen
    assert first["serial"]
    assert (first["serial"], first["connection"]) == (second["serial"], second["connection"])
    assert outcome(exeat, mission)["credential"]["grade"] == "C"


def test_no_connection_with_a_certificate_serves_two_sessions(exeat, mission, doors):
    """Another mission has a connection and a handshake of its own, and the end of one cuts its own alone."""
    other = exeat.open(agent="report-bot")
    with tunnel(exeat, mission, "mutual.example.test") as ours, tunnel(exeat, other, "mutual.example.test") as theirs:
        for wire in (ours, theirs):
            assert wire.request("GET", "/v1/a", host="mutual.example.test").status == 200
        exeat.end(mission, "revoke")
        assert ours.request("GET", "/v1/a", host="mutual.example.test").status in (0, 403)
        assert theirs.request("GET", "/v1/a", host="mutual.example.test").status == 200
    assert len(doors["mutual"].seen) == 3
    assert len({seen["connection"] for seen in doors["mutual"].seen}) == 2


def test_an_http2_agents_streams_share_the_connection_that_carries_it(exeat, mission, doors):
    """Over HTTP/2 too, the handshake shows the certificate, and no other service's request goes there."""
    with H2Wire(exeat, mission, "mutual.example.test") as wire:
        for _ in range(2):
            assert wire.request("GET", "/v1/a").status == 200
    assert all(seen["serial"] for seen in doors["mutual"].seen)
    assert len({seen["connection"] for seen in doors["mutual"].seen}) == 1


def test_a_certificate_past_its_time_is_not_shown(exeat, mission, doors):
    """Refused before anything is dialled."""
    refused(ask(exeat, mission, "GET", "/v1/a", host="late.example.test"), "token_unavailable", status=503)
    assert not doors["late"].seen
