"""AWS STS and Secrets Manager, Google's STS, IAM credentials and Secret Manager, as their API references describe what is read here.

Contracts written down, no servers of a vendor: every parameter is checked, one too many or too few is refused and noted in
``faults``. Signatures are verified from the published steps ("Create a signed AWS API request", IAM user guide), without the
product's code or botocore's.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

import orjson

REGION, ACCOUNT, ROLE = "eu-central-1", "123456789012", "arn:aws:iam::123456789012:role/exeat/reader"
KEY_ID, KEY = "AKIAEXAMPLEREADER001", "long-lived-key-canary/2f61+b8"
PROVIDER = "//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/exeat/providers/exeat"
READER = "reader@acme.iam.gserviceaccount.com"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE = "urn:ietf:params:oauth:token-type:"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)/(\d{8})/([a-z0-9-]+)/([a-z]+)/aws4_request, "
    r"SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)
Answer = tuple[int, bytes]


class Refused(Exception):  # noqa: N818 what it says
    """An AWS error code, or a status of Google's."""


class SecretManagers:
    """``aws`` by name, ``google`` by ``projects/P/secrets/S``: what is stored. ``words`` are the JWTs that were shown."""

    def __init__(self) -> None:
        self.aws: dict[str, str] = {}
        self.google: dict[str, str] = {}
        self.words: list[str] = []
        self.faults: list[str] = []
        self.down = self.other = False
        self._sessions: dict[str, tuple[str, str, list[str]]] = {}
        self._federated: set[str] = set()
        self._accounts: set[str] = set()
        managers = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version, timeout = "HTTP/1.1", 20

            def take(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if managers.down:
                    self.close_connection = True
                    return
                status, text = managers.answer(self, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = take  # noqa: N815 the names that http.server calls

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        try:
            if request.path == "/sts":
                return self._assume(request, body)
            if request.path == "/":
                return self._get_secret_value(request, body)
            if request.path == "/v1/token":
                return self._exchange(body)
            if request.path.endswith(":generateAccessToken"):
                return self._impersonate(request, body)
            return self._access(request)
        except Refused as error:
            self.faults.append(f"{request.path}: {error}")
            code = str(error).partition(":")[0]
            if request.path == "/sts":
                return 403, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()
            return 400, orjson.dumps({"__type": code, "error": {"status": code}})

    # AWS

    def _signer(self, request: BaseHTTPRequestHandler, body: bytes, service: str) -> str:
        """Who signed exactly this; every field of AWS's and the host has to be signed."""
        found = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        demand(found is not None, "IncompleteSignature")
        key_id, day, region, named, listed, signature = found.groups()
        demand((region, named) == (REGION, service), "SignatureDoesNotMatch: scope")
        names = listed.split(";")
        fields = {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
        demand(
            names == sorted(names) and {"host", "content-type", *fields} <= set(names), "SignatureDoesNotMatch: names"
        )
        at = request.headers["X-Amz-Date"]
        age = abs(datetime.now(UTC) - datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
        demand(at.startswith(day) and age < timedelta(minutes=5), "SignatureDoesNotMatch: date")
        secret, token, _ = self._sessions.get(key_id, (KEY if key_id == KEY_ID else "", None, []))
        demand(secret and request.headers.get("X-Amz-Security-Token") == token, "UnrecognizedClientException")
        lines = "".join(f"{name}:{' '.join(request.headers[name].split())}\n" for name in names)
        text = f"POST\n{request.path}\n\n{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{day}/{region}/{service}/aws4_request"
        key = f"AWS4{secret}".encode()
        for word in scope.split("/"):
            key = hmac.digest(key, word.encode(), "sha256")
        said = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(text.encode()).hexdigest()}"
        demand(hmac.compare_digest(hmac.digest(key, said.encode(), "sha256").hex(), signature), "SignatureDoesNotMatch")
        return key_id

    def _assume(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        policy, action, subject = orjson.loads(form.pop("Policy", "{}")), form.get("Action"), ""
        wanted = {"Action": action, "Version": "2011-06-15", "RoleArn": ROLE, "DurationSeconds": "900"}
        wanted["RoleSessionName"] = form.get("RoleSessionName", "")
        if action == "AssumeRole":
            demand(self._signer(request, body, "sts") == KEY_ID, "AccessDenied")
            wanted["ExternalId"] = "exeat-installation"
        else:
            demand(action == "AssumeRoleWithWebIdentity" and "Authorization" not in request.headers, "InvalidAction")
            wanted["WebIdentityToken"] = word = form.get("WebIdentityToken", "")
            said = self._word(word, "sts.amazonaws.com")
            subject = f"<SubjectFromWebIdentityToken>{said['sub']}</SubjectFromWebIdentityToken>"
        demand(form == wanted, "ValidationError: parameters")
        demand(len(policy.get("Statement", ())) == 2, "AccessDenied: a session that isn't narrowed")
        reading, decrypting = policy["Statement"]
        home = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:"
        demand((reading["Effect"], reading["Action"]) == ("Allow", "secretsmanager:GetSecretValue"), "MalformedPolicy")
        may = [each.removeprefix(home).removesuffix("-??????") for each in reading["Resource"]]
        demand(all(re.fullmatch(r"[A-Za-z0-9/_+=.@-]+", each) for each in may), "MalformedPolicy: resources")
        condition = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
        demand((decrypting["Action"], decrypting["Condition"]) == ("kms:Decrypt", condition), "MalformedPolicy: keys")
        key_id, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(40)
        self._sessions[key_id] = secret, token, may
        end = (datetime.now(UTC) + timedelta(seconds=900)).strftime("%Y-%m-%dT%H:%M:%SZ")
        arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/{form['RoleSessionName']}"
        return 200, (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{subject}'
            f"<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser><Credentials>"
            f"<AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}"
            f"</SessionToken><Expiration>{end}</Expiration></Credentials></{action}Result></{action}Response>"
        ).encode()

    def _get_secret_value(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        key_id = self._signer(request, body, "secretsmanager")
        demand(request.headers.get("X-Amz-Target") == "secretsmanager.GetSecretValue", "UnknownOperationException")
        demand(request.headers.get("Content-Type") == "application/x-amz-json-1.1", "SerializationException")
        said = orjson.loads(body)
        demand(said.keys() == {"SecretId"}, "ValidationException")
        name = said["SecretId"]
        demand(key_id == KEY_ID or name in self._sessions[key_id][2], "AccessDeniedException")
        demand(name in self.aws, "ResourceNotFoundException")
        return 200, orjson.dumps({
            "ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}-a1B2c3", "CreatedDate": 1.7e9,
            "Name": "another" if self.other else name, "SecretString": self.aws[name], "VersionId": "0" * 32,
            "VersionStages": ["AWSCURRENT"],
        })  # fmt: skip

    # Google

    def _exchange(self, body: bytes) -> Answer:
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        self._word(form.pop("subject_token", ""), f"https:{PROVIDER}")
        demand(
            form
            == {
                "grant_type": _GRANT, "audience": PROVIDER, "scope": CLOUD,
                "requested_token_type": f"{_TYPE}access_token", "subject_token_type": f"{_TYPE}jwt",
            },
            "INVALID_ARGUMENT",
        )  # fmt: skip
        token = f"federated-{secrets.token_hex(8)}"
        self._federated.add(token)
        kind = f"{_TYPE}access_token"
        more = {"issued_token_type": kind, "token_type": "Bearer", "expires_in": 3600}
        return 200, orjson.dumps({"access_token": token, **more})

    def _impersonate(self, request: BaseHTTPRequestHandler, body: bytes) -> Answer:
        demand(request.path == f"/iam/projects/-/serviceAccounts/{READER}:generateAccessToken", "NOT_FOUND")
        demand(_bearer(request) in self._federated, "UNAUTHENTICATED")
        demand(orjson.loads(body) == {"scope": [CLOUD], "lifetime": "300s"}, "INVALID_ARGUMENT")
        token = f"account-{secrets.token_hex(8)}"
        self._accounts.add(token)
        end = (datetime.now(UTC) + timedelta(seconds=300)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return 200, orjson.dumps({"accessToken": token, "expireTime": end})

    def _access(self, request: BaseHTTPRequestHandler) -> Answer:
        found = re.fullmatch(r"/v1/(projects/acme/secrets/([A-Za-z0-9_-]+))/versions/(latest|\d+):access", request.path)
        demand(found is not None and request.command == "GET", "INVALID_ARGUMENT")
        demand(_bearer(request) in self._accounts, "PERMISSION_DENIED")
        demand(found[1] in self.google, "NOT_FOUND")
        version = "7" if found[3] == "latest" else found[3]
        data = base64.b64encode(self.google[found[1]].encode()).decode()
        name = f"projects/42/secrets/{'another' if self.other else found[2]}/versions/{version}"
        return 200, orjson.dumps({"name": name, "payload": {"data": data, "dataCrc32c": "1"}})

    def _word(self, word: str, audience: str) -> dict[str, Any]:
        """What a JWT says; the test verifies its signature once the installation serves its keys."""
        said = orjson.loads(base64.urlsafe_b64decode(word.split(".")[1] + "=="))
        demand(said["aud"] == audience and 0 < said["exp"] - said["iat"] <= 3600, "InvalidIdentityToken")
        self.words.append(word)
        return said


def _bearer(request: BaseHTTPRequestHandler) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def demand(met: object, code: str) -> None:
    if not met:
        raise Refused(code)
