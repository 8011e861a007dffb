"""The client matrix, as data: which real clients are run, through which cells, and what can't be asked of one and why.

A cell is one thing every client goes through. ``absent`` names cells that a client has no way of doing, ``mute`` cells in
which the client hides the refusal's text from its caller, with what to do then; nothing is left out without a reason.
``docs/clients.md`` is generated from these rows (``scripts/clients_doc.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CELLS: dict[str, str] = {
    "permit": "an allowed call works; the origin sees a scoped token and one tag, never the shared key",
    "refused": "a call that policy refuses, inside TLS",
    "no_identity": "the proxy URL holds no pass: 407",
    "origin_tls_error": "the origin's certificate isn't trusted",
    "streaming": "an answer is read piece by piece while it is being sent",
    "large_upload": "8 MB arrive whole",
    "redirect_refused": "the origin redirects to a host outside the mission",
    "keep_alive": "several calls over one connection",
}

REFUSALS = ("refused", "no_identity", "origin_tls_error", "redirect_refused")
"""The cells in which the caller must be able to read a reason and a decision id."""

TUNNEL = (
    "the refusal of a tunnel: the client shows a status at most. It always means that the proxy URL holds no pass; "
    "`exeat audit tail --denied` shows the decision"
)


@dataclass(frozen=True)
class Client:
    """One row. ``proxy`` and ``trust`` say in one sentence how it is routed and how it trusts our certificates."""

    name: str
    title: str
    proxy: str
    trust: str
    absent: Mapping[str, str] = field(default_factory=dict)
    mute: Mapping[str, str] = field(default_factory=dict)
    shows: str = "status, headers and body of the refusal"
    caution: str = ""

    def __post_init__(self) -> None:
        for cell, why in (*self.absent.items(), *self.mute.items()):
            assert cell in CELLS, (self.name, cell)
            assert len(why) > 10, (self.name, cell, "needs a reason")
        assert not set(self.mute) - set(REFUSALS), self.name
        assert not set(self.mute) & set(self.absent), self.name

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells this client goes through."""
        return tuple(cell for cell in CELLS if cell not in self.absent)


ENVIRONMENT = "`HTTPS_PROXY`, as it stands"

_SSL = "`SSL_CERT_FILE`"
_REQUESTS = "`REQUESTS_CA_BUNDLE` or `CURL_CA_BUNDLE`"
_NO_STREAM = "the API of this SDK has no call that answers piece by piece"
_WHOLE_FILE = "it uses a file only once it is whole and its hash is right"
_NO_UPLOAD = "it only reads; uploads go through other programs"
_LINE = "status, headers and body; of a refused tunnel the status line, with reason and decision id"
_CAUSE = "our message; of a refused tunnel the error's `__cause__` (a traceback shows it) has the status line"
_NEW_CONNECTION = "it opens a connection for each call"
_INDEX = (
    "of an index it prints only the status, whatever the body; `exeat audit tail --denied` or `exeat why last` tells"
)

PYTHON: tuple[Client, ...] = (
    Client("requests", "requests", ENVIRONMENT, _REQUESTS, shows=_LINE),
    Client("urllib", "urllib (standard library)", ENVIRONMENT, _SSL, absent={"keep_alive": _NEW_CONNECTION}, shows=_LINE),
    Client(
        "urllib3", "urllib3", "`ProxyManager(url, proxy_headers=make_headers(proxy_basic_auth=…))`", "`ca_certs=` in code",
        shows=_LINE, caution="a bare `PoolManager` ignores the proxy; the URL's password has to be passed by hand",
    ),
    Client("httpx", "httpx", ENVIRONMENT, _SSL, shows=_LINE),
    Client("httpx_h2", "httpx with HTTP/2", ENVIRONMENT, _SSL, shows=_LINE),
    Client("httpx2", "httpx2", ENVIRONMENT, _SSL, shows=_LINE),
    Client("httpx2_h2", "httpx2 with HTTP/2", ENVIRONMENT, _SSL, shows=_LINE),
    Client(
        "aiohttp", "aiohttp", "`HTTPS_PROXY` with `ClientSession(trust_env=True)`", _SSL, shows=_LINE,
        caution="without `trust_env=True` it ignores the proxy",
    ),
    Client(
        "pygithub", "PyGithub", ENVIRONMENT, _REQUESTS, shows="our message first, then the whole body",
        absent={"streaming": _NO_STREAM, "redirect_refused": "it doesn't follow redirects to other hosts"},
    ),
    Client(
        "slack_sdk", "slack_sdk", ENVIRONMENT, _SSL, shows="the whole body, in `SlackApiError`",
        absent={
            "streaming": _NO_STREAM, "keep_alive": _NEW_CONNECTION,
            "redirect_refused": "every call is a POST, which urllib never repeats elsewhere",
        },
    ),
    Client("openai", "openai (Python)", ENVIRONMENT, _SSL, shows=_CAUSE),
    Client("anthropic", "anthropic (Python)", ENVIRONMENT, _SSL, shows=_CAUSE),
    Client(
        "boto3", "boto3 (S3)", ENVIRONMENT, "`AWS_CA_BUNDLE` or `REQUESTS_CA_BUNDLE`",
        shows='`AccessDenied` with our message; the service says `refusal = "s3"`',
        absent={"redirect_refused": "it follows S3's own redirects between regions only"},
        caution="requests signed with AWS keys are refused (`credential_foreign`): use unsigned requests",
    ),
    Client(
        "stripe", "stripe (Python)", ENVIRONMENT, "`stripe.ca_bundle_path = …` in code: it ships its own roots",
        shows="our message", absent={"streaming": _NO_STREAM},
    ),
    Client(
        "grpcio", "grpcio", "`HTTPS_PROXY` or `grpc_proxy`", "`GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`",
        shows="`PERMISSION_DENIED` with our message", mute={"no_identity": TUNNEL},
        absent={"redirect_refused": "gRPC has no redirects"},
    ),
    Client(
        "websockets", "websockets", ENVIRONMENT, _SSL,
        shows="the status; `error.response` has the reason phrase and the text",
        absent={"redirect_refused": "its threaded client follows no redirect; the answer is an error at once"},
    ),
    Client(
        "mcp", "mcp (streamable HTTP)", ENVIRONMENT, _SSL, shows='our message; the service says `refusal = "jsonrpc"`',
        absent={"redirect_refused": "it follows no redirect to another origin, and says so"},
    ),
)  # fmt: skip

COMMANDS: tuple[Client, ...] = (
    Client(
        "curl", "curl", ENVIRONMENT, "`CURL_CA_BUNDLE` or `SSL_CERT_FILE`", mute={"no_identity": TUNNEL},
        shows="the body; the status line with `-v`", caution="`-f` hides the body: use `--fail-with-body`",
    ),
    Client(
        "curl_h2", "curl with HTTP/2", ENVIRONMENT, "`CURL_CA_BUNDLE` or `SSL_CERT_FILE`", mute={"no_identity": TUNNEL},
        shows="the body; the status line with `-v`", caution="`-f` hides the body: use `--fail-with-body`",
    ),
    Client(
        "wget", "wget", ENVIRONMENT, "`--ca-certificate=$SSL_CERT_FILE`: it reads no variable, only the system's store",
        shows="the status line; the body with `--content-on-error`",
    ),
    Client(
        "git", "git", "`HTTPS_PROXY`; it shows the pass after a 407, so each connection begins with one", "`GIT_SSL_CAINFO`",
        shows="`remote:` lines with our message", mute={"no_identity": TUNNEL},
        absent={"streaming": "a clone is one pack, which it indexes as it comes; there is nothing to watch"},
    ),
    Client(
        "git_lfs", "git-lfs", "as git", "`GIT_SSL_CAINFO`", shows="`batch response:` with our message",
        mute={"no_identity": TUNNEL},
        absent={
            "streaming": _WHOLE_FILE, "redirect_refused": "the links of the batch answer lead to hosts, not redirects",
            "keep_alive": "it keeps as many connections as it has transfers",
        },
    ),
    Client(
        "pip", "pip", ENVIRONMENT, "`PIP_CERT` or `REQUESTS_CA_BUNDLE`", shows="the status line with reason and decision id",
        absent={"streaming": _WHOLE_FILE, "large_upload": _NO_UPLOAD},
        mute={"origin_tls_error": "it repeats a 502 until it gives up, and then tells of that; `exeat why last` tells more"},
        caution="what an index refused is shown only with `-vv`; otherwise it says `no matching distribution`",
    ),
    Client(
        "uv", "uv", ENVIRONMENT, _SSL, shows="title and detail of the refusal of a file",
        absent={"streaming": _WHOLE_FILE, "large_upload": _NO_UPLOAD},
        mute={"no_identity": TUNNEL, "refused": _INDEX, "origin_tls_error": _INDEX, "redirect_refused": _INDEX},
    ),
)  # fmt: skip

CLIENTS = PYTHON + COMMANDS
