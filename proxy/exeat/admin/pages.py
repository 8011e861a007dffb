"""The one page, at ``/``: fixed files of this package; everything it shows comes over the API.

No file holds anything of this installation, so all are served without a token; the page is only told whether there is a
login, and whether this browser has a session's cookie. The page's policy lets it load and call
only this listener, and run no script but its own. Must not know: what is shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from aiohttp import web

from exeat.admin.call import Call
from exeat.admin.login.cookies import Cookies
from exeat.admin.route import Route, get

_FILES = {
    "/": ("page.html", "text/html"),
    "/page.js": ("page.js", "text/javascript"),
    "/page.css": ("page.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from elsewhere, and no text ever becomes markup (W3C CSP 3, Trusted Types)."""


def page_routes(url: str, *, login: bool) -> list[Route]:
    """Return the routes of the page's files, read once; ``url`` is where people reach us, ``login`` whether they can log in."""
    folder = files("exeat.admin") / "static"
    cookies = Cookies(url)

    def told(request: web.Request) -> bytes:
        return b'<body data-login="%d" data-session="%d">' % (login, cookies.session(request) is not None)

    return [
        get(path, _serving((folder / name).read_bytes(), kind, told), None, f"The page: {name}", media=kind)
        for path, (name, kind) in _FILES.items()
    ]


def _serving(
    content: bytes, kind: str, told: Callable[[web.Request], bytes]
) -> Callable[[Call], Awaitable[web.Response]]:
    async def serve(call: Call) -> web.Response:
        body = content.replace(b"<body>", told(call.request)) if kind == "text/html" else content
        headers = {"Content-Security-Policy": PAGE_POLICY}
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=headers)

    return serve
