"""A signed call to an AWS service, and the one that assumes a role.

Cites: AWS STS API reference, AssumeRole and AssumeRoleWithWebIdentity; IAM user guide, "Create a signed AWS API request". Must
not know: for whom, what the session is used for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from exeat.credentials.aws.answer import Asked, Session, read_error, read_session
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.ports import Clock
from exeat.sigv4 import AwsKeys, Scope, authorization, moment

STS_VERSION = "2011-06-15"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def signed(
    keys: AwsKeys, service: str, region: str, url: str, headers: Mapping[str, str], body: bytes, now: float
) -> Mapping[str, str]:
    """Return the header fields of a POST: all of ``headers``, the host and the body are signed."""
    scope, parts = Scope(moment(now), region, service), urlsplit(url)
    every = {**headers, "X-Amz-Date": scope.moment}
    if keys.session_token is not None:
        every["X-Amz-Security-Token"] = keys.session_token.reveal()
    fields = {"host": parts.netloc, **{name.lower(): value for name, value in every.items()}}
    encoded = tuple((name.encode("ascii"), value.encode("ascii")) for name, value in fields.items())
    payload = hashlib.sha256(body).hexdigest()
    # The signature's text is put together in some 70 microseconds; a server takes a thousand times as long.
    value, _ = authorization(keys, scope, "POST", parts.path or "/", parts.query, encoded, fields, payload)
    return {**every, "Authorization": value}


async def assume(
    endpoints: Endpoints,
    clock: Clock,
    url: str,
    region: str,
    form: Mapping[str, str],
    keys: AwsKeys | None,
    asked: Asked,
) -> Session:
    """Ask STS for a session, signed with ``keys`` if there are any; ``form`` holds all parameters.

    Raise RefusalError(TOKEN_UNAVAILABLE) with the error code of STS when it refuses, is late or can't be reached;
    RefusalError(TOKEN_TOO_WIDE) when the session is wider than asked.
    """
    body, sent = urlencode(form).encode("ascii"), clock.time()
    headers = _FORM if keys is None else signed(keys, "sts", region, url, _FORM, body, sent)
    status, answer = await endpoints.send("POST", url, {"Accept": "text/xml", **headers}, body)
    if status != 200:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"STS refused: {read_error(answer)} ({status})")
    return read_session(answer, asked, sent=sent, now=clock.time())


def session_arn(role_arn: str, session: str) -> str:
    """What STS calls the session: ``arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION``, without the role's path."""
    head, _, name = role_arn.partition(":role/")
    return f"{head.replace(':iam:', ':sts:', 1)}:assumed-role/{name.rpartition('/')[2]}/{session}"
