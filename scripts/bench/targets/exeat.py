"""Exeat with everything on, hot and cold: policies, minted tokens, tags, scrubbing, the audit with its hash chain."""

from __future__ import annotations

import subprocess
from pathlib import Path

import orjson

from bench.site import HOST, KEY, PLAIN_HOST, Site, SkippedError, free_port
from bench.target import NUMBER, Target, forward_routes

_SERVICE = """
[[service]]
name = "{name}"
hosts = ["{host}"]
{more}
[[service.resource]]
type = "Item"
id = "{{id}}"
[[service.operation]]
match = "GET /v1/items"
action = "items/list"
group = "read"
[[service.operation]]
match = "GET /v1/items/{{id}}"
action = "items/get"
group = "read"
resource = "Item"
[[service.operation]]
match = "GET /v1/large"
action = "large/list"
group = "read"
[[service.operation]]
match = "GET /v1/large/{{id}}"
action = "large/get"
group = "read"
resource = "Item"
[[service.operation]]
match = "GET /v1/seen"
action = "seen"
group = "read"
"""
_CREDENTIAL = """\
credential = { in = "header", name = "Authorization", scheme = "Bearer" }
shared = { source = "env:EXAMPLE_KEY" }
issuer = { kind = "jwt", audience = "https://api.example.test", ttl = "60s" }
"""
_CONFIG = """\
[proxy]
listen = ["http://127.0.0.1:{proxy}"]
[admin]
listen = "http://127.0.0.1:{admin}"
[upstream]
ca_file = "../origin-ca.pem"
resolve = {{ "{host}:443" = "127.0.0.1:{tls}", "{plain_host}:80" = "127.0.0.1:{plain}" }}
[[destination]]
host = "{host}"
owner = "bench"
reason = "bench"
expires = 2099-12-31
[[destination]]
host = "{plain_host}"
port = 80
owner = "bench"
reason = "bench"
expires = 2099-12-31
[[agent]]
name = "bot"
environment = "prod"
[[mission_template]]
name = "bench"
destinations = ["{host}:443", "{plain_host}:80"]
operations = ["example:read", "plain:read"]
ttl = "4h"
"""


def start(site: Site) -> list[Target]:
    """Start one for each temperature, so that what one has memoised is not the other's."""
    return [one(site, "exeat hot"), one(site, "exeat cold", cold=True), one(site, "exeat hot x2", workers=2)]


def one(site: Site, name: str, *flags: str, cold: bool = False, workers: int = 1, source: Path | None = None) -> Target:
    """Start ``exeat serve`` and open a mission; ``source`` is another ``proxy`` folder to take the code from."""
    folder = site.folder / name.replace(" ", "-")
    folder.mkdir()
    proxy, admin = free_port(), free_port()
    (folder / "exeat.toml").write_text(
        _CONFIG.format(
            proxy=proxy, admin=admin, host=HOST, plain_host=PLAIN_HOST, tls=site.origin_tls, plain=site.origin_plain
        )
        + _SERVICE.format(name="example", host=HOST, more=_CREDENTIAL)
        + _SERVICE.format(name="plain", host=PLAIN_HOST, more="ports = [80]\nplain_http = true")
    )
    environ = {"EXAMPLE_KEY": KEY}
    if workers > 1:
        environ["EXEAT_PROXY__WORKERS"] = str(workers)
    if source is not None:
        environ["PYTHONPATH"] = str(source.absolute())
    cli = [site.python, *flags, "-m", "exeat.cli.main"]
    config = ["-c", str(folder / "exeat.toml")]
    note = "another resource for each request: Cedar asked and a token minted" if cold else "one resource"
    note += f"; {workers} workers" if workers > 1 else ""
    process = site.start(name, *cli, "serve", *config, environ=environ)
    target = Target(name, f"everything on; {note}", [process]).wait(site, proxy, admin)
    opening = [*cli, "mission", "open", "bench", "--agent", "bot", "--json", *config]
    opened = subprocess.run(opening, env=site.environ, cwd=folder, capture_output=True, check=False)
    if opened.returncode:
        target.stop()
        raise SkippedError(f"no mission: {opened.stderr.decode()[-400:]}")
    mission = orjson.loads(opened.stdout)
    number = f"/{NUMBER}" if cold else ""
    target.routes = forward_routes(
        proxy, Path(mission["ca_file"]), credentials=(f"Proxy-Authorization: Bearer {mission['pass']}",),
        items=f"/v1/items{number}", plain_items=f"/v1/items{number}", large=f"/v1/large{number}",
    )  # fmt: skip
    return target
