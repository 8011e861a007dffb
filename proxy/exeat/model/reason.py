"""Why a request was refused: the closed, stable list of codes (DESIGN §7).

Must not know: how a refusal is rendered. Texts here are fixed: no upstream, user or secret content ever joins them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """A refusal code. Codes keep their meaning for ever; new ones may be added."""

    IDENTITY_MISSING = "identity_missing"
    IDENTITY_INVALID = "identity_invalid"
    IDENTITY_CONFLICT = "identity_conflict"
    MISSION_MISSING = "mission_missing"
    MISSION_ENDED = "mission_ended"
    MISSION_SUSPENDED = "mission_suspended"
    MISSION_NOT_FRESH = "mission_not_fresh"
    DESTINATION_NOT_ALLOWED = "destination_not_allowed"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    AUTHORITY_MISMATCH = "authority_mismatch"
    REQUEST_MALFORMED = "request_malformed"
    OPERATION_UNKNOWN = "operation_unknown"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    POLICY_DENIED = "policy_denied"
    POLICY_ERROR = "policy_error"
    APPROVAL_REQUIRED = "approval_required"
    APPROVAL_DENIED = "approval_denied"
    BUDGET_EXHAUSTED = "budget_exhausted"
    CREDENTIAL_FOREIGN = "credential_foreign"
    CREDENTIAL_RETIRED = "credential_retired"
    HANDOUT_REFUSED = "handout_refused"
    TOKEN_UNAVAILABLE = "token_unavailable"  # noqa: S105 a code, not a token
    TOKEN_TOO_WIDE = "token_too_wide"  # noqa: S105
    AUDIT_UNAVAILABLE = "audit_unavailable"
    STATE_STALE = "state_stale"
    PROTOCOL_NOT_ALLOWED = "protocol_not_allowed"
    UPSTREAM_UNTRUSTED = "upstream_untrusted"
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    ANSWER_REFUSED = "answer_refused"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a caller is told about a reason.

    ``status`` is the HTTP status, ``error`` the RFC 9209 Proxy-Status error type, ``retryable`` whether the same
    request may succeed later without anybody changing anything.
    """

    status: int
    title: str
    hint: str
    error: str
    retryable: bool = False


_DENIED = "http_request_denied"

EXPLANATIONS: dict[Reason, Explanation] = {
    Reason.IDENTITY_MISSING: Explanation(
        407, "No identity was shown", "Put the mission's pass into the proxy URL as its password.", _DENIED
    ),
    Reason.IDENTITY_INVALID: Explanation(
        407, "The identity shown is not valid", "Open a mission and use the pass it returns.", _DENIED
    ),
    Reason.IDENTITY_CONFLICT: Explanation(
        403, "Two identities are shown", "Use one connection for one agent and one mission.", _DENIED
    ),
    Reason.MISSION_MISSING: Explanation(
        403, "No mission covers this request", "Ask the mission's owner to open one.", _DENIED
    ),
    Reason.MISSION_ENDED: Explanation(
        403, "The mission has ended", "Stop. If the task is not done, ask its owner to open a new mission.", _DENIED
    ),
    Reason.MISSION_SUSPENDED: Explanation(
        403, "The mission is suspended", "Wait, or ask the mission's owner to resume it.", _DENIED, retryable=True
    ),
    Reason.MISSION_NOT_FRESH: Explanation(
        403,
        "The mission was opened too long ago for this",
        "Ask the mission's owner to open a new mission for this call.",
        _DENIED,
    ),
    Reason.DESTINATION_NOT_ALLOWED: Explanation(
        403,
        "This destination is not part of the mission",
        "Continue without it, or ask a network admin to add the destination to the mission.",
        _DENIED,
    ),
    Reason.ADDRESS_NOT_ALLOWED: Explanation(
        403,
        "This address may not be reached",
        "Only public addresses can be reached through the proxy. Use the service's public name.",
        "destination_ip_prohibited",
    ),
    Reason.AUTHORITY_MISMATCH: Explanation(
        403,
        "The request names more than one host",
        "The tunnel, the TLS server name and the Host header must name the same host.",
        _DENIED,
    ),
    Reason.REQUEST_MALFORMED: Explanation(
        400, "The request is malformed or ambiguous", "Send one well-formed HTTP request.", "http_request_error"
    ),
    Reason.OPERATION_UNKNOWN: Explanation(
        403,
        "This operation is not known at the service",
        "Use a listed operation, or ask an admin to describe this one in the service's file.",
        _DENIED,
    ),
    Reason.MODEL_NOT_ALLOWED: Explanation(
        403,
        "The mission is pinned to another model",
        "Use the model the mission was opened for, or ask its owner to open one for this model.",
        _DENIED,
    ),
    Reason.POLICY_DENIED: Explanation(
        403, "Policy does not permit this", "Continue without this call, or ask the security team.", _DENIED
    ),
    Reason.POLICY_ERROR: Explanation(
        403, "Policy could not judge this request", "Tell the security team the decision id.", _DENIED
    ),
    Reason.APPROVAL_REQUIRED: Explanation(
        403, "A human has to approve this", "Ask for approval, then send the request again.", _DENIED, retryable=True
    ),
    Reason.APPROVAL_DENIED: Explanation(403, "An approver refused this", "Do not send it again.", _DENIED),
    Reason.BUDGET_EXHAUSTED: Explanation(
        429, "The mission's budget is used up", "Ask the mission's owner for a larger budget.", _DENIED
    ),
    Reason.CREDENTIAL_FOREIGN: Explanation(
        403,
        "The request carries a credential that is not managed here",
        "Remove the credential, or ask an admin to register it as a shared credential.",
        _DENIED,
    ),
    Reason.CREDENTIAL_RETIRED: Explanation(
        403, "This shared credential is retired", "Use the placeholder that the mission returned.", _DENIED
    ),
    Reason.HANDOUT_REFUSED: Explanation(
        403,
        "The answer would hand out a credential",
        "Don't fetch a credential: send the call itself with the placeholder that the mission returned.",
        _DENIED,
    ),
    Reason.TOKEN_UNAVAILABLE: Explanation(
        503, "No token could be obtained", "Try again later.", "proxy_internal_error", retryable=True
    ),
    Reason.TOKEN_TOO_WIDE: Explanation(
        503, "The issuer granted more than was asked", "Tell the security team the decision id.", "proxy_internal_error"
    ),
    Reason.AUDIT_UNAVAILABLE: Explanation(
        503, "The audit log can't be written", "Try again later.", "proxy_internal_error", retryable=True
    ),
    Reason.STATE_STALE: Explanation(
        503, "The proxy can't confirm current permissions", "Try again later.", "proxy_internal_error", retryable=True
    ),
    Reason.PROTOCOL_NOT_ALLOWED: Explanation(
        403,
        "This protocol is not allowed",
        "Use HTTPS or a WebSocket that the service describes.",
        "http_upgrade_failed",
    ),
    Reason.UPSTREAM_UNTRUSTED: Explanation(
        502, "The server's certificate is not trusted", "Tell an admin: nothing was sent.", "tls_certificate_error"
    ),
    Reason.UPSTREAM_UNREACHABLE: Explanation(
        502, "The server could not be reached", "Try again later.", "destination_unavailable", retryable=True
    ),
    Reason.ANSWER_REFUSED: Explanation(
        502,
        "The answer may not be passed on",
        "The request was carried out. Ask for the answer uncompressed and whole, or tell an admin the decision id.",
        "http_response_content_coding",
    ),
    Reason.INTERNAL_ERROR: Explanation(
        503, "The proxy failed and refused", "Tell an admin the decision id.", "proxy_internal_error", retryable=True
    ),
}
