"""Which ways of signing anew are in use: each is loaded only where a service needs it.

Must not know: requests, keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from exeat.enforcement.signing import SignatureReader
from exeat.model.service import PlaceKind, Service


def build_readers(services: Iterable[Service]) -> Mapping[PlaceKind, SignatureReader]:
    """What reads signatures, for each kind of place that is a signature."""
    used = {service.credential.kind for service in services if service.credential is not None}
    readers: dict[PlaceKind, SignatureReader] = {}
    if PlaceKind.AWS_SIGV4 in used:
        from exeat.enforcement.signing.aws_sigv4 import AwsSigner

        readers[PlaceKind.AWS_SIGV4] = AwsSigner()
    return readers
