"""Which connection may serve which request, where a client certificate is shown in the handshake."""

from __future__ import annotations

import pytest
from mitmproxy.connection import Server

from exeat.enforcement.certificates import Certificates
from exeat.enforcement.tls import OriginSide
from exeat.errors import RefusalError
from exeat.model.issuing import Grade
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token


def token(name):
    return Token(Secret(f"key of {name}"), name, Grade.C, None, {"certificate": Secret(f"certificate of {name}")})


@pytest.fixture(scope="module")
def origin_side():
    return OriginSide(None)


def server():
    return Server(address=("api.example.test", 443))


@pytest.mark.guard("certificate-of-its-request")
def test_a_connection_serves_exactly_its_own_certificate(origin_side):
    """Neither another certificate's requests nor those that need none; a copy of the same token is the same."""
    certificates, plain, ours = Certificates(origin_side), server(), server()
    assert certificates.fits(plain, None)
    certificates.give(plain, None)
    certificates.give(ours, token("cert-1"))
    assert certificates.fits(ours, token("cert-1"))
    assert not certificates.fits(ours, token("cert-2"))
    assert not certificates.fits(ours, None)
    assert not certificates.fits(plain, token("cert-1"))
    assert certificates.fits(plain, None)


async def test_what_is_no_certificate_is_refused_before_the_handshake(origin_side):
    """The refusal quotes nothing of the key, and without it being read no handshake begins."""
    certificates, ours = Certificates(origin_side), server()
    certificates.give(ours, token("cert-1"))
    with pytest.raises(RefusalError) as refused:
        await certificates.prepare(ours)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    assert "key of" not in str(refused.value.detail)
    with pytest.raises(PermissionError):
        certificates.context(ours)
