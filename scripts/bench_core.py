"""What one decision and one mint cost, in microseconds (no pass or fail): ``python scripts/bench_core.py``.

100 policies, 50 missions; cold is a question never asked before, memoised the same one again.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from exeat.clock import SystemClock
from exeat.config.tables.service import ServiceTable
from exeat.credentials.issuers.jwt import JwtIssuer
from exeat.credentials.keys import KeyRing
from exeat.decision.decide import decide
from exeat.decision.normalize import normalize
from exeat.decision.recognise import FingerprintTable
from exeat.decision.snapshot import Snapshot, with_mission
from exeat.enforcement.signing.aws_sigv4 import AwsSigner
from exeat.model.decision import Inject, Permit, TokenRequest
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.mission import AllowedDestination, Ceilings, Mission
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest
from exeat.model.secret import Secret
from exeat.model.service import CredentialPlace, PlaceKind
from exeat.model.token import Token
from exeat.policy.bundle import SchemaNames, load_bundle
from exeat.services.catalogue import build_catalogue

HOST = "api.github.com"
PERMITS = "\n".join(
    f'@id("site-{number}")\nforbid (principal in Exeat::Agent::"bot-{number}", action in Action::"github:admin", resource);'
    for number in range(96)
)
GRANT = '@id("mission-operations")\npermit (principal, action, resource) when { action in principal.operations };\n'


def world(folder: Path) -> tuple[Snapshot, float]:
    """Fifty open missions over the built-in GitHub service."""
    services = build_catalogue([ServiceTable.model_validate({"name": "github", "issuer": {"audience": "https://x"}})])
    (folder / "site.cedar").write_text(GRANT + PERMITS)
    names = SchemaNames(frozenset({"prod"}), frozenset(), frozenset(), frozenset())
    bundle = load_bundle(folder, services.services, names)
    now = time.time()
    pattern = DestinationPattern.parse(f"{HOST}:443")
    ceilings = Ceilings((AllowedDestination(pattern, "o", "r", now + 9e6),), (), 9e6)
    snapshot = Snapshot("v", {}, {}, services, bundle.engine, ceilings, FingerprintTable(b"k" * 32, {}, frozenset()))
    for number in range(50):
        agent = Agent(f"bot-{number}", "prod", "exeat.internal")
        mission = Mission(f"m_{number}", "prod", (agent.name,), (pattern,), ("github:*",), now, now + 9e5)
        snapshot = with_mission(snapshot, mission, {agent.key: agent})
    print(f"{len(bundle.policies)} policies, {len(snapshot.sessions)} sessions, {len(services.actions())} actions")
    return snapshot, now


def request(repository: str) -> CanonicalRequest:
    """A canonical GET of one repository's issues."""
    headers = ((b"Host", HOST.encode()), *((b"x-field-%d" % n, b"value") for n in range(8)))
    wire = WireRequest(
        "GET", f"/repos/acme/{repository}/issues".encode(), "", headers, "HTTP/1.1", Tunnel(HOST, 443, HOST)
    )
    canonical = normalize(wire)
    if not isinstance(canonical, CanonicalRequest):
        raise TypeError(canonical)
    return canonical


def show(what: str, times: list[float]) -> None:
    """One line."""
    micro = sorted(each * 1e6 for each in times)
    print(f"{what:<28} p50 {statistics.median(micro):7.1f} µs   p99 {micro[int(len(micro) * 0.99)]:7.1f} µs")


def measure(work: list[object], call) -> list[float]:
    """Time each call."""
    times = []
    for item in work:
        began = time.perf_counter()
        call(item)
        times.append(time.perf_counter() - began)
    return times


def signing():
    """Read and sign anew one request to S3 of an SDK's kind."""
    signed = (
        b"AWS4-HMAC-SHA256 Credential=AKIAEXEATABCDEFGHIJK/20261124/eu-central-1/s3/aws4_request,"
        b" SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature=" + b"0" * 64
    )
    headers = (
        (b"authorization", signed), (b"x-amz-date", b"20261124T120000Z"), (b"x-amz-content-sha256", b"a" * 64),
        (b"content-type", b"text/plain"), (b"user-agent", b"Boto3"), (b"exeat-agent", b"spiffe://x/env/prod/agent/bot"),
    )  # fmt: skip
    put = CanonicalRequest(
        "PUT", "https", "s3.eu-central-1.amazonaws.com", 443, "/b/key", "a=b", headers, "HTTP/1.1", True
    )
    parts = {"access_key_id": Secret("ASIAABCDEFGHIJKLMNOP"), "session_token": Secret("t" * 900)}
    token, now = Token(Secret("s" * 40), "id", Grade.A, None, parts), time.time()
    asked = TokenRequest("m/bot", "m", "spiffe://x/env/prod/agent/bot", "s3", "s3:objects/put", "R", "s")
    inject, signer = Inject(asked, CredentialPlace(PlaceKind.AWS_SIGV4, "authorization")), AwsSigner()
    signer.read(put, None, now).sign(headers, "/b/key?a=b", inject, token, now)  # loads the library
    return lambda: signer.read(put, None, now).sign(headers, "/b/key?a=b", inject, token, now)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        snapshot, now = world(folder)
        views = list(snapshot.sessions.values())
        asked = [(request(f"site-{number}"), views[number % 50]) for number in range(2000)]
        show("normalise", measure([None] * 2000, lambda _: request("site")))

        def judge(item) -> None:
            if not isinstance(decide(item[0], item[1], snapshot, now), Permit):
                raise TypeError("not permitted")

        show("decide, cold", measure(asked, judge))
        show("decide, memoised", measure(asked, judge))
        clock = SystemClock()
        issuer = JwtIssuer(
            KeyRing.load_or_create(folder / "keys", "token", "ES256", 9e5, 9e5, clock), "https://i", clock
        )
        spec = IssuerSpec("jwt", 60.0, "https://x")
        token = TokenRequest("m/bot", "m", "spiffe://x/env/prod/agent/bot", "github", "github:issues/list", "R", "s")
        loop = asyncio.new_event_loop()
        show("mint (jwt, ES256)", measure([None] * 2000, lambda _: loop.run_until_complete(issuer.mint(token, spec))))
        loop.close()
        show("sign anew (AWS)", measure([signing()] * 2000, lambda sign: sign()))


if __name__ == "__main__":
    main()
