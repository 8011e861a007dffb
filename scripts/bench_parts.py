"""What bench.py starts: the origin, mitmproxy's minimal master, and a configuration."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import trustme

ORIGIN = """
import asyncio, ssl, sys
BODY = b'{"items": [' + b",".join(b'{"id": %d}' % n for n in range(15)) + b"]}"
HEAD = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY)
class Origin(asyncio.Protocol):
    def connection_made(self, transport): self.transport, self.buffer = transport, b""
    def data_received(self, data):
        self.buffer += data
        while b"\\r\\n\\r\\n" in self.buffer:
            _, _, self.buffer = self.buffer.partition(b"\\r\\n\\r\\n")
            self.transport.write(HEAD + BODY)
async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("origin.pem")
    server = await asyncio.get_running_loop().create_server(Origin, "127.0.0.1", int(sys.argv[1]), ssl=context)
    await server.serve_forever()
asyncio.run(main())
"""

MINIMAL = """
import asyncio, sys, logging
from mitmproxy import options
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
from mitmproxy.master import Master
class Pin:
    def server_connect(self, data): data.server.address = ("127.0.0.1", int(sys.argv[2]))
    def server_connected(self, data): data.server.__dict__["address"] = ("api.example.test", 443)
async def main():
    opts = options.Options(confdir="confdir")
    master = Master(opts, event_loop=asyncio.get_running_loop())
    master.addons.add(core.Core(), proxyserver.Proxyserver(), next_layer.NextLayer(), tlsconfig.TlsConfig(), Pin())
    opts.update(listen_host="127.0.0.1", listen_port=int(sys.argv[1]), connection_strategy="lazy", upstream_cert=False,
                ssl_verify_upstream_trusted_ca="origin-ca.pem")
    await master.run()
asyncio.run(main())
"""

CONFIG = """
[proxy]
listen = ["http://127.0.0.1:{exeat}"]
[admin]
listen = "http://127.0.0.1:{admin}"
[upstream]
ca_file = "origin-ca.pem"
resolve = {{ "api.example.test:443" = "127.0.0.1:{origin}" }}
[[destination]]
host = "api.example.test"
owner = "bench"
reason = "bench"
expires = 2099-12-31
[[agent]]
name = "bot"
environment = "prod"
[[service]]
name = "example"
hosts = ["api.example.test"]
credential = {{ in = "header", name = "Authorization", scheme = "Bearer" }}
shared = {{ source = "env:EXAMPLE_KEY" }}
issuer = {{ kind = "jwt", audience = "https://api.example.test", ttl = "60s" }}
[[service.operation]]
match = "GET /v1/items"
action = "items/list"
group = "read"
[[mission_template]]
name = "bench"
destinations = ["api.example.test:443"]
operations = ["example:read"]
ttl = "4h"
"""


def make_certificates(folder: Path, host: str) -> None:
    """A CA and the origin's certificate."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "origin-ca.pem"))
    ca.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(folder / "origin.pem"))


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, name: str, folder: Path) -> None:
    """Until somebody listens there."""
    for _ in range(100):
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    logs = "\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in folder.glob("*.log"))
    raise RuntimeError(f"{name} did not start\n{logs}")
