"""Pinned models: what is one of them, which editions may answer, what may run any."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.decision.pins import is_pinned, may_answer


@pytest.mark.parametrize(
    ("pin", "model", "fits"),
    [
        ("gpt-5", "gpt-5", True), ("gpt-5", "gpt-5-mini", False), ("gpt-5", "GPT-5", False), ("gpt-5", "gpt-5 ", False),
        ("gpt-5*", "gpt-5", True), ("gpt-5*", "gpt-5-mini", True), ("gpt-5*", "gpt-4", False), ("*", "anything", True),
        ("gpt-*-mini", "gpt-5-mini", False), ("gpt-?", "gpt-5", False), ("", "gpt-5", False),
    ],
)  # fmt: skip
def test_a_pin_is_a_name_or_a_beginning(pin, model, fits):
    assert is_pinned([pin], model) == fits


@pytest.mark.parametrize(
    ("pin", "model", "fits"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True), ("gpt-4o", "gpt-4o-mini-2024-07-18", False), ("gpt-4", "gpt-4-0613", True),
        ("claude-opus-4-1", "claude-opus-4-1-20250805", True), ("claude-opus-4", "claude-opus-4-1-20250805", False),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True), ("gemini-1.5-pro", "gemini-1.5-pro-002", True),
        ("gemini-2.5-pro", "models/gemini-2.5-pro", True), ("gpt-5", "gpt-5-2025-08-07-mini", False), ("gpt-5", "gpt-4", False),
    ],
)  # fmt: skip
def test_the_dated_edition_of_a_pinned_model_may_answer(pin, model, fits):
    assert may_answer([pin], model) == fits


@given(st.lists(st.text(max_size=5), max_size=4), st.text(max_size=8))
def test_what_is_pinned_may_always_answer(pins, model):
    if is_pinned(pins, model):
        assert may_answer(pins, model) or model.startswith("models/")
