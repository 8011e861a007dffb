"""Clients on this machine that would ignore the proxy or our certificate, whatever ``exeat run`` sets.

Looks at what is on PATH and at the packages of the Python found there. Runs ``--version`` and the like with an empty
standard input and a time limit; none of these calls sends anything. Must not know: how rows are shown.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import orjson

from exeat.cli.row import Row

_SECONDS = 10.0
"""For one call; npm on a cold disk takes three."""
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def clients() -> Iterator[Row]:
    """A row for each client found, ``ok`` or ``warn``."""
    for name, look in _LOOKS.items():
        if shutil.which(name) is not None:
            state, detail, fix = look()
            yield Row(f"client {name}", state, detail, fix)
    yield from _browsers()
    yield from _python_packages()
    yield from _node_packages(Path("node_modules"))


_Seen = tuple[str, str, str]


def _curl() -> _Seen:
    version = _run("curl", "--version").partition("\n")[0]
    built = re.search(
        r"\b(OpenSSL|GnuTLS|LibreSSL|BoringSSL|Schannel|SecureTransport|rustls\S*|mbedTLS|wolfSSL)\b", version
    )
    return "ok", f"obeys the proxy and CURL_CA_BUNDLE ({built[1] if built else 'TLS library unknown'})", ""


def _git() -> _Seen:
    own = _run("git", "config", "--get", "http.proxy").strip()
    if own:
        return (
            "warn",
            "its own http.proxy goes before HTTPS_PROXY",
            "git config --unset http.proxy (--global, --system)",
        )
    return "ok", "obeys the proxy and GIT_SSL_CAINFO; shows its pass once it is asked with 407", ""


def _wget() -> _Seen:
    return "ok", "obeys the proxy; WGETRC gives it the roots, instead of ~/.wgetrc", ""


def _node() -> _Seen:
    version = _run("node", "--version").strip()
    if _works("node", "--use-env-proxy", "--version"):
        return "ok", f"{version} obeys NODE_USE_ENV_PROXY; clients with an agent of their own may not", ""
    fix = "use Node 24, or 22.21 and later; or give each client an agent: undici EnvHttpProxyAgent"
    return "warn", f"{version} doesn't know NODE_USE_ENV_PROXY: fetch, https and most SDKs ignore the proxy", fix


def _npm() -> _Seen:
    own = _run("npm", "config", "get", "https-proxy").strip()
    if own not in ("", "null", "undefined"):
        return "warn", "its own https-proxy goes before HTTPS_PROXY", "npm config delete https-proxy"
    return "ok", "obeys the proxy and npm_config_cafile", ""


def _java() -> _Seen:
    fix = 'show it in the program: Authenticator.setDefault(…) with user "mission" and the pass of HTTPS_PROXY'
    return "warn", "takes proxy and trust from JAVA_TOOL_OPTIONS, but no pass: it is answered 407", fix


def _go() -> _Seen:
    return "ok", "programs in Go obey the proxy and SSL_CERT_FILE, except for names of this machine", ""


def _deno() -> _Seen:
    return "ok", "obeys the proxy and DENO_CERT", ""


_LOOKS: Mapping[str, Callable[[], _Seen]] = {
    "curl": _curl, "git": _git, "wget": _wget, "node": _node, "npm": _npm, "java": _java, "go": _go, "deno": _deno,
}  # fmt: skip


def _browsers() -> Iterator[Row]:
    found = next((name for name in _CHROMIUM if shutil.which(name)), None)
    if found is None:
        return
    fix = (
        "start it with --proxy-server=http://HOST:PORT and answer the 407 (Playwright: proxy.username, proxy.password); "
        'trust: certutil -d sql:$HOME/.pki/nssdb -A -t "C,," -n exeat -i state/ca.pem'
    )
    yield Row(f"client {found}", "warn", "reads neither a pass from a proxy URL nor a variable for trust", fix)


_TRUST_ENV = "pass trust_env=True: ClientSession(trust_env=True)"
_PACKAGES: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "aiohttp": ("ignores the proxy unless told", _TRUST_ENV, ()),
    "urllib3": (
        "PoolManager ignores the proxy (requests and botocore do obey it)",
        "urllib3.ProxyManager(os.environ['HTTPS_PROXY'], …)",
        (),
    ),
    "stripe": (
        "trusts only the roots it ships",
        "stripe.ca_bundle_path = os.environ['SSL_CERT_FILE']",
        (),
    ),
    "websockets": ("before version 15 it ignores the proxy", "pip install 'websockets>=15'", (15,)),
    "playwright": (
        "the browsers it starts read no variables",
        "launch(proxy={'server': …, 'username': 'mission', 'password': PASS}); trust as for Chromium",
        (),
    ),
}
"""Distribution → what is the matter, what to do, and the version from which it no longer is."""
_LIST = (
    "import importlib.metadata as m, json\n"
    "found = {}\n"
    "for d in m.distributions():\n"
    "    n = d.metadata['Name']\n"
    f"    if n and n.lower() in {sorted(_PACKAGES)!r}: found.setdefault(n.lower(), d.version)\n"
    "print(json.dumps(found))"
)


def _python_packages() -> Iterator[Row]:
    python = next((name for name in ("python3", "python") if shutil.which(name)), None)
    if python is None:
        return
    try:
        found = orjson.loads(_run(python, "-I", "-c", _LIST) or "{}")
    except orjson.JSONDecodeError:
        return
    for name, version in sorted(found.items() if isinstance(found, dict) else ()):
        detail, fix, mended = _PACKAGES.get(name, ("", "", ()))
        numbers = tuple(int(number) for number in re.findall(r"[0-9]+", str(version))[:2])
        if detail and not (mended and numbers >= mended):
            yield Row(f"python {name}", "warn", f"{version}: {detail}", fix)


def _node_packages(folder: Path) -> Iterator[Row]:
    if (folder / "stripe").is_dir():
        fix = "new Stripe(key, {httpClient: Stripe.createFetchHttpClient()}) with NODE_USE_ENV_PROXY=1"
        yield Row("node stripe", "warn", "brings an agent of its own and ignores the proxy", fix)


def _run(*command: str) -> str:
    """What a command prints, ``""`` when it fails."""
    try:
        done = subprocess.run(  # noqa: S603 a program the user has on PATH, with fixed words
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _works(*command: str) -> bool:
    return bool(_run(*command))
