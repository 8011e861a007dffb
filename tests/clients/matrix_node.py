"""The rows of the client matrix for Node and the JVM, as data (``matrix.py`` explains the words).

``PROGRAMS`` says what runs each: the Node major and the script, or the Java client. What Node cannot route is in ``STRAY``.
"""

from __future__ import annotations

from matrix import ENVIRONMENT, TUNNEL, Client

_NODE_PROXY = "`HTTPS_PROXY` together with `NODE_USE_ENV_PROXY=1`, which Node knows from 22.21 and 24 on"
_NODE_TRUST = "`NODE_EXTRA_CA_CERTS`, which adds to Node's own roots"
_BODY_IN_ERROR = (
    "`error.message` has the status only: what it prints uncaught, and `error.response`, hold the whole refusal"
)
_BROWSER_TUNNEL = (
    "a browser shows a page of its own, `ERR_…`, instead of what a proxy answers; `exeat audit tail` shows the decision"
)
_STATUS_LINE = "the reason and the decision id in the error message, also when a tunnel is refused"
_NO_STREAM = "the API of this SDK has no call that answers piece by piece"
_NODE_TUNNEL = {"no_identity": TUNNEL}
_JAVA_PROXY = (
    "`-Dhttps.proxyHost` and `-Dhttps.proxyPort` by `JAVA_TOOL_OPTIONS`, with `-Djdk.http.auth.tunneling.disabledSchemes=`; "
    "the pass by an `Authenticator`, since no property holds it"
)
_JAVA_TRUST = "`-Djavax.net.ssl.trustStore` by `JAVA_TOOL_OPTIONS`, a PKCS12 store with our certificate (`state/ca-truststore.p12`)"

NODE: tuple[Client, ...] = (
    Client("node_fetch_builtin", "Node 24 `fetch`", _NODE_PROXY, _NODE_TRUST, mute=_NODE_TUNNEL),
    Client("node_https", "Node 24 `node:https`", _NODE_PROXY, _NODE_TRUST, shows=_STATUS_LINE),
    Client(
        "node_https_agent", "Node 24 `node:https` with an `Agent`", "`new Agent({ proxyEnv: process.env })`", _NODE_TRUST,
        shows=_STATUS_LINE, caution="an agent of its own without `proxyEnv` ignores the proxy",
    ),
    Client("undici", "undici 8 `EnvHttpProxyAgent`", ENVIRONMENT, _NODE_TRUST, mute=_NODE_TUNNEL),
    Client("axios", "axios", ENVIRONMENT, _NODE_TRUST, shows=_BODY_IN_ERROR),
    Client("got", "got", _NODE_PROXY, _NODE_TRUST, shows=_STATUS_LINE),
    Client("node_fetch", "node-fetch 3", _NODE_PROXY, _NODE_TRUST, shows=_STATUS_LINE),
    Client("octokit", "@octokit/rest", _NODE_PROXY, _NODE_TRUST, absent={"streaming": _NO_STREAM}, mute=_NODE_TUNNEL),
    Client(
        "slack_web_api", "@slack/web-api", _NODE_PROXY, _NODE_TRUST, shows=_BODY_IN_ERROR,
        absent={"streaming": _NO_STREAM, "redirect_refused": "it follows no redirect; the answer is an error at once"},
        mute=_NODE_TUNNEL,
        caution="by default it retries an error of the server for half an hour: `retryConfig`",
    ),
    Client("openai_node", "openai (Node)", _NODE_PROXY, _NODE_TRUST, mute=_NODE_TUNNEL, shows="our message"),
    Client("anthropic_node", "@anthropic-ai/sdk", _NODE_PROXY, _NODE_TRUST, mute=_NODE_TUNNEL, shows="our message"),
    Client(
        "stripe_node", "stripe (Node)", f"{_NODE_PROXY}, and `httpClient: Stripe.createFetchHttpClient()`", _NODE_TRUST,
        absent={"streaming": _NO_STREAM}, mute=_NODE_TUNNEL, shows="our message",
        caution="its own default agent ignores every proxy setting; with another way out closed it then reaches nobody",
    ),
    Client(
        "npm", "npm 11", ENVIRONMENT, f"{_NODE_TRUST}, unless `cafile` is configured: then that alone",
        absent={"streaming": "npm uses a package only once it is whole and its hash is right"},
        shows="status line and our message",
    ),
    Client("node20_undici", "undici 7 `EnvHttpProxyAgent` on Node 20", ENVIRONMENT, _NODE_TRUST, mute=_NODE_TUNNEL),
    Client(
        "node20_axios", "axios on Node 20", ENVIRONMENT, _NODE_TRUST, shows=_BODY_IN_ERROR,
        absent={"keep_alive": "its own tunnel agent opens a tunnel for every call on a Node without proxy support"},
    ),
    Client(
        "java_http_client", "Java 17 `HttpClient`", _JAVA_PROXY, _JAVA_TRUST,
        shows="status, headers and body; of a refused tunnel status and headers (`exeat-decision-id`, `proxy-status`)",
    ),
    Client(
        "java_url_connection", "Java 17 `HttpURLConnection`", _JAVA_PROXY, _JAVA_TRUST,
        shows="status, headers and body; of a refused tunnel the status line (`getResponseMessage()`)",
    ),
    Client(
        "chromium", "headless Chromium", "`--proxy-server`, or `proxy` of Playwright, with the pass as user name and password",
        "our certificate in the NSS database of its HOME (`certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n exeat -i ca.pem`)",
        mute={"no_identity": _BROWSER_TUNNEL}, shows="the refusal as the page",
        caution="it asks for `/favicon.ico` too; `--disable-component-update` and `--disable-background-networking` keep it quiet",
    ),
)  # fmt: skip

PROGRAMS: dict[str, tuple[str, str]] = {
    "node_fetch_builtin": ("24", "fetch.mjs"), "node_https": ("24", "https.mjs"),
    "node_https_agent": ("24", "https.mjs agent"), "undici": ("24", "undici.mjs"),
    "axios": ("24", "axios.mjs"), "got": ("24", "got.mjs"), "node_fetch": ("24", "node-fetch.mjs"),
    "octokit": ("24", "octokit.mjs"), "slack_web_api": ("24", "slack.mjs"), "openai_node": ("24", "openai.mjs"),
    "anthropic_node": ("24", "anthropic.mjs"), "stripe_node": ("24", "stripe.mjs"), "npm": ("24", "npm"),
    "node20_undici": ("20", "undici.mjs"), "node20_axios": ("20", "axios.mjs"),
    "java_http_client": ("java", "client"), "java_url_connection": ("java", "connection"),
    "chromium": ("24", "chromium.mjs"),
}  # fmt: skip

MESSAGE = frozenset(PROGRAMS) - {"axios", "slack_web_api", "npm", "node20_axios"}
"""The clients whose exception text itself holds reason and decision id; with the others it is in what they print."""

CHALLENGED = frozenset({"java_http_client", "java_url_connection", "chromium"})
"""The clients that show their pass only after a 407, as git does: their first tunnel begins with one refusal."""

STRAY: dict[str, tuple[str, str]] = {
    "Node 20 `fetch`": ("20", "fetch.mjs"),
    "Node 20 `node:https`": ("20", "https.mjs"),
    "got on Node 20": ("20", "got.mjs"),
    "Node 24 `node:https` with an agent of its own": ("24", "https.mjs own-agent"),
    "stripe with its own agent": ("24", "stripe-default.mjs"),
}
"""Clients that ignore the proxy whatever the environment says: they must be found by ``exeat doctor`` and by a closed firewall."""

NPM: dict[str, tuple[str, ...]] = {
    "permit": ("view", "tidy", "version"),
    "refused": ("view", "private", "version"),
    "no_identity": ("view", "tidy", "version"),
    "origin_tls_error": ("view", "tidy", "version", "--registry", "https://expired-registry.example.test/"),
    "large_upload": ("publish", "./large"),
    "redirect_refused": ("view", "moved", "version"),
    "keep_alive": ("install", "--no-save", "tidy"),
}
"""npm's arguments for each cell."""
