"""Every Node and JVM client through every cell: what is allowed works unchanged, what is refused can be read by its caller.

For each refusal three things hold: nothing reaches any origin, the audit has one decision, and the caller's own error text
holds its reason and its id (``matrix_node.MESSAGE``: in the exception's message; the others: in what they print).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from matrix_node import CHALLENGED, MESSAGE, NODE, PROGRAMS, STRAY
from node_sites import KEYS
from node_world import SIZE, Programs, Ran, World, trust_in_browser

from matrix import REFUSALS, Client
from rig.certs import Authority
from rig.config import SHARED_KEY

ROWS = [(client, cell) for client in NODE for cell in client.cells]
TOKEN = re.compile(r"(Bearer|token) eyJ[\w.-]+")
CALLS = {
    "npm": {
        "keep_alive": 2,
        "large_upload": 3,
    },  # it asks for a package's description first, before publishing even twice
    "chromium": {"keep_alive": 4, "streaming": 2, "large_upload": 2},  # a page first, to send from
}
"""How many requests a cell makes, where it isn't one, or four for ``keep_alive``."""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    return Programs(tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("world"), authority) as running:
        yield running
    running.check_what_was_written()


def go(world: World, programs: Programs, name: str, cell: str) -> Ran:
    """One client through one cell, in a fresh mission."""
    world.begin()
    argv, folder = programs.command(name, cell)
    if name == "chromium":
        trust_in_browser(world.folder / "home", world.mission["ca_file"])
    return world.run(argv, folder, world.environment(identity=cell != "no_identity"))


def test_the_matrix_has_all_its_cells() -> None:
    assert (len(NODE), len(ROWS)) == (18, 138)
    assert {client.name for client in NODE} == set(PROGRAMS)
    readable = [client.name for client in NODE if "refused" in client.cells and "refused" not in client.mute]
    assert len(readable) == len(NODE), "a refusal inside TLS is readable with every client"


@pytest.mark.parametrize(("client", "cell"), ROWS, ids=[f"{client.name}-{cell}" for client, cell in ROWS])
def test_a_cell(world: World, programs: Programs, client: Client, cell: str) -> None:
    ran = go(world, programs, client.name, cell)
    if cell in REFUSALS:
        refused(world, client, cell, ran)
    else:
        served(world, client, cell, ran)


def served(world: World, client: Client, cell: str, ran: Ran) -> None:
    """It worked, every call was decided once, and the origin saw a scoped token and one tag each time."""
    assert ran.code == 0, ran.text
    calls = CALLS.get(client.name, {"keep_alive": 4}).get(cell, 1)
    decisions = told(client, cell, world.records("decision", calls))
    assert [record["code"] for record in decisions] == [""] * calls
    requests = world.origin.requests
    assert len(requests) == calls
    for seen in requests:
        assert TOKEN.fullmatch(seen.one("authorization"))
        assert seen.one("exeat-agent") == world.mission["agent"]
    if cell == "streaming":
        count, spread = pieces(ran)
        assert count >= 3, ran.said
        assert spread >= 150, "the pieces came together"
    if cell == "large_upload":
        assert requests[-1].length >= SIZE
        assert requests[-1].complete
    if cell == "keep_alive":
        assert len(world.origin.connections) < calls, "every call had a connection of its own"


def pieces(ran: Ran) -> tuple[int, float]:
    """How many pieces a streaming cell got, and the milliseconds from the first to the last."""
    result: Any = ran.said["result"]
    if isinstance(result, str):  # the JVM's
        count, spread = result.split()
        return int(count), float(spread)
    return int(result["count"]), float(result["spread"])


def told(client: Client, cell: str, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of the cell's own requests: no challenge of a client that waits for one, nothing a browser asks by itself."""
    if client.name in CHALLENGED and cell != "no_identity":
        assert any(record["code"] == "identity_missing" for record in records), "it showed its pass unasked"
        records = [record for record in records if record["code"] != "identity_missing"]
    if client.name == "chromium":
        return [r for r in records if ".example.test" in r["host"] + r["path"] and r["path"] != "/favicon.ico"]
    return records


def refused(world: World, client: Client, cell: str, ran: Ran) -> None:
    """It failed, nothing but what led up to it reached an origin, and its caller can read why."""
    assert ran.code not in (0, -9), ran.text
    assert not world.decoy.connections
    assert len(world.origin.requests) == (1 if cell == "redirect_refused" else 0)
    if cell in ("refused", "no_identity"):
        assert not world.origin.connections
        assert not world.expired.connections
    last = told(client, cell, world.refusals(2 if cell == "redirect_refused" else 1))[-1]
    if cell not in client.mute:
        text = ran.said["message"] if client.name in MESSAGE else ran.text
        assert last["decision_id"] in text, ran.text
        assert last["code"] in text, ran.text


@pytest.mark.parametrize("name", STRAY)
def test_a_client_that_ignores_the_proxy_reaches_nobody(world: World, programs: Programs, name: str) -> None:
    """What the environment can't route is known by name, and where only the proxy leads out it fails instead of slipping by."""
    ran = go(world, programs, name, "permit")
    assert ran.code != 0
    assert not world.records("decision", 0)
    assert not world.origin.connections


def test_no_shared_key_reached_the_origin(world: World, programs: Programs) -> None:
    """A client that holds the old shared key itself, instead of a placeholder, is swapped too."""
    for name, variable in (
        ("openai_node", "OPENAI_API_KEY"),
        ("octokit", "GITHUB_TOKEN"),
        ("stripe_node", "STRIPE_API_KEY"),
    ):
        world.begin()
        argv, folder = programs.command(name, "permit")
        ran = world.run(argv, folder, world.environment(**{variable: KEYS[variable]}))
        assert ran.code == 0, ran.text
        assert TOKEN.fullmatch(world.origin.last.one("authorization"))
        assert not [key for key in (*KEYS.values(), SHARED_KEY) if key.encode() in world.origin.raw()]
