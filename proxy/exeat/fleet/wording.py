"""How missions, ceilings, figures, firings and kept values are said between processes: as JSON values, and back exactly or not at all.

Must not know: channels.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import asdict, astuple, replace
from typing import Any

from exeat.credentials.custody import Kept
from exeat.model.credential_use import CredentialUse, Sight
from exeat.model.destination import DestinationPattern
from exeat.model.deviation import Firing, Then, When
from exeat.model.issued import IssuedToken, TokenState
from exeat.model.mission import AllowedDestination, Budget, Ceilings, Mission
from exeat.model.secret import Secret
from exeat.model.traffic import Traffic, Use
from exeat.ports import Ended, TokenLeft
from exeat.store.rows import from_row, to_row


def mission_to(mission: Mission) -> dict[str, Any]:
    """A mission as its row in the store."""
    return to_row(mission)


def mission_from(said: dict[str, Any]) -> Mission:
    """The mission that was said; raise UnavailableError when it doesn't read back."""
    return from_row(said)


def ended_to(ended: Ended) -> list[Any]:
    """What became of tokens."""
    left = [[each.service, each.id, each.expires_at] for each in ended.left]
    return [ended.dropped, ended.revoked, left, list(ended.ended)]


def ended_from(said: list[Any]) -> Ended:
    """The same, back."""
    dropped, revoked, left, over = said
    return Ended(int(dropped), int(revoked), tuple(TokenLeft(*each) for each in left), tuple(over))


def issued_to(token: IssuedToken) -> dict[str, Any]:
    """A token's line in the list; what would open it isn't in it."""
    return {name: value for name, value in asdict(token).items() if name != "sealed"}


def issued_from(said: dict[str, Any]) -> IssuedToken:
    """The same, back."""
    return IssuedToken(**{**said, "state": TokenState(said["state"])})


def firing_to(firing: Firing) -> dict[str, Any]:
    """A rule that has fired."""
    return {**asdict(firing), "evidence": dict(firing.evidence)}


def firing_from(said: dict[str, Any]) -> Firing:
    """The same, back."""
    return Firing(**{**said, "when": When(said["when"]), "then": Then(said["then"])})


def kept_to(session: str, placeholder: str, kept: Kept) -> list[Any]:
    """A value in custody. It is a secret, and goes nowhere but from one process of ours to the next."""
    value = b64encode(kept.value.reveal().encode("utf-8", "surrogateescape")).decode("ascii")
    where = [kept.host, kept.subdomains, kept.path, kept.secure, kept.until, kept.others]
    return [session, placeholder, kept.kind, kept.name, value, *where]


def kept_from(said: list[Any]) -> tuple[str, str, Kept]:
    """The same, back."""
    session, placeholder, kind, name, value, *where, others = said
    plain = Secret(b64decode(value).decode("utf-8", "surrogateescape"))
    return session, placeholder, Kept(kind, name, plain, *[*where, tuple(others)])


def ceilings_to(ceilings: Ceilings) -> list[Any]:
    """What no mission may exceed."""
    entries = [
        [str(each.pattern), each.owner, each.reason, each.expires, each.ticket, each.id, each.added_by, each.added_at]
        for each in ceilings.destinations
    ]
    return [entries, ceilings.operations, ceilings.longest_life, dict(ceilings.budget.bounds())]


def ceilings_from(said: list[Any]) -> Ceilings:
    """The same, back."""
    entries, operations, longest_life, budget = said
    allowed = tuple(AllowedDestination(DestinationPattern.parse(pattern), *rest) for pattern, *rest in entries)
    return Ceilings(allowed, tuple(operations), longest_life, Budget(**budget))


def traffic_to(traffic: Traffic) -> dict[str, Any]:
    """What passed a worker."""
    uses = [[*astuple(each.sight), each.count, each.first_at, each.last_at] for each in traffic.credentials]
    return {**asdict(replace(traffic, credentials=())), "credentials": uses}


def traffic_from(said: dict[str, Any]) -> Traffic:
    """The same, back."""
    credentials = tuple(CredentialUse(Sight(*row[:-3]), *row[-3:]) for row in said["credentials"])
    return Traffic(**said | {"uses": tuple(Use(**use) for use in said["uses"]), "credentials": credentials})
