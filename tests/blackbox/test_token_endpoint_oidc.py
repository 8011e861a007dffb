"""An agent that refreshes its tokens at a stock authorization server: it works, and all that it ever holds are placeholders."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from urllib.parse import quote_plus

import orjson
import pytest
import requests

from rig.config import operation, service
from rig.origin import Origin
from rig.proxy import clean_environment
from servers.oidc.launch import CLIENT_SECRET, OidcServer, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"the authorization server needs Node: {missing()}")

LOGIN, API = "login.example.test", "opaque.example.test"
AGENT = """
import json, os, requests
def ask(**form):
    answer = requests.post("https://login.example.test/token", data=form, auth=("exeat-client", os.environ["CLIENT_SECRET"]), timeout=20)
    return answer.status_code, answer.json()
said = [ask(grant_type="urn:test:authorize", resource="https://opaque.example.test")]
for _ in range(2):
    said.append(ask(grant_type="refresh_token", refresh_token=said[-1][1]["refresh_token"]))
said.append(ask(grant_type="refresh_token", refresh_token="exeat_" + "A" * 24))
token = said[2][1]["access_token"]
answer = requests.get("https://opaque.example.test/echo", headers={"Authorization": f"Bearer {token}"}, timeout=20)
print(json.dumps([*said, (answer.status_code, answer.json())]))
"""


class Front(Origin):
    """TLS before the authorization server, which speaks plain HTTP; ``handed`` is every token it gave out."""

    def __init__(self, authority, issuer):
        super().__init__(authority, "*.example.test")
        self._issuer, self.handed = issuer, []

    async def answer(self, seen, reply):
        fields = {name: value for name, value in seen.headers if name.lower() in ("authorization", "content-type")}
        answer = await asyncio.to_thread(
            requests.post,
            self._issuer + seen.target,
            bytes(seen.body),
            headers=fields,
            timeout=10,
            proxies={"http": ""},
        )
        self.handed += [
            value for name, value in answer.json().items() if name in ("access_token", "refresh_token", "id_token")
        ]
        await reply.start(answer.status_code, [("content-type", answer.headers["content-type"])], len(answer.content))
        await reply.write(answer.content)
        await reply.finish()


@pytest.fixture(scope="module")
def front(authority, tmp_path_factory):
    with OidcServer({}, tmp_path_factory.mktemp("oidc")) as oidc, Front(authority, oidc.issuer) as running:
        running.oidc = oidc
        yield running


@pytest.fixture(scope="module")
def config(config, front):
    hands_out = {"shape": "oauth", "hosts": [API]}
    config.tables["service"] += [
        service(
            "login", LOGIN, operation("POST /token", "token", "write", hands_out=hands_out), issuer={"kind": "stored_key"},
            credential={"in": "basic", "user": "exeat-client"}, shared={"source": "env:CLIENT_SECRET"},
        ),
        service("opaque", API),
    ]  # fmt: skip
    config.environ["CLIENT_SECRET"] = quote_plus(CLIENT_SECRET)  # RFC 6749 §2.3.1
    config.template["operations"] += ["login:write", "opaque:read"]
    config.allow(LOGIN, local=front.port)
    config.allow(API)
    return config


def test_a_refresh_gives_placeholders_and_they_work(exeat, mission, origin, front):
    """Rotated refresh tokens too; the API gets the very token that the server granted last, and the server knows it."""
    environ = clean_environment() | mission["env"]
    ran = subprocess.run([sys.executable, "-c", AGENT], env=environ, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()[-3000:]
    first, *refreshed, invented, used = orjson.loads(ran.stdout)
    assert [status for status, _ in (first, *refreshed, used)] == [200] * 4
    assert (invented[0], invented[1]["code"]) == (403, "credential_foreign")
    held = [said[name] for _, said in (first, *refreshed) for name in said if name in ("access_token", "refresh_token")]
    assert len(held) == 5
    assert all(value.startswith("exeat_") for value in held)
    assert all("exeat_" in said["id_token"] for _, said in refreshed)
    signatures = [value.rpartition(".")[2] for value in front.handed]
    assert len(signatures) == 7
    assert not [value for value in (*signatures, CLIENT_SECRET) if value.encode() in ran.stdout]
    [shown] = origin.last.header("authorization")
    assert shown.removeprefix("Bearer ") in front.handed
    assert front.oidc.introspect(shown.removeprefix("Bearer "))["active"] is True
    assert not [value for value in signatures if value.encode() in exeat.everything_written()]
