"""nono-py twice: its reverse route (the client speaks plain HTTP to it) and its interception."""

from __future__ import annotations

import base64
import time
from dataclasses import replace

from bench.site import INSIDE, Site, SkippedError, free_port
from bench.target import Route, Target, forward_routes, head


def start(site: Site) -> list[Target]:
    """Start one process; both ways lead through it."""
    python = site.bench_python("nono_py")
    port = free_port()
    command = [python, str(INSIDE / "nono.py"), str(port), str(site.origin_tls)]
    process = site.start("nono", *command, environ={"BENCH_KEY": "sk_live_real_0123456789abcdef"})
    reverse = Target("nono", "", [process]).wait(site, port)
    token_file = site.folder / "nono.token"
    for _ in range(50):
        if token_file.exists() and token_file.stat().st_size:
            break
        time.sleep(0.1)
    else:
        reverse.stop()
        raise SkippedError("nono wrote no token")
    token = token_file.read_text()
    reverse.name, reverse.note = "nono reverse", "client plain; key swapped, no tag"
    here = f"127.0.0.1:{port}"

    def route(path: str) -> Route:
        return Route(port, head(f"/bench{path}", here, key=token))

    reverse.routes = {
        "B": route("/v1/items"), "C": route("/v1/items"), "D": route("/v1/large"), "seen": route("/v1/seen"),
    }  # fmt: skip
    reverse.why_not = {"A": "its route leads to TLS only"}
    intercept = replace(reverse, name="nono intercept", note="key swapped, no tag; closes after each answer")
    basic = base64.b64encode(f"nono:{token}".encode()).decode()
    intercept.routes = forward_routes(
        port, site.folder / "nono-ca" / "intercept-ca.pem", authority="localhost", tls_port=site.origin_tls,
        key=token, credentials=(f"Proxy-Authorization: Basic {basic}",),
    )  # fmt: skip
    del intercept.routes["A"]
    intercept.why_not = {"A": "swaps nothing on plain HTTP"}
    return [reverse, intercept]
