"""Our word for a token of a workload identity pool, and that for one of a service account.

https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token,
https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken. Must not know: whom
the word is about, what the tokens are for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import final

import orjson

from exeat.credentials.oauth.endpoint import Answer, Endpoints
from exeat.credentials.oauth.grant import ACCESS_TOKEN, Asked, Grant, check_grant, granted_value
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
"""The scope under which a service account is impersonated."""
HOUR = 3600.0
"""Seconds that a federated token lives."""
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_SKEW = 5.0


@final
class Federation:
    """Each method is one call; they raise RefusalError as ``ports.Issuer`` says."""

    def __init__(self, endpoints: Endpoints, clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock

    async def federate(self, sts_url: str, provider: str, word: Secret, asked: Asked) -> Grant:
        """Our word for a token of the pool's principal."""
        form = {
            "grant_type": EXCHANGE,
            "audience": provider,
            "scope": " ".join(sorted(asked.scope)),
            "requested_token_type": ACCESS_TOKEN,
            "subject_token": word.reveal(),
            "subject_token_type": _JWT,
        }
        sent = self._clock.time()
        answer = granted(await self._endpoints.post(sts_url, form, {}))
        return check_grant(answer.fields, asked, sent=sent, now=self._clock.time())

    async def impersonate(
        self, iam_url: str, account: str, federated: Secret, scopes: Sequence[str], ttl: float
    ) -> Grant:
        """A service account's token of these scopes, which lives ``ttl`` seconds at most."""
        url = f"{iam_url}/projects/-/serviceAccounts/{account}:generateAccessToken"
        content = {"scope": list(scopes), "lifetime": f"{math.floor(ttl)}s"}
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {federated.reveal()}"}
        answer = granted(await self._endpoints.ask("POST", url, headers, orjson.dumps(content)))
        value = granted_value({"access_token": answer.fields.get("accessToken")})
        try:
            ends = datetime.fromisoformat(str(answer.fields.get("expireTime"))).timestamp()
        except ValueError:
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "Google granted a token without a readable expireTime") from None
        now = self._clock.time()
        if ends > now + ttl + _SKEW:
            raise RefusalError(Reason.TOKEN_TOO_WIDE, f"Google granted {ends - now:.0f} s of life, not {ttl:g} s")
        return Grant(value, "", min(ends, now + ttl))


def granted(answer: Answer) -> Answer:
    """Return an answer of 200; raise RefusalError(TOKEN_UNAVAILABLE) with Google's own code for any other."""
    if answer.status != 200:
        error = answer.fields.get("error")
        status = error.get("status") if isinstance(error, dict) else None
        said = status if isinstance(status, str) and re.fullmatch(r"[A-Z_]{1,40}", status) else answer.error
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"Google refused: {said} ({answer.status})")
    return answer
