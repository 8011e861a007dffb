"""Promise 6, fail closed: a fault in any part refuses, and nothing is forwarded."""

from __future__ import annotations

import time

import pytest

from rig.wire import ask, refused, tunnel

ERRING = """\
@id("erring")
permit (principal, action == Action::"example:refunds/get", resource)
when { context.method == "GET" && 9223372036854775807 + 1 == 0 };
"""


WORLD = {}


def configure(config, origin):
    config.policies["erring.cedar"] = ERRING


def _until(condition, limit=5.0):
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.05)
    return found


@pytest.mark.guard("cedar-errors-refuse")
@pytest.mark.row("C02")
def test_a_policy_that_errs_refuses_although_another_permits(exeat, mission, origin):
    """Cedar skips a policy that errors and would answer Allow."""
    refused(ask(exeat, mission, "GET", "/v1/refunds/7"), "policy_error")
    assert origin.connections == []
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.row("M09")
def test_a_full_disk_refuses_and_service_resumes_by_itself(exeat, mission, origin, world, http2):
    from rig.wire_h2 import H2Wire

    world.full_disk(True)
    if http2:
        with H2Wire(exeat, mission) as wire:
            refused(wire.request("GET", "/v1/refunds"), "audit_unavailable", status=503)
    else:
        refused(ask(exeat, mission, "GET", "/v1/refunds"), "audit_unavailable", status=503)
    origin.wait_quiet(0.05)
    assert origin.connections == []
    world.full_disk(False)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


@pytest.mark.row("M09")
def test_a_mission_can_not_be_opened_unrecorded(exeat, mission, world):
    world.full_disk(True)
    answer = exeat.admin("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"]})
    assert answer.status == 503, answer
    assert "pass" not in answer.body


@pytest.mark.row("C05", "C08")
def test_a_broken_bundle_keeps_the_old_one_and_a_good_one_replaces_it(exeat, mission, origin):
    """R09: policies are swapped whole, at once, or not at all."""
    site = exeat.folder / "policies" / "site.cedar"
    before = site.read_text()
    log = len(exeat.log_text())
    site.write_text(before + "\npermit (principal, action, resource")
    _until(lambda: "site.cedar" in exeat.log_text()[log:])
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    refused(ask(exeat, mission, "POST", "/v1/payouts", body=b"{}"), "policy_denied")
    try:
        site.write_text(before.replace("payouts/create", "refunds/list"))
        _until(lambda: ask(exeat, mission, "GET", "/v1/refunds").status == 403)
        assert ask(exeat, mission, "POST", "/v1/payouts", body=b"{}").status == 201
    finally:
        site.write_text(before)
    _until(lambda: ask(exeat, mission, "GET", "/v1/refunds").status == 200)


@pytest.mark.row("C08")
def test_an_open_connection_follows_a_new_bundle(exeat, mission, origin):
    site = exeat.folder / "policies" / "site.cedar"
    before = site.read_text()
    with tunnel(exeat, mission) as wire:
        assert wire.request("GET", "/v1/refunds", host="api.example.test").status == 200
        try:
            site.write_text(before.replace("payouts/create", "refunds/list"))
            _until(lambda: wire.request("GET", "/v1/refunds", host="api.example.test").status == 403)
        finally:
            site.write_text(before)
        _until(lambda: wire.request("GET", "/v1/refunds", host="api.example.test").status == 200)


@pytest.mark.row("C05")
def test_a_deleted_policy_folder_loosens_nothing(exeat, mission, origin):
    grant = exeat.folder / "policies"
    log = len(exeat.log_text())
    aside = grant.rename(exeat.folder / "policies.aside")
    try:
        _until(lambda: len(exeat.log_text()) > log)
        refused(ask(exeat, mission, "POST", "/v1/payouts", body=b"{}"), "policy_denied")
        assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    finally:
        aside.rename(grant)


def test_a_crash_and_a_new_start_keep_missions_and_passes(exeat, mission, origin):
    exeat.kill()
    exeat.start()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    exeat.end(mission, "revoke")
    exeat.kill()
    exeat.start()
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")
