"""Secrets of AWS Secrets Manager and Google Secret Manager: contract-tested, followed, and kept while the server is down.

The servers are strict ones of our own (``servers/secret_managers``): they verify every parameter and signature.
"""

from __future__ import annotations

import time

import jwt
import orjson
import pytest

from rig.config import operation, service
from rig.wire import ask
from servers.secret_managers import KEY, KEY_ID, PROVIDER, READER, REGION, ROLE, SecretManagers

FIRST, SECOND, PLAIN = "cloud-canary-1-9d8c7b6a", "cloud-canary-2-9d8c7b6a", "cloud-canary-3-9d8c7b6a"
VENDOR, GOOGLE = "acme/vendor", "projects/acme/secrets/vendor"
AWS_SOURCE, PLAIN_SOURCE = f"aws-secretsmanager:{VENDOR}#key", "aws-secretsmanager:acme/plain"
GOOGLE_SOURCE = f"google-secretmanager:{GOOGLE}#key"
ECHO = operation("GET /echo", "items/list", "read")


@pytest.fixture
def managers():
    with SecretManagers() as made:
        put(made, FIRST)
        made.aws["acme/plain"] = f"{PLAIN}\n"
        yield made


def put(managers: SecretManagers, value: str) -> None:
    """Into both, a value of its own each: one that two services share is told apart by nobody."""
    for store, name, key in ((managers.aws, VENDOR, f"aws-{value}"), (managers.google, GOOGLE, f"google-{value}")):
        store[name] = orjson.dumps({"user": "exeat", "key": key}).decode()


@pytest.fixture
def start(make_exeat, origin, managers):
    """An installation with a service for each source; ``aws`` is ``[secrets.aws]`` beyond its addresses."""

    def started(sources: dict[str, str], **aws: str):
        def change(config):
            del config.policies["site.cedar"]
            config.environ["AWS_READER"] = f"{KEY_ID}:{KEY}"
            table = config.tables["secrets"] = {"refresh": "1s"}
            table["aws"] = {"region": REGION, "server": managers.url, "sts_url": f"{managers.url}/sts", **aws}
            table["google"] = {
                "provider": PROVIDER, "service_account": READER, "server": managers.url,
                "sts_url": f"{managers.url}/v1/token", "iam_url": f"{managers.url}/iam",
            }  # fmt: skip
            for name, source in sources.items():
                issuer, host = {"kind": "stored_key", "ttl": "60s"}, f"{name}.example.test"
                config.tables["service"].append(service(name, host, ECHO, issuer=issuer, shared={"source": source}))
                config.allow(host)
            config.template["operations"] = [f"{name}:*" for name in sources]

        return make_exeat(origin, change=change).start()

    return started


def sent(exeat, mission, origin, name: str, *headers: str) -> str:
    """What the origin got for one request."""
    answer = ask(exeat, mission, "GET", "/echo", *headers, host=f"{name}.example.test")
    assert answer.status == 200, answer.body
    return origin.last.one("authorization")


def until(met) -> None:
    deadline = time.monotonic() + 30
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.guard("cloud-secret-of-another-name")
@pytest.mark.guard("google-secret-of-another-name")
@pytest.mark.guard("cloud-secrets-narrowed")
def test_both_are_followed_by_our_own_word_alone(start, managers, origin):
    """No secret of ours anywhere: JWTs that our published keys verify. A new value replaces the old one, which is recognised."""
    exeat = start({"aws": AWS_SOURCE, "whole": PLAIN_SOURCE, "google": GOOGLE_SOURCE}, role_arn=ROLE)
    mission = exeat.open()
    for name, value in (("aws", f"aws-{FIRST}"), ("whole", PLAIN), ("google", f"google-{FIRST}")):
        assert sent(exeat, mission, origin, name) == f"Bearer {value}"
    keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(exeat.admin("GET", "/.well-known/jwks.json").ok()).keys}
    audiences = set()
    for word in managers.words:
        key = keys[jwt.get_unverified_header(word)["kid"]]
        said = jwt.decode(word, key.key, [key.algorithm_name], options={"verify_aud": False})
        assert said["sub"] == said["iss"]
        audiences.add(said["aud"])
    assert audiences == {"sts.amazonaws.com", f"https:{PROVIDER}"}

    put(managers, SECOND)
    for name in ("aws", "google"):
        old, new = f"Bearer {name}-{FIRST}", f"Bearer {name}-{SECOND}"
        until(lambda name=name, new=new: sent(exeat, mission, origin, name) == new)
        assert sent(exeat, mission, origin, name, f"Authorization: {old}") == new
    assert managers.faults == []

    managers.other = True  # answers, but with what nobody asked for
    put(managers, PLAIN)
    sources = {AWS_SOURCE, PLAIN_SOURCE, GOOGLE_SOURCE}
    until(lambda: {each["source"] for each in exeat.audit_records("admin", event="secret_unreadable")} == sources)
    managers.down = True
    for name in ("aws", "google"):
        assert sent(exeat, mission, origin, name) == f"Bearer {name}-{SECOND}"
    written = exeat.everything_written()
    assert not [value for value in (FIRST, SECOND, PLAIN, *managers.words) if value.encode() in written]


def test_a_long_lived_key_assumes_the_role(start, managers, origin):
    """Both calls signed as AWS publishes it: by the key for STS, by the session for Secrets Manager."""
    exeat = start({"aws": AWS_SOURCE}, access_key="env:AWS_READER", role_arn=ROLE, external_id="exeat-installation")
    assert sent(exeat, exeat.open(), origin, "aws") == f"Bearer aws-{FIRST}"
    assert (managers.faults, managers.words) == ([], [])


def test_a_long_lived_key_reads_itself(start, managers, origin):
    """And what can't be read keeps Exeat from starting, which says why and holds no secret."""
    exeat = start({"aws": AWS_SOURCE}, access_key="env:AWS_READER")
    assert sent(exeat, exeat.open(), origin, "aws") == f"Bearer aws-{FIRST}"
    assert (managers.faults, managers.words) == ([], [])
    exeat.stop()
    del managers.aws[VENDOR]
    with pytest.raises(AssertionError, match="ResourceNotFoundException") as caught:
        exeat.start()
    assert KEY not in str(caught.value)
    assert KEY.encode() not in exeat.everything_written()
