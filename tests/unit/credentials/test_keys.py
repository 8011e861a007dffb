"""Key rings: kept privately, replaced in time, published as long as they verify."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import jwt
import orjson
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from exeat.credentials.keys import KeyRing
from exeat.credentials.signing import SigningKey
from exeat.errors import StartError, UnavailableError

ALGORITHMS = ["ES256", "EdDSA", "RS256"]


def ring(folder: Path, clock, algorithm="ES256", rotate=100.0, overlap=50.0) -> KeyRing:
    return KeyRing.load_or_create(folder / "state", "token", algorithm, rotate, overlap, clock)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_ring_outlives_a_restart(tmp_path, clock, algorithm):
    """The same key signs after a restart."""
    assert ring(tmp_path, clock, algorithm).current().kid == ring(tmp_path, clock, algorithm).current().kid


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_file_is_private(tmp_path, clock, algorithm):
    """No key file and no index can be read by anybody but its owner."""
    ring(tmp_path, clock, algorithm)
    files = list((tmp_path / "state").iterdir())
    assert len(files) == 3  # the index, the key, the lock
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_published_set_verifies_what_is_signed(tmp_path, clock, algorithm):
    """An origin that knows only the JWK set verifies our token with PyJWT."""
    keys = ring(tmp_path, clock, algorithm)
    value = keys.current().token("at+jwt", {"sub": "x"}).reveal()
    published = jwt.PyJWKSet.from_dict(orjson.loads(orjson.dumps(keys.jwks())))
    key = published[jwt.get_unverified_header(value)["kid"]]
    assert jwt.decode(value, key.key, algorithms=[algorithm]) == {"sub": "x"}
    assert keys.jwks()["keys"][0]["use"] == "sig"
    assert keys.jwks()["keys"][0]["alg"] == algorithm


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_kid_is_the_rfc_7638_thumbprint(tmp_path, clock, algorithm):
    """The key id is the SHA-256 of the required members in lexicographic order."""
    jwk = ring(tmp_path, clock, algorithm).jwks()["keys"][0]
    required = {name: jwk[name] for name in sorted(jwk) if name in ("crv", "e", "kty", "n", "x", "y")}
    digest = hashlib.sha256(orjson.dumps(required)).digest()
    assert jwk["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_rfc_8037_thumbprint_example():
    """The Ed25519 thumbprint of RFC 8037 appendix A.3 comes out."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    assert SigningKey.from_pem(pem).kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_a_ring_publishes_no_private_member(tmp_path, clock):
    """The JWK set holds public members only."""
    for algorithm in ALGORITHMS:
        for jwk in ring(tmp_path / algorithm, clock, algorithm).jwks()["keys"]:
            assert set(jwk) <= {"kty", "crv", "x", "y", "e", "n", "kid", "use", "alg"}


def test_a_key_is_replaced_when_due_and_verifies_during_the_overlap(tmp_path, clock):
    """After ``rotate`` a new key signs; the old one verifies for ``overlap`` and not a second longer."""
    keys = ring(tmp_path, clock)
    old = keys.current().kid
    clock.now += 99
    assert not keys.rotate_if_due()
    clock.now += 1
    assert keys.rotate_if_due()
    new = keys.current().kid
    assert new != old
    assert [jwk["kid"] for jwk in keys.jwks()["keys"]] == [new, old]
    clock.now += 49.9
    assert keys.public(old) is not None
    clock.now += 0.1
    assert keys.public(old) is None
    assert [jwk["kid"] for jwk in keys.jwks()["keys"]] == [new]


def test_a_retired_key_survives_a_restart_until_its_overlap_ends(tmp_path, clock):
    """A restart neither forgets nor prolongs a retired key."""
    keys = ring(tmp_path, clock)
    old = keys.current().kid
    clock.now += 100
    keys.rotate_if_due()
    again = ring(tmp_path, clock)
    assert again.public(old) is not None
    clock.now += 50
    assert again.public(old) is None
    assert ring(tmp_path, clock).public(old) is None


def test_files_of_finished_keys_are_deleted(tmp_path, clock):
    """Private keys that no longer verify don't stay on disk past the next rotation."""
    keys = ring(tmp_path, clock)
    for _ in range(4):
        clock.now += 100
        keys.rotate_if_due()
    assert len(list((tmp_path / "state").glob("*.pem"))) == 2


def test_a_key_that_became_too_old_while_stopped_is_replaced_at_start(tmp_path, clock):
    """A start looks at the key's age."""
    old = ring(tmp_path, clock).current().kid
    clock.now += 1000
    again = ring(tmp_path, clock)
    assert again.current().kid != old
    assert again.public(old) is not None


def test_another_algorithm_replaces_the_key(tmp_path, clock):
    """A changed setting takes effect at start, and tokens signed before still verify."""
    old = ring(tmp_path, clock, "ES256").current().kid
    again = ring(tmp_path, clock, "EdDSA")
    assert again.current().algorithm == "EdDSA"
    assert again.public(old) is not None


def test_rings_of_two_purposes_share_a_folder(tmp_path, clock):
    """Rings of different purposes don't know each other's keys."""
    passes = KeyRing.load_or_create(tmp_path / "state", "pass", "ES256", 100, 50, clock)
    tokens = KeyRing.load_or_create(tmp_path / "state", "token", "ES256", 100, 50, clock)
    assert passes.public(tokens.current().kid) is None


def test_repr_shows_no_key(tmp_path, clock):
    """Neither a ring nor its keys show key material."""
    keys = ring(tmp_path, clock)
    shown = repr(keys) + repr(keys.current()) + repr(keys.current().public())
    assert "BEGIN" not in shown
    assert "object at" not in repr(keys.current())


def test_a_failed_rotation_leaves_the_old_key_signing(tmp_path, clock, monkeypatch):
    """When the new key can't be written nothing changes and the error says so."""
    keys = ring(tmp_path, clock)
    before = keys.current().kid
    clock.now += 100

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("exeat.credentials.keys.files.write_private", full)
    with pytest.raises(UnavailableError, match="No space left"):
        keys.rotate_if_due()
    assert keys.current().kid == before
    assert keys.public(before) is not None


def _index(folder: Path) -> Path:
    return folder / "state" / "token-keys.json"


def _pem(folder: Path) -> Path:
    return next((folder / "state").glob("*.pem"))


def _p384(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    _write(folder, key)


def _rsa(folder: Path) -> None:
    _write(folder, rsa.generate_private_key(65537, 2048))


def _other(folder: Path) -> None:
    _write(folder, ec.generate_private_key(ec.SECP256R1()))


def _write(folder: Path, key) -> None:
    _pem(folder).write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _edit(**changes):
    def change(folder: Path) -> None:
        lines = orjson.loads(_index(folder).read_bytes())
        lines[0].update(changes)
        _index(folder).write_bytes(orjson.dumps(lines))

    return change


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda f: _index(f).write_bytes(b""), id="empty index"),
        pytest.param(lambda f: _index(f).write_bytes(b"[]"), id="no key"),
        pytest.param(lambda f: _index(f).write_bytes(b"{}"), id="not a list"),
        pytest.param(lambda f: _index(f).write_bytes(b"null"), id="null"),
        pytest.param(lambda f: _index(f).write_bytes(b"[{"), id="cut index"),
        pytest.param(lambda f: _index(f).write_bytes(b"[7]"), id="a number for a key"),
        pytest.param(lambda f: _index(f).write_bytes(b"\xff"), id="not UTF-8"),
        pytest.param(_edit(kid="../../etc/passwd"), id="kid is a path"),
        pytest.param(_edit(kid=None), id="kid is null"),
        pytest.param(_edit(created="soon"), id="created is a word"),
        pytest.param(_edit(created=None), id="created is null"),
        pytest.param(_edit(retired=1.0), id="no key in use"),
        pytest.param(lambda f: _pem(f).unlink(), id="key file missing"),
        pytest.param(lambda f: _pem(f).write_bytes(b"junk"), id="key file is junk"),
        pytest.param(_other, id="another key"),
        pytest.param(_p384, id="wrong curve"),
        pytest.param(_rsa, id="RSA"),
        pytest.param(lambda f: _pem(f).chmod(0o640), id="key readable by the group"),
        pytest.param(lambda f: _index(f).chmod(0o604), id="index readable by all"),
        pytest.param(lambda f: (f / "state").chmod(0o777), id="folder writable by all"),
    ],
)
def test_a_damaged_ring_refuses_to_start(tmp_path, clock, damage):
    """Whatever is wrong on disk, the start is refused with a fix; no new key is made silently."""
    ring(tmp_path, clock)
    damage(tmp_path)
    with pytest.raises(StartError) as refused:
        ring(tmp_path, clock)
    assert refused.value.hint
    assert "PRIVATE KEY" not in str(refused.value)


def test_an_encrypted_key_is_refused(tmp_path, clock):
    """A key that needs a password is refused at start."""
    ring(tmp_path, clock)
    key = ec.generate_private_key(ec.SECP256R1())
    _pem(tmp_path).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
    )
    with pytest.raises(StartError, match="not a usable private key"):
        ring(tmp_path, clock)


def test_a_folder_that_is_a_file_refuses_to_start(tmp_path, clock):
    """An unusable state folder is a StartError, not a traceback."""
    (tmp_path / "state").write_text("x")
    with pytest.raises(StartError):
        ring(tmp_path, clock)


@pytest.mark.parametrize("purpose", ["", "../x", "A", "a/b", "a b"])
def test_a_purpose_is_a_plain_name(tmp_path, clock, purpose):
    """A purpose can't lead out of the folder."""
    with pytest.raises(StartError):
        KeyRing.load_or_create(tmp_path, purpose, "ES256", 1, 1, clock)
