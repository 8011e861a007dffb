"""Options of the engine below that let hosts pass unread: Exeat has none, refuses to start with one, and doesn't hear of those
that a stock mitmdump around it was given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rig import proxy
from rig.account import only_refused, untouched
from rig.wire import refused, tunnel

STOCK = Path(__file__).parents[1] / "rig" / "stock.py"
OPTIONS = {
    "ignore_hosts": '["api\\\\.example\\\\.test"]', "allow_hosts": '["nothing"]', "tcp_hosts": '[".*"]', "udp_hosts": '[".*"]', "ssl_insecure": "true",
    "rawtcp": "true", "connection_strategy": '"eager"', "upstream_cert": "true", "mode": '["upstream:http://127.0.0.1:1"]',
}  # fmt: skip


@pytest.mark.row("W13")
@pytest.mark.parametrize("table", ["proxy", "upstream"])
@pytest.mark.parametrize("option", list(OPTIONS))
def test_serve_knows_no_such_option(make_exeat, origin, table, option):
    exeat = make_exeat(origin)
    text = exeat.file.read_text()
    exeat.file.write_text(text.replace(f"[{table}]\n", f"[{table}]\n{option} = {OPTIONS[option]}\n", 1))
    done = exeat.cli("config", "check")
    assert done.returncode == 2
    assert option in done.stdout + done.stderr


@pytest.mark.row("W13", "W12")
@pytest.mark.parametrize(
    "given",
    [
        "ignore_hosts=.*",
        "allow_hosts=nothing",
        "tcp_hosts=.*",
        "rawtcp=true",
        "connection_strategy=eager",
        "ssl_insecure=true",
    ],
)
def test_a_stock_mitmdump_with_one_is_governed_all_the_same(make_exeat, origin, decoy, tmp_path, given):
    """The handler that stands in mitmproxy's place reads none of its options."""
    script = tmp_path / "stock_with_options.py"
    script.write_text(
        STOCK.read_text()
        .replace('"-q", "-s"', f'"-q", "--set", {given!r}, "-s"')
        .replace("parents[2]", f"parents[0].joinpath({str(STOCK.parents[2])!r})")
    )
    real = proxy.COMMAND[:]
    proxy.COMMAND[:] = [sys.executable, str(script)]
    try:
        exeat = make_exeat(origin, decoy).start()
        mission = exeat.open()
        for each in (origin, decoy):
            each.clear()
        with tunnel(exeat, mission) as wire:  # the leaf is ours, so nothing was passed through
            refused(wire.request("POST", "/v1/payouts", host="api.example.test", body=b"{}"), "policy_denied")
        untouched(origin, decoy)
        only_refused(exeat, mission, "policy_denied")
    finally:
        proxy.COMMAND[:] = real
