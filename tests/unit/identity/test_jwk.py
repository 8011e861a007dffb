"""Published keys: what is unfit is left out, what isn't a JWK set is refused."""

from __future__ import annotations

import base64
import json

import pytest

from exeat.identity.jwk import read_keys
from rig.issuer import Key, number

ALLOWED = frozenset({"ES256", "RS256"})


def read(*jwks):
    return read_keys(json.dumps({"keys": list(jwks)}).encode(), ALLOWED)


def flipped(y: str) -> str:
    return number(int.from_bytes(base64.urlsafe_b64decode(y + "==")) ^ 1, 32)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "EdDSA", "RS256", "PS256", "RS512"])
def test_a_good_key_verifies_by_its_own_algorithm_only(algorithm):
    key = Key(algorithm)
    found = read_keys(json.dumps({"keys": [key.jwk]}).encode(), frozenset({algorithm, "HS256", "none"}))[key.kid]
    assert found.verifies(algorithm, b"x", key.sign(b"x"))
    assert not found.verifies(algorithm, b"y", key.sign(b"x"))
    assert found.algorithms == {algorithm}
    assert not found.verifies("none", b"x", b"")


def test_a_key_without_an_algorithm_is_for_those_of_its_type():
    key = Key("RS256")
    del key.jwk["alg"], key.jwk["use"]
    allowed = frozenset({"RS256", "PS384", "ES256"})
    assert read_keys(json.dumps({"keys": [key.jwk]}).encode(), allowed)[key.kid].algorithms == {"RS256", "PS384"}


UNFIT = {
    "off the curve": lambda jwk: jwk | {"y": flipped(jwk["y"])},
    "the origin": lambda jwk: jwk | {"x": number(0, 32), "y": number(0, 32)},
    "wrong curve": lambda jwk: jwk | {"crv": "P-384"},
    "no curve": lambda jwk: jwk | {"crv": "secp256k1"},
    "another algorithm": lambda jwk: jwk | {"alg": "ES384"},
    "an algorithm that is no text": lambda jwk: jwk | {"alg": ["ES256"]},
    "for encryption": lambda jwk: jwk | {"use": "enc"},
    "other operations": lambda jwk: jwk | {"key_ops": ["encrypt"]},
    "symmetric": lambda jwk: {"kty": "oct", "k": jwk["x"], "kid": jwk["kid"], "alg": "HS256"},
    "symmetric in disguise": lambda jwk: jwk | {"k": jwk["x"]},
    "private": lambda jwk: jwk | {"d": jwk["x"]},
    "short RSA": lambda jwk: Key("RS256", kid=jwk["kid"], bits=1024).jwk,
    "a longer curve": lambda jwk: Key("ES384", kid=jwk["kid"]).jwk,
    "without an id": lambda jwk: {name: value for name, value in jwk.items() if name != "kid"},
    "an id that is no text": lambda jwk: jwk | {"kid": 7},
    "a member missing": lambda jwk: {name: value for name, value in jwk.items() if name != "y"},
    "a type nobody knows": lambda jwk: jwk | {"kty": "AKP"},
    "no object": lambda jwk: [jwk],
}


@pytest.mark.row("J11", "J02")
@pytest.mark.guard("key-private")
@pytest.mark.parametrize("spoil", UNFIT.values(), ids=UNFIT)
def test_an_unfit_key_is_left_out_and_its_neighbour_stays(spoil):
    key, neighbour = Key(), Key("RS256")
    assert set(read(spoil(dict(key.jwk)), neighbour.jwk)) == {neighbour.kid}


@pytest.mark.row("J04")
def test_of_two_keys_of_one_id_neither_counts():
    one, other, third = Key(kid="k"), Key("RS256", kid="k"), Key()
    assert set(read(one.jwk, other.jwk, third.jwk)) == {third.kid}


@pytest.mark.row("J10")
@pytest.mark.parametrize(
    "document",
    [
        b"", b"null", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [], "keys": []}', b"<html>", b"\xff", b'{"keys": [' + b"[" * 200,
        b'{"keys": [' + b"{}," * 200 + b"{}]}",
    ],
)  # fmt: skip
def test_what_is_no_set_is_refused(document):
    with pytest.raises(ValueError):
        read_keys(document, ALLOWED)


def test_x509_roots_of_a_spiffe_bundle_are_passed_over():
    """A SPIFFE bundle holds both kinds; only ``jwt-svid`` keys verify tokens."""
    key = Key()
    assert set(read(key.jwk | {"use": "x509-svid", "kid": "a"}, key.jwk | {"use": "jwt-svid", "kid": "b"})) == {"b"}
