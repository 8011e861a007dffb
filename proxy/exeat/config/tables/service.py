"""What a service is: where its credential sits, what its operations mean, how its tokens are made.

Must not know: how a request is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from exeat.config.tables.issuers import IssuerSpecTable
from exeat.config.tables.signature import SignatureTable
from exeat.config.values import Count, Day, Name, Size, SourceReference, Table

Level = Literal["low", "normal", "high", "critical"]


class PlaceTable(Table):
    """A place in a request where a credential sits."""

    in_: Literal["header", "basic", "query", "cookie", "aws_sigv4", "hmac", "client_certificate"] = Field(
        "header", alias="in"
    )
    """``aws_sigv4``: the request is signed with an access key, in its ``Authorization`` field or its query (presigned);
    ``hmac``: a signature over the request; ``client_certificate``: in the handshake with the origin."""
    name: str = "Authorization"
    """The header, query parameter or cookie; with ``hmac`` the header that names the key, if there is one."""
    scheme: str = ""
    """Before the value in a header: ``Bearer``, ``token``; empty for none."""
    user: str | None = None
    """With ``basic``: the user name sent beside the credential; without it the credential is the user name."""
    prefix: str = ""
    """Before the value in a header, behind the scheme: ``token=`` of ``Token token=KEY``."""


class AlsoTable(PlaceTable):
    """One of ``service.credential.also``: another place where clients put the credential; ours goes into the first."""


class CredentialTable(PlaceTable):
    """``service.credential``: the one place where the service expects its credential."""

    also: tuple[AlsoTable, ...] = ()
    """Where else a client may show the shared credential or a placeholder; it is taken off there."""
    signature: SignatureTable | None = None
    """With ``hmac``: what is signed and where the signature stands."""


class SharedTable(Table):
    """``service.shared``: the old shared credential."""

    source: SourceReference
    retire_by: Day | None = None


class AttainableTable(Table):
    """``service.attainable``: which issuer gives the narrowest tokens, their grade, and what has to be set up for it."""

    issuer: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    grade: Literal["A", "B", "C"]
    setup: str


class ResourceTable(Table):
    """``[[service.resource]]``: a type of thing the service holds."""

    type: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]{0,62}$")]
    id: str = ""
    """Template over the captures of an operation's path: ``{owner}/{repo}``."""
    in_: str = Field("", alias="in")
    """The type it lies in."""
    fold: bool = False
    """The service treats ids as case-insensitive."""
    form: str = ""
    """A regular expression that ids fit as a whole: where a resource has other names too (an ARN, an alias), those are refused."""
    sensitivity: Level | None = None
    """How much it matters; the highest of what operation, resource and service say holds."""
    environment: str = ""
    remove: bool = False
    """Take the built-in type away."""


Shape = Literal["", "nothing", "oauth", "git_lfs", "refuse"]


class HandOutTable(Table):
    """``hands_out`` of an operation, in full."""

    shape: Literal["oauth", "git_lfs", "refuse"]
    hosts: tuple[Annotated[str, Field(pattern=r"^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$")], ...] = ()
    """Where else than at the host that hands it out the credential may be shown: ``api.example.com``, ``*.example.com``."""
    fields: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,64}$")], ...] = ()
    """``oauth``: members of the answer that hold a credential, beside those whose name ends in token, secret, password or key."""


EVERY = "*"
"""As an operation's ``match``: all built-in ones."""


class OperationTable(Table):
    """``[[service.operation]]``."""

    match: Annotated[str, Field(pattern=r"^([A-Z]+(,[A-Z]+)* /\S*|\*)$")] = ""
    """``METHOD[,METHOD] /path/{capture}/{rest...}``. Over a built-in service it says which operation is meant; ``*``: all of them."""
    action: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$")] = ""
    group: Literal["", "read", "write", "delete", "admin"] = ""
    remove: bool = False
    """Take the built-in operation away."""
    resource: str = ""
    """A resource type of the service; without it the operation acts on the service itself."""
    scope: str = ""
    """What a token's scope claim says; default is what the service's ``scopes`` say, else the action."""
    reader: Literal[
        "", "graphql", "jsonrpc", "mcp", "json", "form", "git-receive-pack", "s3", "aws", "arguments", "grpc"
    ] = ""
    """How to read the body, where the operation or its resource lies in it. Operations with one match and reader differ in select."""
    select: str = ""
    """What the reader must find: ``mutation:createIssue``, ``query:*``; a JSON-RPC method, ``eth_*``; for MCP ``tools/call:search``,
    ``tools/call:*``, ``tools/list``, ``response`` (an answer to the server). The most specific one wins."""
    captures: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], str] = {}
    """JSON Pointers to texts or integers that join the path's captures: into the body (json, form), the field's arguments (graphql)
    or the params (jsonrpc, and mcp: ``/name``, ``/arguments/repo``)."""
    parts: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")], str] = {}
    """What a captured value looks like, where its parts name the resource: ``{ url = "https://sqs.{region}.amazonaws.com/{account}/{queue}" }``.
    A part that the host or the path names too must be the same."""
    absent: tuple[str, ...] = ()
    """JSON Pointers to what the body may not hold, because it would ask for more than the captures tell: ``/models``."""
    max_body: Annotated[Size, Field(ge=1)] = 1024 * 1024
    """The largest body that is read; ``proxy.limits.inspected_body`` bounds it too."""
    sensitivity: Level | None = None
    """What it acts on is at least this sensitive."""
    cost: Count | None = None
    """Units it takes of a mission's ``cost`` budget; default is 0 for reading and 1 for anything else."""
    hands_out: Shape | HandOutTable = ""
    """The answer holds credentials, and the agent gets placeholders for them: ``oauth`` (a token endpoint, a registry's login),
    ``git_lfs`` (a batch answer); ``refuse``: the request is refused. A POST to ``…/token`` is taken for ``oauth`` where the
    answer looks like it; ``nothing`` says that it isn't one."""


class ScopeTable(Table):
    """One of ``service.scopes``: what a token's scope says for every operation below a path."""

    path: Annotated[str, Field(pattern=r"^/\S*$")]
    """``/repos/{owner}/{repo}/issues/*``: with ``/*`` also everything below it; a segment in braces is any one."""
    read: str = ""
    """For GET and HEAD; without it, a shorter path's word counts."""
    write: str = ""
    """For every other method."""


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
    """``[[service]]``; a built-in one needs only its name, and what is given is laid over it, operations and resources one by one."""

    name: Name
    file: Path | None = None
    """A file with this service's description, as ``exeat service import`` writes it; fields given here win over it."""
    descriptor: Path | None = None
    """A compiled FileDescriptorSet (``protoc --include_imports --descriptor_set_out=FILE``), where gRPC messages name resources."""
    descriptor_set: SkipJsonSchema[str] = ""
    """What stands in that file, in base64: settings travel as text."""
    like: Name | None = None
    """The built-in service to start from, where the name is another one."""
    namespace: Annotated[str, Field(pattern=r"^([A-Z][A-Za-z0-9]{0,62})?$")] = ""
    """Cedar namespace of its resource types; default is the name in CamelCase."""
    hosts: tuple[str, ...] = ()
    paths: tuple[Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)+$")], ...] = ()
    """Below which paths it lies, on hosts that it shares with other services: ``/calendar``; default is the whole host."""
    ports: tuple[int, ...] = (443,)
    credential: CredentialTable | None = None
    shared: SharedTable | None = None
    placeholder: str = ""
    """The form of what agents get in the credential's stead, where clients check one: the vendor's text with runs of derived
    characters, ``ghp_{36}``, ``xoxb-{12:digits}-{24}`` (also ``lower``, ``upper``, ``hex``); else ``exeat-ph-NAME-…``."""
    issuer: IssuerSpecTable | None = None
    operation: tuple[OperationTable, ...] = ()
    resource: tuple[ResourceTable, ...] = ()
    scopes: tuple[ScopeTable, ...] = ()
    """Scopes by path, for operations that name none: the rule with the longest path that fits."""
    sensitivity: Level = "normal"
    """How much it matters. ``critical`` demands a fresh mission, a named owner, and a grade A token or an approval."""
    environment: str = "any"
    tag: Literal["spiffe", "pairwise", "none"] = "spiffe"
    unlisted: Literal["refuse", "strictest"] = "refuse"
    """What a request that matches no operation is: refused, or the strictest group of its method."""
    plain_http: bool = False
    """Allow http:// to its hosts; no credential is ever put on such a request."""
    foreign: Literal["refuse", "forward"] = "refuse"
    """What to do with a credential we don't manage."""
    cookies: Literal["custody", "http_only", "pass", "strip"] = "custody"
    """The cookies it sets: kept here for the session while the agent gets placeholders; only those it hides from scripts (HttpOnly);
    passed on; or taken out."""
    links: Literal["custody", "pass", "refuse"] = "custody"
    """Presigned links in its answers' fields (Location, Link, Refresh): their signature is kept here for the session, passed on, or
    the answer is refused."""
    link_parameters: tuple[Annotated[str, Field(pattern=r"^[!-~]{1,64}$")], ...] = ()
    """Query parameters that sign its links, beside those of AWS, Google, Azure, Alibaba, Tencent and CloudFront."""
    link_bodies: bool = False
    """Look for such links in its answers' texts too (JSON, XML, HTML), where the request carries a token; costs some CPU."""
    encoded_slash: Literal["refuse", "separator", "kept"] = "refuse"
    """How the service reads ``%2f`` in a path: not at all, as ``/``, or as part of a name that holds a slash (GitLab)."""
    refusal: Literal["problem", "json", "git", "s3", "npm", "grpc", "jsonrpc"] = "problem"
    """The form of a refusal that its clients can read, where the request itself doesn't tell."""
    attainable: AttainableTable | None = None
    """The narrowest tokens that can be had there, whatever is used today; the migration report names it."""
    lint: dict[Annotated[str, Field(pattern=r"^[a-z-]+(:[A-Za-z0-9._/-]+)?$")], str] = {}
    """What ``exeat service lint`` may pass over, and why: ``{ "write-as-read:search/run" = "a search" }``."""
    example: tuple[ExampleTable, ...] = ()
