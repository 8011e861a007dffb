"""A rule has fired and the control plane can't act: the mission has no rights all the same, until it can."""

from __future__ import annotations

import time

import pytest

from rig.config import SHARED_KEY
from rig.wire import ask, refused, tunnel

WORLD = {"ports": True}
HOST = "api.example.test"


def leave_the_path(exeat, mission):
    refused(ask(exeat, mission, "GET", f"/v1/refunds?note={SHARED_KEY.encode().hex()}"), "mission_ended")


def has_no_rights(exeat, mission):
    """Refused, or reset by one of the attempts to revoke it."""
    try:
        answer = ask(exeat, mission, "GET", "/v1/refunds")
    except ConnectionError:
        return True
    return answer.closed or answer.code == "mission_ended"


def until(condition, limit=8.0):
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)
    return found


@pytest.mark.guard("barred-at-the-gate")
@pytest.mark.parametrize("fault", ["feed raise", "feed hang", "store.get raise", "store.replace refuse"])
def test_the_mission_stays_without_rights_and_is_revoked_in_the_end(exeat, world, origin, mission, fault):
    with tunnel(exeat, mission) as stream:
        stream.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        assert stream.sock.recv(1000)
        world.fault(*fault.split())
        leave_the_path(exeat, mission)
        for _ in range(3):
            assert has_no_rights(exeat, mission)
            time.sleep(0.1)
        stream.sock.settimeout(2)
        with pytest.raises(ConnectionError):  # noqa: PT012 what had come before is read first
            while stream.sock.recv(65536):
                pass
            raise ConnectionError
        world.heal()
    until(lambda: exeat.audit_records("mission", event="revoke_applied", mission=mission["mission"]))
    assert (
        len(exeat.audit_records("mission", event="deviation", mission=mission["mission"], rule="secret-in-body")) == 1
    )
    assert exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"] == "revoked"
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")
    assert [
        each["path"] for each in exeat.audit_records("decision", mission=mission["mission"], decision="permit")
    ] == ["/drip"]
    origin.wait_quiet(0.05)
    assert [each.path for each in origin.requests] == ["/drip"]


def test_an_audit_that_can_t_be_written_keeps_no_mission_alive(exeat, world, origin, mission):
    world.fault("audit", "refuse")
    assert ask(exeat, mission, "GET", f"/v1/refunds?note={SHARED_KEY.encode().hex()}").status == 503
    world.heal()
    until(lambda: exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"] == "revoked")
    until(lambda: exeat.audit_records("mission", event="deviation", mission=mission["mission"]))
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")
    origin.wait_quiet(0.05)
    assert origin.requests == []
