"""Stripe's own SDK through the built-in service, with a placeholder alone, against localstripe: a server that checks the form of keys and parameters."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from rig.proxy import clean_environment

ROOT = Path(__file__).parents[2]
PYTHON, SERVER = ROOT / ".venv-clients/bin/python", ROOT / ".venv-servers/bin/localstripe"
HOST, REAL = "stripe.example.test", "sk_test_realc0ffee0123456789"
SCRIPT = """
import json, os, stripe
stripe.ca_bundle_path = os.environ["SSL_CERT_FILE"]
client = stripe.StripeClient(os.environ["STRIPE_KEY"], base_addresses={"api": "https://HOST"}, max_network_retries=0)
made = client.v1.customers.create({"email": "a@b.test"})
got = client.v1.customers.retrieve(made.id).email
try:
    client.v1.payouts.create({"amount": 1, "currency": "eur"})
    refused = ""
except stripe.StripeError as error:
    refused = error.user_message or str(error)
print(json.dumps({"email": got, "refused": refused}))
""".replace("HOST", HOST)
TERMINATOR = """
import asyncio, ssl, sys
async def main(port, target, pem):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    async def pump(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
    async def serve(reader, writer):
        there = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer), return_exceptions=True)
    server = await asyncio.start_server(serve, "127.0.0.1", port, ssl=context)
    await server.serve_forever()
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
"""
PORTS: list[int] = []


def configure(config, origin):
    for _ in range(2):
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            PORTS.append(free.getsockname()[1])
    config.environ["STRIPE_REAL"] = REAL
    config.tables["service"].append(
        {"name": "stripe", "hosts": [HOST], "shared": {"source": "env:STRIPE_REAL"}, "sensitivity": "normal"}
    )
    config.allow(HOST)
    config.tables["upstream"]["resolve"][f"{HOST}:443"] = f"127.0.0.1:{PORTS[0]}"
    config.template["operations"] += ["stripe:read", "stripe:customers/create"]


@pytest.fixture
def localstripe(authority, tmp_path):
    if not (PYTHON.exists() and SERVER.exists()):
        pytest.skip("needs .venv-clients and .venv-servers")
    leaf = authority._ca.issue_cert(HOST)
    pem = tmp_path / "leaf.pem"
    pem.write_bytes(leaf.private_key_pem.bytes() + b"".join(part.bytes() for part in leaf.cert_chain_pems))
    commands = [
        [str(SERVER), "--port", str(PORTS[1]), "--from-scratch"],
        [sys.executable, "-c", TERMINATOR, str(PORTS[0]), str(PORTS[1]), str(pem)],
    ]
    running = [
        subprocess.Popen(
            each, cwd=tmp_path, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for each in commands
    ]
    try:
        for port in PORTS:
            _wait_for(port)
        yield
    finally:
        for each in running:
            each.kill()
            each.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def test_the_sdk_works_with_a_placeholder_alone(exeat, mission, localstripe):
    environ = clean_environment() | mission["env"] | {"STRIPE_KEY": mission["placeholders"]["stripe"]}
    done = subprocess.run(
        [str(PYTHON), "-c", SCRIPT], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    said = orjson.loads(done.stdout)
    assert said["email"] == "a@b.test"
    assert "mission" in said["refused"].lower() or "polic" in said["refused"].lower()
    assert [each["action"] for each in exeat.audit_records("decision") if each["service"] == "stripe"] == [
        "stripe:customers/create", "stripe:customers/get", "stripe:payouts/create",
    ]  # fmt: skip
