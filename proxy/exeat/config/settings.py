"""The typed settings, one class a table of ``exeat.toml``.

Docstrings under a field become its description in the JSON Schema. Must not know: files, positions, behaviour.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from exeat.config.endpoints import check_server_url

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
_SIZE = re.compile(r"(\d+)\s*(b|kb|kib|mb|mib|gb|gib)?", re.IGNORECASE)
_SIZES = {"b": 1, "kb": 1000, "kib": 1024, "mb": 1000**2, "mib": 1024**2, "gb": 1000**3, "gib": 1024**3}


def _duration(value: Any) -> float:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise ValueError("write a duration as a number and a unit: '500ms', '60s', '30m', '12h', '7d'")


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        return int(match[1]) * _SIZES[(match[2] or "b").lower()]
    raise ValueError("write a size in bytes, or with a unit: '64KiB', '10MiB'")


def _day(value: Any) -> float:
    """A date means the end of that day, UTC: what expires on the 30th still works on the 30th."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError("write a date as YYYY-MM-DD") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value + timedelta(days=1), time(), UTC).timestamp()
    raise ValueError("write a date as YYYY-MM-DD")


def _scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise ValueError("must be the server's scopes with one space between, as in 'items:read items:write'")
    return value


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(lambda s: f"{s:g}s", return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["30m"]}),
]
"""Seconds; written ``"30m"``."""
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(json_schema_extra={"type": ["integer", "string"], "examples": ["64KiB"]}),
]
"""Bytes; written ``"64KiB"`` or as a number."""
Day = Annotated[float, BeforeValidator(_day), Field(json_schema_extra={"type": "string", "format": "date"})]
"""The first second after the day written, seconds since the epoch, UTC."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$")]
"""Lower-case letters, digits, '.', '_' and '-', 63 at most."""
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Table(BaseModel):
    """A TOML table: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class LimitsTable(Table):
    """``[proxy.limits]``: every number bounds memory or time that an agent could otherwise take."""

    header_bytes: Size = 64 * 1024
    """A whole request head. curl, nginx and Node stop at 8 to 100 KiB; cookies and long tokens need some of it."""
    header_count: int = 100
    """Header fields in one request; Apache's default."""
    inspected_body: Size = 8 * 1024 * 1024
    """The largest body that is read before a decision when the operation lies in the body: a chat with a few images."""
    decision: Duration = 10.0
    """The longest a decision and a mint together may take; clients give up after 30 to 60 seconds."""
    connect: Duration = 5.0
    """TCP and TLS to an origin."""
    head: Duration = 15.0
    """From the first byte of a connection or request to the end of its head: against slow senders."""
    idle: Duration = 120.0
    """A connection on which nothing moves."""
    connections: int = 2000
    """Open client connections in one worker."""
    leaf_certificates: int = 512
    """Interception certificates kept in memory; the oldest goes first."""


class ProxyTable(Table):
    """``[proxy]``: where agents connect."""

    listen: tuple[str, ...] = ("http://127.0.0.1:8080",)
    """Listener URLs."""
    limits: LimitsTable = LimitsTable()
    drain: Duration = 5.0
    """After SIGTERM, how long open requests may finish."""


class AdminTable(Table):
    """``[admin]``: the control plane, never reachable through the proxy."""

    listen: str = "http://127.0.0.1:8081"
    token_file: Path = Path("admin.token")
    """Made at first start, readable by its owner only; the command line reads it."""


class StateTable(Table):
    """``[state]``: keys that outlive a start (CA, signing, fingerprints, audit seal); only its owner may read it."""

    path: Path = Path("state")


class StoreTable(Table):
    """``[store]``."""

    url: str = "sqlite:///exeat.db"
    """``sqlite:///FILE``."""


class PolicyTable(Table):
    """``[policy]``."""

    path: Path | None = None
    """A folder of ``*.cedar`` files and an optional ``schema.cedarschema``; without it, the built-in policies alone."""
    reload: Duration = 1.0
    """How often the folder is looked at for a change."""


class AuditTable(Table):
    """``[audit]``."""

    path: Path = Path("audit")


class UpstreamTable(Table):
    """``[upstream]``: how origins are reached."""

    ca_file: Path | None = None
    """Trusted in addition to the system's roots."""
    resolve: dict[str, str] = {}
    """``"host:port" = "address:port"``, like curl --resolve: the one way to allow a private address by name."""


class IdentityTable(Table):
    """``[identity]``."""

    trust_domain: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")] = "exeat.internal"
    """The SPIFFE trust domain of this installation."""


class IssuerTable(Table):
    """``[issuer]``: our own token issuer."""

    url: str = ""
    """The ``iss`` of our tokens; origins fetch ``<url>/.well-known/jwks.json``. Default: the admin listener."""
    algorithm: Literal["ES256", "EdDSA"] = "ES256"
    rotate: Duration = 30 * 86400.0
    """How long a signing key signs; it is published for as long again as its tokens may live."""


class CeilingsTable(Table):
    """``[ceilings]``: beside the destinations, what no mission may exceed."""

    operations: tuple[str, ...] = ()
    """Operations, groups or wildcards a mission may ask for; empty means every known one."""
    longest_life: Duration = 24 * 3600.0
    """A mission's longest life."""


class DestinationTable(Table):
    """``[[destination]]``: one entry of the admins' ceiling."""

    host: str
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = 443
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    expires: Day


class AgentTable(Table):
    """``[[agent]]``."""

    name: Name
    environment: Name
    groups: tuple[Name, ...] = ()


class PlaceTable(Table):
    """A place in a request where a credential sits."""

    in_: Literal["header", "basic", "query", "cookie"] = Field("header", alias="in")
    name: str = "Authorization"
    scheme: str = ""
    """Before the value in a header: ``Bearer``, ``token``; empty for none."""
    user: str | None = None
    """With ``basic``: the user name sent beside the credential; without it the credential is the user name."""


class AlsoTable(PlaceTable):
    """One of ``service.credential.also``: another place where clients put the credential; ours goes into the first."""


class CredentialTable(PlaceTable):
    """``service.credential``: the one place where the service expects its credential."""

    also: tuple[AlsoTable, ...] = ()
    """Where else a client may show the shared credential or a placeholder; it is taken off there."""


SourceReference = Annotated[str, Field(pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+|exec:.+)$")]
"""Where a secret is: ``env:NAME``, ``file:PATH`` or ``exec:COMMAND ARG…`` (no shell; it prints the secret alone)."""
ServerUrl = Annotated[str, AfterValidator(check_server_url)]
Scope = Annotated[str, AfterValidator(_scope)]
"""Scopes with a space between (RFC 6749 §3.3)."""


class SharedTable(Table):
    """``service.shared``: the old shared credential."""

    source: SourceReference
    retire_by: Day | None = None


class IssuerSpecTable(Table):
    """``service.issuer``."""

    kind: Literal["jwt", "stored_key", "oauth_exchange"] = "jwt"
    audience: str = ""
    """For whom a token is: the ``aud`` of ours, the ``audience`` that an exchange asks for."""
    ttl: Duration = 60.0
    """How long a token lives; with ``oauth_exchange`` the longest life that is accepted."""
    token_url: ServerUrl = ""
    """``oauth_exchange``: the token endpoint of the authorization server; https, or http on this machine."""
    server: str = ""
    """``oauth_exchange``: the server's issuer identifier, which our assertions name; default is ``token_url``."""
    client_id: str = ""
    """``oauth_exchange``: what the server calls this installation."""
    client_secret: SourceReference | None = None
    """``oauth_exchange``: where its secret is; without one we sign with our published key (``private_key_jwt``)."""
    resource: str = ""
    """``oauth_exchange``: the ``resource`` to ask for (RFC 8707), beside or instead of ``audience``."""
    scopes: dict[str, Scope] = {}
    """``oauth_exchange``: an operation's scope in the server's words: ``{ "refunds/create" = "items:write" }``."""
    subject_type: Literal["jwt", "id_token", "access_token"] = "jwt"
    """``oauth_exchange``: what the server wants our word about the agent to be called."""
    actor: bool = False
    """``oauth_exchange``: send a token about this installation too, for the ``act`` claim."""
    revoke_url: ServerUrl = ""
    """``oauth_exchange``: where tokens are revoked when their mission ends (RFC 7009)."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """An exchange has what it needs, and nothing else has what only an exchange uses."""
        if self.kind != "oauth_exchange":
            unused = sorted(self.model_fields_set - {"kind", "audience", "ttl"})
            if unused:
                raise ValueError(f"{', '.join(unused)}: only oauth_exchange uses this")
            return self
        missing = [name for name in ("token_url", "client_id") if not getattr(self, name)]
        if not (self.audience or self.resource):
            missing.append("audience or resource")
        if missing:
            raise ValueError(f"oauth_exchange needs {', '.join(missing)}")
        return self


class ResourceTable(Table):
    """``[[service.resource]]``: a type of thing the service holds."""

    type: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")]
    id: str
    """Template over the captures of an operation's path: ``{owner}/{repo}``."""
    in_: str = Field("", alias="in")
    """The type it lies in."""
    fold: bool = False
    """The service treats ids as case-insensitive."""
    sensitivity: Literal["low", "normal", "high"] | None = None
    environment: str = ""


class OperationTable(Table):
    """``[[service.operation]]``."""

    match: Annotated[str, Field(pattern=r"^[A-Z]+(,[A-Z]+)* /\S*$")]
    """``METHOD[,METHOD] /path/{capture}/{rest...}``."""
    action: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")]
    group: Literal["read", "write", "delete", "admin"]
    resource: str = ""
    """A resource type of the service; without it the operation acts on the service itself."""
    scope: str = ""
    """What a token's scope claim says; default is the action."""
    reader: Literal["", "graphql", "jsonrpc", "mcp", "json", "form", "git-receive-pack"] = ""
    """How to read the body, where the operation or its resource lies in it. Operations with one match and reader differ in select."""
    select: str = ""
    """What the reader must find: ``mutation:createIssue``, ``query:*``; a JSON-RPC method, ``eth_*``; for MCP ``tools/call:search``,
    ``tools/call:*``, ``tools/list``, ``response`` (an answer to the server). The most specific one wins."""
    captures: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], str] = {}
    """JSON Pointers to texts or integers that join the path's captures: into the body (json, form), the field's arguments (graphql)
    or the params (jsonrpc, and mcp: ``/name``, ``/arguments/repo``)."""
    max_body: Annotated[Size, Field(ge=1)] = 1024 * 1024
    """The largest body that is read; ``proxy.limits.inspected_body`` bounds it too."""


class ExampleTable(Table):
    """``[[service.example]]``: a sample request and what it must mean; ``exeat service test`` runs it."""

    request: Annotated[str, Field(pattern=r"^[A-Z]+ \S+$")]
    """``METHOD /path?query``, at the service's first host, or ``METHOD https://host/path?query``."""
    headers: dict[str, str] = {}
    """Header fields that matter for the meaning; a body gets ``content-type: application/json`` by default."""
    body: str = ""
    action: str = ""
    """The action it must be, without the service's name."""
    resource: str = ""
    """The resource it must act on, as in a policy: ``GitHub::Repo::"acme/site"``; empty: the service itself."""
    refused: str = ""
    """The reason it must be refused for, as ``operation_unknown``."""


class ServiceTable(Table):
    """``[[service]]``; a built-in one needs only its name, and each field given replaces the built-in one."""

    name: Name
    file: Path | None = None
    """A file with this service's description, as ``exeat service import`` writes it; fields given here win over it."""
    like: Name | None = None
    """The built-in service to start from, where the name is another one."""
    namespace: Annotated[str, Field(pattern=r"^([A-Z][A-Za-z0-9]{0,62})?$")] = ""
    """Cedar namespace of its resource types; default is the name in CamelCase."""
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = (443,)
    credential: CredentialTable | None = None
    shared: SharedTable | None = None
    issuer: IssuerSpecTable | None = None
    operation: tuple[OperationTable, ...] = ()
    resource: tuple[ResourceTable, ...] = ()
    sensitivity: Literal["low", "normal", "high"] = "normal"
    environment: str = "any"
    tag: Literal["spiffe", "pairwise", "none"] = "spiffe"
    unlisted: Literal["refuse", "strictest"] = "refuse"
    """What a request that matches no operation is: refused, or the strictest group of its method."""
    plain_http: bool = False
    """Allow http:// to its hosts; no credential is ever put on such a request."""
    foreign: Literal["refuse", "forward"] = "refuse"
    """What to do with a credential we don't manage."""
    encoded_slash: Literal["refuse", "separator"] = "refuse"
    """How the service reads ``%2f`` in a path: not at all, or as ``/``; some clients encode names that hold a slash."""
    refusal: Literal["problem", "json", "git", "s3", "npm", "grpc", "jsonrpc"] = "problem"
    """The form of a refusal that its clients can read, where the request itself doesn't tell."""
    example: tuple[ExampleTable, ...] = ()


class MissionTemplateTable(Table):
    """``[[mission_template]]``."""

    name: Name
    destinations: tuple[str, ...]
    operations: tuple[str, ...]
    ttl: Duration = 3600.0
    agents: tuple[Name, ...] = ()
    """Agents that may act in it; empty means any."""
    purpose: str = ""
    owner: str = ""
    read_only: bool = False
    labels: dict[str, str] = {}


class Settings(Table):
    """The whole of ``exeat.toml``."""

    version: Literal[1] = 1
    proxy: ProxyTable = ProxyTable()
    admin: AdminTable = AdminTable()
    state: StateTable = StateTable()
    store: StoreTable = StoreTable()
    policy: PolicyTable = PolicyTable()
    audit: AuditTable = AuditTable()
    upstream: UpstreamTable = UpstreamTable()
    identity: IdentityTable = IdentityTable()
    issuer: IssuerTable = IssuerTable()
    ceilings: CeilingsTable = CeilingsTable()
    destination: tuple[DestinationTable, ...] = ()
    agent: tuple[AgentTable, ...] = ()
    service: tuple[ServiceTable, ...] = ()
    mission_template: tuple[MissionTemplateTable, ...] = ()
