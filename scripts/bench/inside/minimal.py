"""mitmproxy with only the addons it can't work without, and no option it doesn't need. Usage: minimal.py PORT."""

from __future__ import annotations

import asyncio
import sys

from mitmproxy import options
from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
from mitmproxy.master import Master
from pin import Pin


async def main() -> None:
    opts = options.Options(confdir="confdir")
    master = Master(opts, event_loop=asyncio.get_running_loop())
    master.addons.add(core.Core(), proxyserver.Proxyserver(), next_layer.NextLayer(), tlsconfig.TlsConfig(), Pin())
    opts.update(
        listen_host="127.0.0.1",
        listen_port=int(sys.argv[1]),
        connection_strategy="lazy",
        upstream_cert=False,
        ssl_verify_upstream_trusted_ca="origin-ca.pem",
    )
    await master.run()


asyncio.run(main())
