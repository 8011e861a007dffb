"""The shapes of answers, for the description alone: handlers make dictionaries, tests hold them against these.

Must not know: how an answer is made.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
"""RFC 3339, UTC."""
Next = Annotated[str | None, Field(description="Path and query of the next page; null on the last.")]


class Shape(BaseModel):
    """Exactly these members."""

    model_config = ConfigDict(extra="forbid")


class ProblemField(Shape):
    """One wrong field of a request."""

    field: str
    message: str


class Problem(Shape):
    """RFC 9457; ``code`` is stable."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: list[ProblemField]


class TokenLeft(Shape):
    """A token that lives on at its service."""

    service: str
    token: str
    expires_at: Time | None


class TokenShape(Shape):
    """A token that was issued outside for a mission; the token itself is kept nowhere."""

    token: str
    service: str
    issuer: str
    grade: str
    session: str
    action: str
    issued_at: Time
    expires_at: Time | None
    state: str


class TokenShapes(Shape):
    """Everything that a mission got from issuers outside."""

    tokens: list[TokenShape]


class AppliedShape(Shape):
    """What a change did to traffic under way, and how many milliseconds each part took."""

    connections_cut: int
    tokens_dropped: int
    tokens_revoked: int
    tokens_left: list[TokenLeft]
    workers: int
    lapsed: list[str]
    cut_ms: float
    tokens_ms: float
    ms: float


class MissionShape(Shape):
    """A mission; never its passes."""

    mission: str
    state: Literal["open", "suspended", "closed", "expired", "revoked"]
    environment: str
    agents: list[str]
    destinations: list[str]
    operations: list[str]
    opened_at: Time
    expires_at: Time
    ended_at: Time | None
    template: str
    purpose: str
    owner: str
    ticket: str
    read_only: bool
    labels: dict[str, str]
    models: list[str]
    idle: float | None
    budget: dict[str, int]
    parent: str | None
    cause: str
    revision: int


class MissionShown(MissionShape):
    """A mission with what it has used, or lent to workers, of each budget it has, and the live missions it delegated to."""

    used: dict[str, int]
    children: list[str]


class MissionChanged(MissionShape):
    """A mission after a change."""

    applied: AppliedShape


class MissionList(Shape):
    """A page of missions, newest first."""

    missions: list[MissionShape]
    next: Next


class PassShape(Shape):
    """What one agent needs to act in a mission."""

    model_config = ConfigDict(json_schema_extra={"required": ["agent", "pass", "proxy_url", "placeholders", "env"]})
    agent: str
    pass_: Annotated[str, Field(alias="pass")]
    proxy_url: str
    socks_url: str = ""
    base_urls: dict[str, str] = {}
    placeholders: dict[str, str]
    env: dict[str, str]


class MissionOpened(PassShape):
    """An open mission with the passes of its agents; ``agents`` where there are several, the first one's beside it."""

    model_config = ConfigDict(json_schema_extra={"required": [
        "mission", "state", "environment", "expires_at", "ca_file", "agent", "pass", "proxy_url", "placeholders", "env",
    ]})  # fmt: skip
    mission: str
    state: str
    environment: str
    expires_at: Time
    ca_file: str
    agents: list[PassShape] = []


class BodyShape(Shape):
    """A body that people are asked about, by its digest."""

    sha256: str
    bytes: int
    content_type: str


class RequestShape(Shape):
    """A request that people are asked about. Unless it is ``exact``, its body streams and nobody has read it."""

    method: str
    url: str
    query: str
    body: BodyShape
    exact: bool


class VoteShape(Shape):
    """What one person has said."""

    by: str
    groups: list[str]
    via: Literal["api", "webhook"]
    at: Time
    reason: str


class ApprovalShape(Shape):
    """What people are asked, and what became of it. ``missing`` are the voices still needed, by group."""

    approval: str
    state: Literal["pending", "approved", "denied", "used", "expired"]
    agent: str
    mission: str
    service: str
    action: str
    resource: str
    also: list[str]
    request: RequestShape
    groups: list[str]
    missing: dict[str, int]
    decision_id: str
    created_at: Time
    expires_at: Time
    scope: Literal["", "once", "times", "mission"]
    times: int
    used: int
    cause: Literal["", "time", "mission", "duplicate"]
    votes: list[VoteShape]


class ApprovalList(Shape):
    """A page of approvals, newest first."""

    approvals: list[ApprovalShape]
    next: Next


class RecordShape(BaseModel):
    """A record of the audit (DESIGN §7); its members depend on its kind."""

    model_config = ConfigDict(extra="allow")
    seq: int
    time: Time
    kind: str


class RecordList(Shape):
    """A page of records, newest last; ``next`` is the page before it in time."""

    records: list[RecordShape]
    next: Next


class Decided(Shape):
    """A decision record and its outcome, if there is one yet."""

    decision: RecordShape
    outcome: RecordShape | None


class ServiceShape(Shape):
    """A service of the catalogue."""

    model_config = ConfigDict(extra="allow")
    name: str
    hosts: list[str]
    operations: list[str]


class ServiceList(Shape):
    """A page of services by name."""

    services: list[ServiceShape]
    next: Next


class Status(BaseModel):
    """How an installation is doing; members may be added."""

    model_config = ConfigDict(extra="allow")
    refused_logins: int


class Health(Shape):
    """All is well."""

    status: Literal["ok"]


class KeySet(Shape):
    """A JWK set (RFC 7517 §5)."""

    keys: list[dict[str, Any]]


class IssuerMetadata(Shape):
    """How to verify our tokens (RFC 8414 §2, OpenID Connect Discovery §3)."""

    issuer: str
    jwks_uri: str
    response_types_supported: list[str]
    subject_types_supported: list[str]
    id_token_signing_alg_values_supported: list[str]


class EvaluationReason(Shape):
    """Why: ``reason`` is a refusal code, empty on permit; ``approvers`` those whose approval would permit it."""

    reason: str
    policies: list[str]
    obligations: list[dict[str, Any]]
    approvers: list[str]
    advice: str
    hint: str
    snapshot: str


class Evaluation(Shape):
    """The answer to one question (AuthZEN 1.0 §6.2)."""

    decision: bool
    context: EvaluationReason


class Evaluations(Shape):
    """The answers in the order of the questions, up to the one that decided; to no ``evaluations`` the one answer."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["evaluations"]}, {"required": ["decision", "context"]}]}
    )
    evaluations: list[Evaluation] = []
    decision: bool = False
    context: EvaluationReason | None = None


class AuthZenConfiguration(Shape):
    """Where to ask (AuthZEN 1.0 §9)."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str


class LoggedIn(Shape):
    """A session for a command line; ``token`` goes into Authorization."""

    token: str
    name: str
    role: Literal["viewer", "operator", "approver", "admin"]
    seconds: int


class Done(Shape):
    """Whether there was something to do."""

    done: bool


class OpenApi(BaseModel):
    """An OpenAPI document."""

    model_config = ConfigDict(extra="allow")
    openapi: Literal["3.1.0"]
    paths: dict[str, Any]


class WhoAmI(Shape):
    """Who calls."""

    name: str
    role: str
    kind: Literal["file", "token", "person"]
    permissions: list[str]


class Token(Shape):
    """A token of the admin API; never its secret."""

    id: str
    name: str
    role: Literal["metrics", "viewer", "operator", "approver", "admin"]
    state: Literal["live", "expired", "revoked"]
    created_at: Time
    created_by: str
    expires_at: Time
    used_at: Time | None
    revoked_at: Time | None


class TokenCreated(Token):
    """A new token, with its secret this once."""

    secret: str


class TokenList(Shape):
    """A page of tokens, newest first."""

    tokens: list[Token]
    next: Next
