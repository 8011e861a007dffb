"""Placeholders in a vendor's form: what they look like, whose they are, and which forms are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.services.catalogue import built_in, built_in_names
from exeat.services.shapes import OURS, check, fill

KEY = b"k" * 32
FORMS = {
    "ghp_{36}": r"ghp_exeat[A-Za-z0-9]{31}",
    "xoxb-{12:digits}-{13:digits}-{24}": r"xoxb-[0-9]{12}-[0-9]{13}-exeat[A-Za-z0-9]{19}",
    "{32:hex}": r"e8ea7e8ea7[0-9a-f]{22}",
    "AKIA{16:upper}/{40}": r"AKIAEXEAT[A-Z2-7]{11}/[A-Za-z0-9]{40}",
    "{8}-{4}-{20:lower}": r"[A-Za-z0-9]{8}-[A-Za-z0-9]{4}-exeat[a-z0-9]{15}",
}


@pytest.mark.parametrize("template", FORMS)
def test_a_placeholder_has_its_form_and_says_whose_it_is(template):
    """The same at every start, another one for everything else, and told as ours without any key."""
    value = fill(template, KEY, "prod/bot\0github")
    assert re.fullmatch(FORMS[template], value)
    assert OURS.search(value)
    assert value == fill(template, KEY, "prod/bot\0github")
    assert len({value, fill(template, KEY, "prod/bot\0gitlab"), fill(template, b"o" * 32, "prod/bot\0github")}) == 3


@given(
    st.text(st.sampled_from("ab_"), max_size=5), st.integers(16, 200), st.sampled_from(["", ":lower", ":upper", ":hex"])
)
def test_every_form_that_passes_the_check_is_filled_to_its_length(text, size, kind):
    template = f"{text}{{{size}{kind}}}"
    if not check(template):
        assert len(fill(template, KEY, "x")) == len(text) + size


@pytest.mark.parametrize(
    "template", ["", "ghp_", "ghp_{8}", "{40:digits}", "{16:upper}", "ghp_{36:words}", "ghp {36}", "{0}", "a{b}{36}"]
)
def test_a_form_that_could_be_guessed_or_not_be_told_is_refused(template):
    assert check(template)


def test_every_built_in_form_is_sound():
    forms = {name: table.placeholder for name in built_in_names() if (table := built_in(name)) and table.placeholder}
    assert {"github", "slack", "openai", "anthropic"} <= forms.keys()
    assert {name: problem for name, form in forms.items() if (problem := check(form))} == {}
