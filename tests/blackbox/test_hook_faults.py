"""Promise 6: whatever a hook raises, at whatever point, nothing goes on; in our host and inside stock mitmdump."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path

import pytest

from rig import proxy
from rig.proxy import Exeat
from rig.wire import ask

KINDS = ("Exception", "AddonHalt", "TimeoutError", "CancelledError", "BaseException")
BEFORE = (
    "client_connected", "next_layer", "http_connect", "http_connected", "tls_clienthello", "tls_start_client",
    "tls_established_client", "requestheaders", "request", "server_connect", "server_connected", "tls_start_server",
    "tls_established_server",
)  # fmt: skip
"""Hooks that run before a request's first byte leaves."""
SENT = ("responseheaders",)
"""Runs when the request is with the origin: its answer is withheld."""
STREAMED = ("response",)
"""Runs when the answer has streamed: there is nothing left to withhold, and nothing more may go."""
AFTER = ("client_disconnected", "server_disconnected")
"""Hooks that run when everything is over."""
CASES = [
    *itertools.product((*BEFORE, *SENT, *STREAMED, *AFTER), KINDS, ("sync",)),
    *itertools.product(("requestheaders", "request"), KINDS, ("async",)),
]
HERE = Path(__file__).parents[1] / "rig"


@pytest.fixture(scope="module", params=["host", "mitmdump"])
def exeat(request, tmp_path_factory, config):
    """The same installation under both engines' masters."""
    folder = tmp_path_factory.mktemp("faults")
    config.environ |= {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HERE / "inside_hooks"), os.environ.get("PYTHONPATH")])),
        "RIG_HOOK_FAULT": str(folder / "fault"),
    }
    real = proxy.COMMAND[:]
    if request.param == "mitmdump":
        proxy.COMMAND[:] = [sys.executable, str(HERE / "stock.py")]
    try:
        with Exeat(folder, config) as running:
            yield running
    finally:
        proxy.COMMAND[:] = real


@pytest.mark.parametrize(("hook", "kind", "mode"), CASES)
def test_nothing_goes_on_after_a_fault(exeat, mission, origin, hook, kind, mode):
    fault = Path(exeat.config.environ["RIG_HOOK_FAULT"])
    try:
        fault.write_text(f"{hook} {kind} {mode}")
        try:
            status = ask(exeat, mission, "GET", "/v1/refunds").status
        except (OSError, AssertionError):
            status = 0
        origin.wait_quiet(0.05)
        if hook in BEFORE:
            assert origin.requests == []
            assert status != 200
        else:
            assert len(origin.requests) == 1
            assert hook not in SENT or status != 200
    finally:
        fault.unlink()
    origin.clear()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200, "service is back when the fault is over"
    assert len(origin.requests) == 1


def test_every_hook_of_the_table_is_in_the_matrix_or_only_tells_of_a_failure():
    os.environ.pop("RIG_HOOK_FAULT", None)
    from exeat.enforcement.hooks import HOOKS

    failures = {"error", "http_connect_error", "server_connect_error", "tls_failed_client", "tls_failed_server"}
    budgets = {"more_budget"}  # asked only where a budget counts bytes (test_mission_budgets)
    assert set(HOOKS) == {*BEFORE, *SENT, *STREAMED, *AFTER, *failures, *budgets}
