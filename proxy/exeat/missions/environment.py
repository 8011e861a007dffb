"""The variables that route an unchanged client through the proxy.

Each name is one that clients were seen to need: proxies in both cases because curl ignores an upper-case
``HTTP_PROXY``; trust in many names because no two libraries share one. Must not know: missions, how a pass is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from urllib.parse import urlsplit

_PROXY = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
_NO_PROXY = "localhost,127.0.0.1,::1"
"""Only the machine itself; private ranges would let an agent reach inner services unwatched."""
_BUNDLE = (
    "SSL_CERT_FILE",  # OpenSSL, Go, urllib, httpx, aiohttp, uv
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "DENO_CERT",
    "CARGO_HTTP_CAINFO",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "HTTPLIB2_CA_CERTS",
    "NIX_SSL_CERT_FILE",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
    "BUNDLE_SSL_CA_CERT",
    "npm_config_cafile",  # npm looks at NODE_EXTRA_CA_CERTS no longer once its own configuration names a file
)
"""These replace a client's own roots, so they get the system's roots and ours in one file."""


def client_environment(
    proxy_url: str,
    *,
    mission: str,
    ca_file: str,
    bundle_file: str,
    placeholders: Mapping[str, str],
    variables: Mapping[str, str],
    access_key: str = "",
) -> dict[str, str]:
    """Return every variable a client needs; the result holds the pass, so it goes to the caller and nowhere else.

    ``ca_file`` is our certificate alone, ``bundle_file`` the system's roots and ours; ``placeholders`` maps services to
    their stand-ins, ``variables`` services to the variable in which a client expects the shared credential. ``access_key`` is the
    stand-in for AWS's services, as ``KEY_ID:SECRET``.
    """
    environment = {
        variable: placeholders[service] for service, variable in variables.items() if service in placeholders
    }
    if access_key:
        key_id, _, secret = access_key.partition(":")
        environment |= {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": ""}
        environment["AWS_EC2_METADATA_DISABLED"] = "true"  # SDKs would look for a role of the machine
    if proxy_url:
        environment |= dict.fromkeys(_PROXY, proxy_url)
    environment |= {"NO_PROXY": _NO_PROXY, "no_proxy": _NO_PROXY}
    environment |= dict.fromkeys(_BUNDLE, bundle_file)
    environment["NODE_USE_ENV_PROXY"] = "1"  # Node 22 and later look at HTTPS_PROXY only then
    environment["NODE_EXTRA_CA_CERTS"] = ca_file  # adds to Node's roots instead of replacing them
    environment["JAVA_TOOL_OPTIONS"] = _java(proxy_url, str(PurePath(ca_file).with_name("ca-truststore.p12")))
    environment["WGETRC"] = str(PurePath(ca_file).with_name("wgetrc"))  # a wget with GnuTLS reads no variable for trust
    environment["EXEAT_MISSION"] = mission
    return environment


def _java(proxy_url: str, truststore: str) -> str:
    """Java's options. Never the pass: Java prints them at each start and takes no proxy password from them anyway.

    A program that has an ``Authenticator`` may show it in Basic, which Java switches off for tunnels otherwise.
    """
    where = urlsplit(proxy_url)
    options = [f"-Djavax.net.ssl.trustStore={truststore}", "-Djavax.net.ssl.trustStorePassword=changeit"]
    if where.hostname:
        for scheme in ("http", "https"):
            options += [f"-D{scheme}.proxyHost={where.hostname}", f"-D{scheme}.proxyPort={where.port or 80}"]
        options.append("-Djdk.http.auth.tunneling.disabledSchemes=")
    return " ".join(f'"{option}"' if " " in option else option for option in options)
