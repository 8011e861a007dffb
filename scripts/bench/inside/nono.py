"""nono-py with one route. Usage: nono.py PORT ORIGIN-TLS-PORT; writes its token to nono.token."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import nono_py

route = nono_py.RouteConfig(
    prefix="bench",
    upstream=f"https://localhost:{sys.argv[2]}",
    credential_key="env://BENCH_KEY",
    credential_format="Bearer {}",
    env_var="BENCH_API_KEY",
    endpoint_rules=[("GET", "/**")],
    tls_ca="origin-ca.pem",
)
Path("nono-ca").mkdir()
handle = nono_py.start_proxy(
    nono_py.ProxyConfig(
        allowed_hosts=["localhost"],
        routes=[route],
        bind_port=int(sys.argv[1]),
        intercept_ca_dir=str(Path("nono-ca").absolute()),
    )
)
Path("nono.token").write_text(handle.env_vars()["NONO_PROXY_TOKEN"])
os.environ.pop("BENCH_KEY", None)
while True:
    signal.pause()
