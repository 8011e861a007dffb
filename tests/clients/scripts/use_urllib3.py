"""urllib3's ProxyManager, which takes the proxy's URL and its password explicitly."""

import os
from urllib.parse import unquote, urlsplit

import urllib3
from cells import BEARER, FORBIDDEN, MOVED, READ, STREAM, UPLOAD, UPLOADED, Outcome, paced, run

url = os.environ["HTTPS_PROXY"]
parts = urlsplit(url)
shown = urllib3.make_headers(proxy_basic_auth=f"{parts.username}:{unquote(parts.password)}") if parts.password else None
pool = urllib3.ProxyManager(
    f"http://{parts.hostname}:{parts.port}", proxy_headers=shown, ca_certs=os.environ["SSL_CERT_FILE"], retries=False
)


def ask(url: str, method: str = "GET", body: bytes | None = None, **more: object) -> Outcome:
    answer = pool.request(method, url, body=body, headers=BEARER, timeout=20, **more)
    return answer.status, answer.data.decode()


run(
    lambda: ask(READ),
    refused=lambda: ask(FORBIDDEN, "POST", b"{}"),
    streaming=lambda: paced(pool.request("GET", STREAM, headers=BEARER, preload_content=False).stream()),
    large_upload=lambda: ask(UPLOADED, "PUT", UPLOAD.read_bytes()),
    redirect_refused=lambda: ask(MOVED, redirect=True, retries=urllib3.Retry(3, redirect=3)),
)
