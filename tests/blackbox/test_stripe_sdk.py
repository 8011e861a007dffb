"""Stripe's own SDK through the built-in service, with a placeholder alone, against localstripe: a server that checks the form of keys and parameters."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson
import pytest

from rig.config import free_port
from rig.proxy import clean_environment
from servers.front import Front
from servers.launched import launched

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
pytestmark = pytest.mark.skipif(
    not (PYTHON.exists() and SERVER.exists()), reason="needs .venv-clients and .venv-servers"
)


@pytest.fixture(scope="module")
def config(config, authority, tmp_path_factory):
    """Localstripe behind TLS, by the built-in service with the key in custody."""
    folder, port = tmp_path_factory.mktemp("stripe"), free_port()
    with (
        launched(folder, port, str(SERVER), "--port", str(port), "--from-scratch"),
        Front(authority, port, HOST) as front,
    ):
        config.environ["STRIPE_REAL"] = REAL
        config.tables["service"].append(
            {"name": "stripe", "hosts": [HOST], "shared": {"source": "env:STRIPE_REAL"}, "sensitivity": "normal"}
        )
        config.allow(HOST, local=front.port)
        config.template["operations"] += ["stripe:read", "stripe:customers/create"]
        yield config


def test_the_sdk_works_with_a_placeholder_alone(exeat, mission):
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
