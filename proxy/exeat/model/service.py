"""One SaaS API: its hosts, where its credential sits, its operations and resources.

Must not know: identities, policies, how a file describes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.signing import SignatureForm


class Group(StrEnum):
    """What an operation does, from harmless to grave."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    ADMIN = "admin"


class Sensitivity(StrEnum):
    """How much something matters; for ``high`` a policy may demand more, for ``critical`` the built-in ones do."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    CRITICAL = "critical"


_ORDER = tuple(Sensitivity)


def highest(*stated: Sensitivity) -> Sensitivity:
    """What matters most wins: nothing becomes harmless by a second word about it."""
    return max(stated, key=_ORDER.index)


class PlaceKind(StrEnum):
    """Where a credential sits in a request: as it is, or as a signature over the request, or in the TLS below it."""

    HEADER = "header"
    BASIC = "basic"
    QUERY = "query"
    COOKIE = "cookie"
    AWS_SIGV4 = "aws_sigv4"
    HMAC = "hmac"
    CERTIFICATE = "client_certificate"


@dataclass(frozen=True, slots=True)
class CredentialPlace:
    """Where a credential is put, and ``also`` where else it may be found: a header (``scheme`` before the value, ``""`` for none), Basic auth, a query key or a cookie.

    ``name`` is the header in lower case, the query key or the cookie name. For Basic, ``user`` is the user name to
    send beside the credential; when ``None`` the credential is the user name and the password is empty. ``prefix`` stands before
    the value in a header, behind the scheme.
    """

    kind: PlaceKind
    name: str
    scheme: str = ""
    user: str | None = None
    prefix: str = ""
    also: tuple[CredentialPlace, ...] = ()
    signature: SignatureForm | None = None
    """With ``hmac``: how a request is signed; ``name`` is then the field that shows the key's name, or ``""``."""


@dataclass(frozen=True, slots=True)
class Handouts:
    """What becomes of what a service hands to a session: cookies (``custody``, ``http_only``, ``pass``, ``strip``) and presigned links (``custody``, ``pass``, ``refuse``).

    ``link_parameters`` are query parameters, in lower case, that sign its links beside the known ones; with
    ``link_bodies`` text bodies are searched for links too. The cookie in which our
    credential travels is never handed out.
    """

    cookies: str = "custody"
    links: str = "custody"
    link_parameters: frozenset[str] = frozenset()
    link_bodies: bool = False
    credential_cookie: str = ""


@dataclass(frozen=True, slots=True)
class HandOut:
    """What the answer to an operation hands out, and where that may be shown again.

    ``shape`` says how the answer is read: ``oauth`` (RFC 6749 §5.1 and what resembles it), ``git_lfs`` (batch API), ``likely``
    (oauth, where it turns out to be that), or ``refuse``: not at all. ``hosts`` are the hosts that take the credential, beside
    the one that gave it; ``fields`` are further members that hold one, in lower case.
    """

    shape: str
    hosts: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()

    @property
    def takes_back(self) -> bool:
        """Whether requests for it may show in their bodies what was handed out before (a refresh token does)."""
        return self.shape in ("oauth", "likely")


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A Cedar entity type of a service: ``id`` is a template over captures, ``parent`` another type or ``""``.

    ``fold`` says that the service treats ids as case-insensitive, so they are lower-cased before anybody compares.
    """

    name: str
    id: str
    parent: str = ""
    fold: bool = False
    sensitivity: Sensitivity = Sensitivity.NORMAL
    environment: str = "any"
    form: str = ""
    """A regular expression that ids fit as a whole; whatever doesn't is another name of something, and refused."""


@dataclass(frozen=True, slots=True)
class Operation:
    """What a request means: ``action`` without the service prefix, in ``group``, on ``resource`` (a type name or ``""``).

    With a ``reader`` it lies in the body, of at most ``max_body`` bytes: ``select`` is what the reader must find there, and
    ``captures`` are (name, JSON Pointer) pairs that join those of the path; nothing may stand where ``absent`` points.
    Whatever it acts on is at least of its ``sensitivity``; ``cost`` is what it takes of a mission's budget. With ``hands_out`` its
    answer holds credentials.
    """

    action: str
    group: Group
    methods: tuple[str, ...]
    template: str
    resource: str = ""
    scope: str = ""
    reader: str = ""
    select: str = ""
    captures: tuple[tuple[str, str], ...] = ()
    max_body: int = 1024 * 1024
    absent: tuple[str, ...] = ()
    sensitivity: Sensitivity = Sensitivity.LOW
    cost: int = 0
    parts: tuple[tuple[str, str], ...] = ()
    """(Capture, template) pairs: what a captured value must look like, and names in turn."""
    hands_out: HandOut | None = None


@dataclass(frozen=True, slots=True)
class SharedCredential:
    """The old secret of a service: where it is kept (a source reference) and when it must be gone (epoch seconds)."""

    source: str
    retire_by: float | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One SaaS API. ``unlisted`` maps requests that match no operation to the strictest group of their method.

    ``placeholder`` is the form of the stand-ins for its credential (``ghp_{36}``), where they have one of the vendor's;
    ``paths`` are where it lies on hosts that it shares.
    """

    name: str
    namespace: str
    hosts: tuple[str, ...]
    ports: tuple[int, ...] = (443,)
    credential: CredentialPlace | None = None
    shared: SharedCredential | None = None
    issuer: IssuerSpec | None = None
    operations: tuple[Operation, ...] = ()
    resources: tuple[ResourceType, ...] = ()
    sensitivity: Sensitivity = Sensitivity.NORMAL
    environment: str = "any"
    tag: str = "spiffe"
    unlisted: bool = False
    plain_http: bool = False
    foreign: str = "refuse"
    refusal: str = "problem"
    encoded_slash: str = "refuse"
    paths: tuple[str, ...] = ()
    extra_schema: str = ""
    descriptor: bytes = field(default=b"", repr=False)
    """A compiled FileDescriptorSet, where messages of gRPC are read."""
    handouts: Handouts = Handouts()
    placeholder: str = ""

    @property
    def sends_shared(self) -> bool:
        """Whether the shared credential itself is what its issuer hands out: custody, and nothing narrower."""
        shared, issuer = self.shared, self.issuer
        if shared is None or issuer is None or issuer.grade is not Grade.C:
            return False
        return issuer.kind == "stored_key" or (issuer.details is not None and shared.source in issuer.details.secrets())

    @property
    def holder(self) -> str:
        """Under which name its credential is known: AWS's SDKs show one access key to all of its services."""
        aws = self.credential is not None and self.credential.kind is PlaceKind.AWS_SIGV4
        return PlaceKind.AWS_SIGV4.value if aws else self.name


@dataclass(frozen=True, slots=True)
class EntityUid:
    """A Cedar entity: type and id, kept as two fields so that no id can be read as syntax."""

    type: str
    id: str

    def __str__(self) -> str:
        escaped = self.id.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.type}::"{escaped}"'


@dataclass(frozen=True, slots=True)
class Resource:
    """What an operation acts on, with all its parents up to the service and the attributes every policy may read."""

    uid: EntityUid
    parents: tuple[EntityUid, ...]
    environment: str
    sensitivity: Sensitivity
