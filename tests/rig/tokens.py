"""An origin's own check of a bearer token: signature against the published keys, audience, expiry and type."""

from __future__ import annotations

import urllib.request
from typing import Any

import jwt
import orjson


class TokenCheck:
    """Verifies as a careful SaaS would (RFC 9068 §4); keys are fetched again when a ``kid`` is new."""

    def __init__(self, jwks_url: str, audience: str) -> None:
        self._url, self._audience = jwks_url, audience
        self._keys: dict[str, jwt.PyJWK] = {}
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def check(self, authorization: list[str]) -> tuple[dict[str, Any] | None, str]:
        """The claims of the only bearer token, or None and why not."""
        if len(authorization) != 1:
            return None, f"{len(authorization)} Authorization headers"
        scheme, _, token = authorization[0].partition(" ")
        if scheme != "Bearer":
            return None, "not a bearer token"
        try:
            header = jwt.get_unverified_header(token)
            if header.get("typ") != "at+jwt":
                return None, "not an access token"
            key = self._key(header["kid"])
            return jwt.decode(
                token, key, algorithms=["ES256", "EdDSA"], audience=self._audience,
                options={"require": ["exp", "iat", "iss", "sub", "aud", "jti"]},
            ), ""  # fmt: skip
        except (jwt.PyJWTError, KeyError, OSError, ValueError) as error:
            return None, type(error).__name__

    def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys:
            with self._opener.open(self._url, timeout=5) as answer:
                self._keys = {key["kid"]: jwt.PyJWK(key) for key in orjson.loads(answer.read())["keys"]}
        return self._keys[kid]
