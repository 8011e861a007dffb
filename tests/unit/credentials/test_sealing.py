"""Secrets at rest: each sealed value opens as what it was sealed for, under its key, and as nothing else."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.credentials.sealing import Sealer, SealingKey
from exeat.errors import StartError, UnavailableError
from exeat.model.secret import Secret

OLD, NEW = SealingKey.derive(os.urandom(32)), SealingKey.derive(os.urandom(32))
SEALER = Sealer([OLD])


@given(value=st.text(), name=st.text(max_size=64), version=st.integers(1, 2**31))
def test_what_is_sealed_opens_as_itself(value: str, name: str, version: int) -> None:
    sealed = SEALER.seal(name, version, Secret(value))
    assert SEALER.unseal(name, version, sealed).reveal() == value
    assert len(value) < 4 or value.encode("utf-8", "surrogateescape") not in sealed


@pytest.mark.guard("sealed-for-a-name")
@pytest.mark.parametrize(("name", "version"), [("slack2", 3), ("slac", 3), ("slack", 4), ("slack", 2), ("", 3)])
def test_it_opens_for_no_other_name_and_no_other_version(name: str, version: int) -> None:
    sealed = SEALER.seal("slack", 3, Secret("xoxb-value"))
    with pytest.raises(UnavailableError, match="doesn't fit"):
        SEALER.unseal(name, version, sealed)


def test_a_flipped_bit_anywhere_is_noticed_and_nothing_is_quoted() -> None:
    sealed = SEALER.seal("slack", 3, Secret("xoxb-value"))
    for at in range(len(sealed)):
        broken = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(UnavailableError) as refused:
            SEALER.unseal("slack", 3, broken)
        assert "xoxb" not in str(refused.value)
    for length in range(len(sealed)):
        with pytest.raises(UnavailableError):
            SEALER.unseal("slack", 3, sealed[:length])


def test_two_seals_of_one_value_differ() -> None:
    assert SEALER.seal("slack", 1, Secret("same")) != SEALER.seal("slack", 1, Secret("same"))


def test_a_replaced_key_still_opens_and_the_new_one_seals() -> None:
    sealed = SEALER.seal("slack", 1, Secret("value"))
    both = Sealer([NEW, OLD])
    assert both.unseal("slack", 1, sealed).reveal() == "value"
    assert not both.is_current(sealed)
    anew = both.seal("slack", 1, Secret("value"))
    assert both.is_current(anew)
    assert Sealer([NEW]).unseal("slack", 1, anew).reveal() == "value"
    with pytest.raises(UnavailableError, match="another key"):
        SEALER.unseal("slack", 1, anew)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(StartError, match="fewer than 32"):
        SealingKey.derive(b"x" * 31)
