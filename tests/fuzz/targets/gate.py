"""The gate: whatever is asked is refused with its reason or permitted by a policy there is, for an operation and a destination
the mission has; and what then leaves is what was judged, with one credential and one tag."""

from __future__ import annotations

from base64 import b64decode
from urllib.parse import unquote

from exeat.decision.destinations import in_ceiling, in_mission
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.refusal import Refusal
from exeat.identity.shown import Evidence, Shown, Way
from exeat.model.decision import Deny, NeedBody
from exeat.model.reason import Reason
from exeat.model.request import WireRequest
from fuzz.kit.leaving import check_leaving
from fuzz.kit.site import HOSTS, ME, MISSION, NOW, PLACEHOLDER, POLICIES, SHARED, SNAPSHOT, Site
from fuzz.kit.tokens import FIELDS, PATHS
from fuzz.kit.wire import read_wire

TOKENS = (
    *FIELDS, *PATHS, *(host.encode() for host in HOSTS), b"elsewhere.example.test", SHARED.encode(), PLACEHOLDER.encode(),
    b"\nAuthorization: Basic eDp5", b"\nAuthorization: Bearer ", b"\nX-Api-Key: ", b"\nX_Api_Key: ", b"\nCookie: session_id=", b"\nCookie: session.id=", b"access_token=",
    b"&access.token=", b"&Access_Token=", b"\nContent-Type: application/json", b"\nContent-Type: application/x-www-form-urlencoded", b"/v1/refunds", b"/v1/do?act=list",
    b"/graphql", b"/rpc", b"/mcp", b"/chat", b"/form",
)  # fmt: skip
_OURS = {Reason.INTERNAL_ERROR, Reason.POLICY_ERROR, Reason.AUDIT_UNAVAILABLE, Reason.STATE_STALE}
"""No input may bring these about."""


def check(data: bytes) -> None:
    wire, body = read_wire(data)
    _check_identity(wire)
    refusal = Site().gate.refuse(Deny(Reason.IDENTITY_MISSING), None, wire)
    assert (refusal.status, refusal.reason) == (407, Reason.IDENTITY_MISSING)
    site = Site()
    answer = site.gate.admit(ME, wire)
    whole = False
    if isinstance(answer, NeedBody):
        assert site.audit.records == []
        body = body[: answer.limit]
        whole = answer.enough is None
        answer = site.gate.admit(ME, wire, body, whole=whole)
    kinds = [record["kind"] for record in site.audit.records]
    if isinstance(answer, Refusal):
        assert answer.reason not in _OURS, (answer.reason, site.audit.records)
        assert kinds == ["decision", "outcome"]
        return
    assert isinstance(answer, Exchange), answer
    assert kinds == ["decision"]
    _check_permit(answer, site.audit.records[0])
    check_leaving(answer, wire, body if whole else None)


def _check_identity(wire: WireRequest) -> None:
    """A placeholder alone may say who asks."""
    shown = Shown(Way("http://127.0.0.1:8080", frozenset({Evidence.PLACEHOLDER})), "127.0.0.1", request=wire)
    identity = Site().gate.identify(shown)
    if isinstance(identity, Deny):
        assert identity.reason in {Reason.IDENTITY_MISSING, Reason.IDENTITY_INVALID}
    else:
        assert (identity.agent, identity.mission) == ("bot", "m_1")
        assert PLACEHOLDER in _everything(wire)


def _everything(wire: WireRequest) -> str:
    """The head as text, with what is escaped or encoded in it read too."""
    text = b"\n".join([wire.target, *(value for _, value in wire.headers)]).decode("latin-1")
    return unquote(text) + "".join(_basic(word) for word in text.split())


def _basic(word: str) -> str:
    try:
        return b64decode(word, validate=True).decode("latin-1")
    except ValueError:
        return ""


def _check_permit(exchange: Exchange, record: dict) -> None:
    request, permit = exchange.request, exchange.permit
    assert permit.policies
    assert set(permit.policies) <= POLICIES
    actions = {permit.question.action, *permit.question.also}
    assert actions <= SNAPSHOT.sessions[ME.session].operations
    assert in_mission(MISSION.destinations, request.host, request.port)
    assert in_ceiling(SNAPSHOT.ceilings, request.host, request.port, NOW)
    assert record["decision"] == "permit"
    assert record["policies"] == permit.policies
    assert (record["method"], record["host"], record["port"]) == (request.method, request.host, request.port)
    assert exchange.target.partition("?")[0] == record["path"]
