"""Workloads known by their certificates: allowed, refused, contradicted."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager, suppress

import pytest

from rig.certs import Authority
from rig.ways import Entered, TlsInTls, at
from rig.wire import client_context, refused

HOST = "api.example.test"


BOT, OTHER = "spiffe://cluster.test/sa/invoice-bot", "spiffe://cluster.test/sa/report-bot"


def last(exeat):
    return exeat.audit_records("decision")[-1]


@contextmanager
def known(doors, exeat, mission, way, certificate, password=None):
    """CONNECT over mutual TLS; the connection and its answer."""
    context = client_context(mission["ca_file"])
    if certificate is not None:
        context.load_cert_chain(certificate)
    with at(doors, way) as sock, context.wrap_socket(sock, server_hostname="127.0.0.1") as secured:
        wire = Entered(exeat, secured, HOST)
        yield wire, wire.connect(f"{HOST}:443", password)


def test_a_workload_is_known_by_its_certificate(doors, exeat, mission, origin, svid):
    with known(doors, exeat, mission, "mtls", svid(BOT)) as (_, answer):
        assert answer.status == 200
    done = subprocess.run(
        ["curl", "-sS", "-x", f"https://127.0.0.1:{doors.ports['mtls']}", "--proxy-cacert", mission["ca_file"],
         "--proxy-cert", str(svid(BOT)), "--cacert", mission["ca_file"], f"https://{HOST}/v1/refunds"],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    assert '"ok": true' in done.stdout, done.stderr
    assert last(exeat)["agent"].endswith("/agent/invoice-bot")
    assert last(exeat)["evidence"] == ["svid"]


def test_an_agent_without_a_mission_of_its_own_does_nothing(doors, exeat, mission, origin, svid):
    with known(doors, exeat, mission, "mtls", svid(OTHER)) as (wire, answer):
        assert answer.status == 200
        inner = Entered(exeat, TlsInTls(wire.sock, client_context(mission["ca_file"]), HOST), HOST)
        refused(inner.ask("GET", "/v1/refunds"), "mission_missing", status=403)
    assert origin.connections == []


def test_a_certificate_nobody_knows_is_refused(doors, exeat, mission, origin, svid):
    with known(doors, exeat, mission, "mtls", svid("spiffe://cluster.test/sa/stranger")) as (_, answer):
        refused(answer, "identity_invalid", status=407)


@pytest.mark.parametrize("uri", ["https://cluster.test/sa/invoice-bot", "spiffe://cluster.test"])
def test_a_certificate_that_is_no_svid_ends_the_connection(doors, exeat, mission, origin, svid, uri):
    with suppress(OSError), known(doors, exeat, mission, "mtls", svid(uri)) as (_, answer):
        assert answer.closed
    assert origin.connections == []


def test_another_ca_signs_for_nobody(doors, exeat, mission, origin, tmp_path):
    other = Authority(tmp_path, "other-ca")
    for certificate in (other.svid(tmp_path, BOT), None):
        with suppress(OSError), known(doors, exeat, mission, "mtls", certificate) as (_, answer):
            assert answer.closed
    assert origin.connections == []


@pytest.mark.parametrize(
    ("spiffe_id", "shows", "code"),
    [
        (BOT, True, ""),
        (BOT, False, "identity_missing"),
        (OTHER, True, "identity_conflict"),
        (OTHER, False, "identity_missing"),
    ],
)
def test_certificate_and_pass_must_agree_where_both_are_asked_for(doors, exeat, mission, svid, spiffe_id, shows, code):
    with known(doors, exeat, mission, "both", svid(spiffe_id), mission["pass"] if shows else None) as (
        _,
        answer,
    ):
        assert answer.status == 200 if not code else answer.code == code
