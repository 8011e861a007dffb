"""The origin, alone and behind everything else: nginx with one worker, else the Python one."""

from __future__ import annotations

import shutil

from bench.site import HOST, INSIDE, LOAD_CORE, Site
from bench.target import Route, Target, head

_NGINX = """\
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; default_type application/json; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5; ssl_session_tickets off; sendfile off;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {folder}/origin.pem; ssl_certificate_key {folder}/origin.pem;
    root {folder}/www;
    location /v1/seen {{
      return 200 "authorization=$http_authorization; exeat-agent=$http_exeat_agent; x-tag=$http_x_tag"; }}
    location /v1/items {{ try_files /items =404; }}
    location /v1/large {{ try_files /large =404; }}
  }}
}}
"""


def start(site: Site) -> list[Target]:
    """Start it on the load's core."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if nginx:
        config = site.folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=site.folder, plain=site.origin_plain, tls=site.origin_tls))
        (site.folder / "www").chmod(0o755)
        site.folder.chmod(0o755)  # nginx reads it as another user; it holds made-up keys only
        command = [nginx, "-c", str(config), "-p", str(site.folder)]
        note = "nginx, 1 worker"
    else:
        command = [site.python, str(INSIDE / "origin.py"), str(site.origin_plain), str(site.origin_tls)]
        note = "asyncio, no nginx here"
    target = Target("origin", note, [site.start("origin", *command, core=LOAD_CORE)])
    ca = site.folder / "origin-ca.pem"
    tls = Route(site.origin_tls, head("/v1/items", HOST), ca=ca)
    target.routes = {
        "A": Route(site.origin_plain, head("/v1/items", HOST, key=None)),
        "B": tls,
        "C": tls,
        "D": Route(site.origin_tls, head("/v1/large", HOST), ca=ca),
        "seen": Route(site.origin_tls, head("/v1/seen", HOST), ca=ca),
    }
    return [target.wait(site, site.origin_plain, site.origin_tls)]
