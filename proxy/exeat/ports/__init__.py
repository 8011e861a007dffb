"""Everything outside, as Protocols: the only way the core touches a clock, a disk or a network.

Each docstring is a contract: what is returned, and what is raised. A port may raise anything; whatever is not a
``RefusalError`` is refused as ``internal_error``. *clock* · *evidence* · *audit* · *tokens* · *origins* · *store* what is durable ·
*secrets* what is sealed there · *issued* the list of tokens · *control* what a worker asks of the control plane · *changes* what it is told. Must not
know: any implementation.
"""

from exeat.ports.audit import AuditSink
from exeat.ports.changes import Applied, CeilingsFeed, ChangeFeed, Evaluate
from exeat.ports.clock import Clock
from exeat.ports.control import ApprovalDesk, Ledger, Lender, Opener, Refresher, TrafficReports, Watchtower
from exeat.ports.evidence import PassVerifier, VerifiedPass
from exeat.ports.issued import IssuedTokens, TokenList
from exeat.ports.origins import Resolver
from exeat.ports.secrets import SealedSecrets
from exeat.ports.store import (
    AdminTokens,
    ApprovalStore,
    Changed,
    Confirmed,
    CredentialStore,
    DestinationStore,
    Feed,
    Leases,
    Live,
    MissionStore,
    Replicas,
)
from exeat.ports.tokens import Broker, Ended, Issuer, SecretSource, TokenLeft

__all__ = [
    "AdminTokens",
    "Applied",
    "ApprovalDesk",
    "ApprovalStore",
    "AuditSink",
    "Broker",
    "CeilingsFeed",
    "ChangeFeed",
    "Changed",
    "Clock",
    "Confirmed",
    "CredentialStore",
    "DestinationStore",
    "Ended",
    "Evaluate",
    "Feed",
    "IssuedTokens",
    "Issuer",
    "Leases",
    "Ledger",
    "Lender",
    "Live",
    "MissionStore",
    "Opener",
    "PassVerifier",
    "Refresher",
    "Replicas",
    "Resolver",
    "SealedSecrets",
    "SecretSource",
    "TokenLeft",
    "TokenList",
    "TrafficReports",
    "VerifiedPass",
    "Watchtower",
]
