"""Cutting Cedar text apart agrees with Cedar."""

from __future__ import annotations

import cedarpy
import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exeat.policy.source import position, quote, split_policies, tokens, unquote

PIECES = st.sampled_from(
    [
        "permit(principal,action,resource);",
        'forbid (principal, action, resource) when { context.a == ";" };',
        '@id("a;b//c") permit(principal,action,resource)',
        '// comment ; " \n',
        "// comment \r",
        ";",
        "\n",
        " ",
        '"open',
        '@x("\\"") ',
        'forbid(principal,action,resource) unless { "a\\\\" == "//" };',
        "\u00a0",
        "/",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join))
@example('permit(principal,action,resource); "')
def test_the_number_of_policies_is_cedars(text):
    """Whenever Cedar understands a file, both count the same policies in it, and each alone is one."""
    try:
        whole = orjson.loads(cedarpy.policies_to_json_str(text))
    except ValueError:
        return
    chunks = split_policies(text)
    assert len(chunks) == len(whole["staticPolicies"])
    for number, chunk in enumerate(chunks):
        alone = orjson.loads(cedarpy.policies_to_json_str(chunk.text))["staticPolicies"]["policy0"]
        assert alone == whole["staticPolicies"][f"policy{number}"]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_can_be_cut_apart(text):
    """The lexer loses nothing but spaces and comments, and never fails."""
    for token in tokens(text):
        assert text[token.start : token.end] == token.text
        line, column = position(text, token.start)
        assert text.split("\n")[line - 1][column - 1 :].startswith(token.text.split("\n")[0])


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_quoted_value_is_read_back_by_cedar_and_by_us(value):
    """Whatever a name holds, quoting it makes one string literal."""
    literal = quote(value)
    assert unquote(literal) == value
    text = f"@id({literal}) permit(principal,action,resource);"
    document = orjson.loads(cedarpy.policies_to_json_str(text))
    assert document["staticPolicies"]["policy0"]["annotations"]["id"] == value
