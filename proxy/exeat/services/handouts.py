"""Token endpoints: which answers hand out credentials, where nobody has said so.

What is known by its address alone (vendors' pages are cited), and what is called like one. A service's own description
wins: ``hands_out`` of an operation. Must not know: how an answer is read, what becomes of what it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from exeat.model.service import HandOut

LIKELY = HandOut("likely")
_REFUSE = HandOut("refuse")
_GOOGLE = HandOut("oauth", ("*.googleapis.com",))
_ENTRA = HandOut("oauth", ("*.microsoft.com", "*.office.com", "*.azure.com", "*.windows.net"))
_KNOWN: dict[str, HandOut] = {
    "oauth2.googleapis.com": _GOOGLE,  # developers.google.com/identity/protocols/oauth2
    "sts.googleapis.com": _GOOGLE,  # cloud.google.com/iam/docs/reference/sts/rest
    "iamcredentials.googleapis.com": _GOOGLE,
    "login.microsoftonline.com": _ENTRA,  # learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    "auth.docker.io": HandOut("oauth", ("*.docker.io",)),  # distribution.github.io/distribution/spec/auth/token
    "sts.amazonaws.com": _REFUSE,  # docs.aws.amazon.com/STS/latest/APIReference
}
_AWS = re.compile(r"sts(?:-fips)?\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?|portal\.sso\.[a-z0-9-]+\.amazonaws\.com")
_ASKING = frozenset({"POST", "PATCH", "PUT"})
_CALLED_SO = re.compile(r"/(?:[a-z]+[-_])*(?:token|access_tokens)\Z")
"""What the last part of a token endpoint's path is called by those who follow RFC 6749's examples, and by GitHub."""


def endpoint_at(method: str, host: str, path: str) -> HandOut | None:
    """What an answer from an address hands out that no operation describes; None: nothing that anybody knows of."""
    known = _KNOWN.get(host)
    if known is not None:
        return known
    if host.endswith(".amazonaws.com") and _AWS.fullmatch(host):
        return _REFUSE
    return LIKELY if method in _ASKING and _CALLED_SO.search(path) else None


def guessed(methods: Iterable[str], template: str) -> HandOut | None:
    """What an operation hands out whose description doesn't say."""
    return LIKELY if _ASKING.intersection(methods) and _CALLED_SO.search(template.partition("?")[0]) else None
