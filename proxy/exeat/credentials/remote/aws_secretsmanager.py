"""``aws-secretsmanager:NAME[#FIELD]``: a text in AWS Secrets Manager, or a field of one that is a JSON object.

Each look assumes the role anew, for the secrets that are read and nothing else; between two looks nothing of it is kept. Cites:
AWS Secrets Manager API reference, GetSecretValue; its user guide, "Secret encryption and decryption". Must not know: what a
secret opens.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import batched
from typing import Any, final

import orjson

from exeat.credentials.aws.answer import Asked
from exeat.credentials.aws.calls import STS_VERSION, assume, session_arn, signed
from exeat.credentials.held import Current
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Answer, Endpoints
from exeat.credentials.remote.fields import field_of
from exeat.errors import ExeatError, RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.secret_places import AwsSecretPlace
from exeat.ports import Clock
from exeat.sigv4 import AwsKeys, read_keys

_SESSION = "exeat-secrets"
_LIFE = 900
"""Seconds of a session; STS gives no less."""
_AT_ONCE = 8
"""Secrets of one session: so many names of the longest kind fit its policy, which is 2,048 characters at most."""
_SERVICE = "secretsmanager"
_HEADERS = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.GetSecretValue"}
_CODE = re.compile(r"(?:[A-Za-z0-9_.]+#)?([A-Za-z0-9]{1,64})")


@final
class AwsSecretsManager:
    """Implements ``source.RemoteSource``. ``me`` is this installation, ``secret`` reads the long-lived key on this host."""

    def __init__(
        self,
        place: AwsSecretPlace,
        endpoints: Endpoints,
        assertions: Assertions,
        me: str,
        secret: Callable[[str], Secret],
        clock: Clock,
    ) -> None:
        self._place = place
        self._endpoints = endpoints
        self._assertions = assertions
        self._me = me
        self._secret = secret
        self._clock = clock

    async def fetch(self, names: Sequence[str]) -> Mapping[str, Current | ExeatError]:
        """Read them under as few sessions as can be; raise RefusalError when there is none."""
        found: dict[str, Current | ExeatError] = {}
        for some in batched(names, _AT_ONCE):
            keys = await self._login(some)
            for name in some:
                found[name] = await self._read(keys, name)
        return found

    async def _login(self, names: Sequence[str]) -> AwsKeys:
        place = self._place
        own = None
        if place.access_key:
            try:
                own = read_keys(await asyncio.to_thread(self._secret, place.access_key))
            except ValueError as error:
                raise _unavailable(str(error)) from None
            if not place.role_arn:
                return own
        form = {
            "Version": STS_VERSION,
            "RoleArn": place.role_arn,
            "RoleSessionName": _SESSION,
            "DurationSeconds": str(_LIFE),
            "Policy": _reading(place, names),
        }
        if own is not None:
            form["Action"] = "AssumeRole"
            if place.external_id:
                form["ExternalId"] = place.external_id
        else:
            form["Action"] = "AssumeRoleWithWebIdentity"
            form["WebIdentityToken"] = self._assertions.about(self._me, place.audience).reveal()
        asked = Asked(session_arn(place.role_arn, _SESSION), _LIFE, "" if own else self._me)
        session = await assume(self._endpoints, self._clock, place.sts_url, place.region, form, own, asked)
        return session.keys

    async def _read(self, keys: AwsKeys, name: str) -> Current | ExeatError:
        wanted, _, field = name.partition("#")
        url, body = self._place.server, orjson.dumps({"SecretId": wanted})
        headers = signed(keys, _SERVICE, self._place.region, url, _HEADERS, body, self._clock.time())
        try:
            answer = await self._endpoints.ask("POST", url, headers, body)
            return Current(field_of(_text(answer, wanted), field))
        except RefusalError as error:
            return error


def _text(answer: Answer, wanted: str) -> str:
    """The text of an answer, if that is the current version of the secret that was asked for."""
    said = answer.fields
    if answer.status != 200:
        code = _CODE.fullmatch(str(said.get("__type")))
        raise _unavailable(f"refused: {code[1] if code else 'no error code'} ({answer.status})")
    stages, text = said.get("VersionStages"), said.get("SecretString")
    if wanted not in {str(said.get("Name")), str(said.get("ARN"))}:
        raise _unavailable("answered with another secret")
    if not isinstance(stages, list) or "AWSCURRENT" not in stages:
        raise _unavailable("answered with a version that is not the current one")
    if not isinstance(text, str):
        raise _unavailable("holds no text, but bytes")
    return text


def _reading(place: AwsSecretPlace, names: Sequence[str]) -> str:
    """The session's policy: these secrets of the role's account, and their keys through Secrets Manager alone."""
    _, partition, _, _, account, _ = place.role_arn.split(":", 5)
    home = f"arn:{partition}:{_SERVICE}:{place.region}:{account}:secret:"
    wanted = sorted({name.partition("#")[0] for name in names})
    statements: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            # Behind a name an ARN has a dash and six characters of AWS's own.
            "Resource": [each if each.startswith("arn:") else f"{home}{each}-??????" for each in wanted],
        },
        {
            "Effect": "Allow",
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:ViaService": f"{_SERVICE}.{place.region}.amazonaws.com"}},
        },
    ]
    return orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode()


def _unavailable(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, f"AWS Secrets Manager: {what}")
