"""The loader doubts its own tools: a lexer, a validator or an engine that goes wrong is noticed."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from policy_kit import GRANT

from exeat.decision.verdict import Allowed, Denied, Failed
from exeat.model.reason import Reason
from exeat.policy import canary, parse, validate
from exeat.policy.schema import build_schema
from exeat.policy.source import Chunk, split_policies


def test_a_lexer_that_loses_a_policy_is_noticed(monkeypatch, findings):
    """What Cedar counts in a file has to be what was read from it."""
    monkeypatch.setattr(parse, "split_policies", lambda text: split_policies(text)[:1])
    found = findings('@title("a") @advice("only a warning")' + GRANT.replace("mission-operations", "a") + GRANT)
    assert any("another number" in finding.message for finding in found if finding.file.endswith("x.cedar"))


def test_a_lexer_that_glues_policies_together_is_noticed(monkeypatch, findings):
    """One piece of text is one policy."""
    monkeypatch.setattr(parse, "split_policies", lambda text: [Chunk(text, 0, complete=True)])
    found = findings(GRANT.replace("mission-operations", "a") + GRANT.replace("mission-operations", "b"))
    assert any("2 policies where one was expected" in finding.message for finding in found)


@pytest.mark.parametrize(
    ("passed", "errors"),
    [
        (False, []),
        (False, [SimpleNamespace(policy_id="", error="x")]),
        (True, [SimpleNamespace(policy_id="policy99", error="x")]),
    ],
)
def test_a_validator_that_says_no_without_a_policy_is_believed(monkeypatch, findings, passed, errors):
    """A refusal that belongs to no policy refuses the bundle."""
    result = SimpleNamespace(validation_passed=passed, errors=errors)
    monkeypatch.setattr(validate.cedarpy, "validate_policies", lambda *_, **__: result)
    assert any("can't be used" in finding.message and not finding.warning for finding in findings())


@pytest.mark.parametrize(
    ("answer", "complaints"),
    [
        (Allowed(("x",)), ["no policy at all does not deny", "does not stop it"]),
        (Failed("x"), ["no policy at all does not deny", "the bundle can't judge: x", "does not stop it"]),
        (Denied(Reason.POLICY_DENIED), ["does not stop it"]),
    ],
)
def test_an_engine_that_gives_one_answer_to_everything_is_noticed(monkeypatch, forge, names, answer, complaints):
    """Whatever the answer, some canary expects another one."""
    schema, _ = build_schema([forge], names)
    monkeypatch.setattr(canary, "_ask", lambda *_, **__: answer)
    said = "\n".join(canary.failures(canary.Engine([], schema), [], schema))
    assert all(complaint in said for complaint in complaints)


def test_a_built_in_forbid_that_stops_everything_is_noticed(forge, names):
    """A built-in policy denies its own example, and lets pass what it is not about."""
    schema, _ = build_schema([forge], names)
    rule = canary._rule("x", "forbid (principal, action, resource);")
    said = list(canary.failures(canary.Engine([], schema), [("foreign-credential", rule)], schema))
    assert len(said) == 1
    assert "stops what it is not about" in said[0]


def test_an_example_is_known_for_each_built_in_forbid(forge, names):
    """A built-in policy that nobody wrote an example for counts as failed."""
    schema, _ = build_schema([forge], names)
    rule = canary._rule("x", "forbid (principal, action, resource);")
    assert any("own example" in said for said in canary.failures(canary.Engine([], schema), [("new", rule)], schema))
