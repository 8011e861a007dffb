"""A slice of the bundle gives the same decision, reasons and errors as all of it."""

from __future__ import annotations

import orjson
import pytest
from cedarpy import Entities, PolicySet, is_authorized, policies_to_json_str
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.decision.engine_expressions import UnknownSyntaxError, context_reads
from exeat.decision.engine_rule import Rule, read_scope
from exeat.decision.slicer import Slicer

IDS = ["a", "b", 'q"t', "line\nend", "é"]
SESSIONS = [("Session", id_) for id_ in IDS[:3]]
GROUPS = [("Group", id_) for id_ in IDS] + [("Team", id_) for id_ in IDS[:2]]
ACTIONS = [("Action", f"x:{id_}") for id_ in IDS[:3]]
ACTION_GROUPS = [("Action", "read"), ("Action", "x:*"), ("Action", "x:read")]
RESOURCES = [("Repo", id_) for id_ in IDS[:3]] + [("Host", "a")]
PLACES = [("Org", "a"), ("Org", "b"), ("Service", "x")]
CONDITIONS = [
    "",
    "when { true }",
    "when { false }",
    "when { principal.missing }",
    "unless { resource.flag }",
    "when { context.n + 9223372036854775807 > 0 }",
    "when { context.n == 1 }",
    'when { context.s like "a*" }',
    'when { principal in Group::"a" }',
    'when { 1 < "x" }',
    "when { ip(context.s).isLoopback() }",
    "when { resource has flag && resource.flag }",
    'when { principal.getTag("t") == "v" }',
]


def uid(pair):
    return f"{pair[0]}::{orjson.dumps(pair[1]).decode()}"


def scopes(variable, own, above):
    anything = [*own, *above]
    return st.one_of(
        st.just(variable),
        st.sampled_from(anything).map(lambda pair: f"{variable} == {uid(pair)}"),
        st.sampled_from(anything).map(lambda pair: f"{variable} in {uid(pair)}"),
        st.sampled_from(["Session", "Repo", "Host", "Nothing"]).map(lambda name: f"{variable} is {name}"),
        st.tuples(st.sampled_from(["Session", "Repo"]), st.sampled_from(anything)).map(
            lambda pair: f"{variable} is {pair[0]} in {uid(pair[1])}"
        ),
    )


ACTION_SCOPES = st.one_of(
    st.just("action"),
    st.sampled_from(ACTIONS + ACTION_GROUPS).map(lambda pair: f"action == {uid(pair)}"),
    st.sampled_from(ACTIONS + ACTION_GROUPS).map(lambda pair: f"action in {uid(pair)}"),
    st.lists(st.sampled_from(ACTIONS + ACTION_GROUPS), max_size=3).map(
        lambda pairs: f"action in [{', '.join(map(uid, pairs))}]"
    ),
)
POLICIES = st.builds(
    lambda effect, principal, action, resource, condition: f"{effect} ({principal}, {action}, {resource}) {condition};",
    st.sampled_from(["permit", "forbid"]),
    scopes("principal", SESSIONS, GROUPS),
    ACTION_SCOPES,
    scopes("resource", RESOURCES, PLACES),
    st.sampled_from(CONDITIONS),
)


def some(pairs):
    return st.frozensets(st.sampled_from(pairs), max_size=3)


def ref(pair):
    return {"type": pair[0], "id": pair[1]}


def handle(policies):
    return PolicySet.from_json_str(
        orjson.dumps({"templates": {}, "staticPolicies": policies, "templateLinks": []}).decode()
    )


@settings(max_examples=300, deadline=None)
@given(
    st.lists(POLICIES, min_size=1, max_size=12),
    st.sampled_from(SESSIONS),
    some(GROUPS),
    st.sampled_from(ACTIONS),
    some(ACTION_GROUPS),
    st.sampled_from(RESOURCES),
    some(PLACES),
    st.booleans(),
)
def test_sliced_equals_whole(texts, principal, ancestors, action, groups, resource, places, loaded):
    """Decision, reasons and error texts are those of the whole bundle, for every scope and every failing condition."""
    rules = [
        Rule(f"f:{number} p", orjson.loads(policies_to_json_str(text))["staticPolicies"]["policy0"])
        for number, text in enumerate(texts)
    ]
    entities = [{"uid": ref(action), "attrs": {}, "parents": [ref(group) for group in groups]}]
    entities.append({"uid": ref(principal), "attrs": {}, "parents": [ref(group) for group in ancestors]})
    if loaded:
        entities.append({"uid": ref(resource), "attrs": {"flag": True}, "parents": [ref(place) for place in places]})
    known = Entities.from_json_str(orjson.dumps(entities).decode())
    request = {
        "principal": ref(principal),
        "action": ref(action),
        "resource": ref(resource),
        "context": '{"n":1,"s":"a"}',
    }
    numbers = Slicer(rules).find(principal, ancestors, action, groups)
    answers = []
    for chosen in (rules, [rules[number] for number in numbers]):
        result = is_authorized(request, handle({rule.label: rule.policy for rule in chosen}), known)
        answers.append((result.decision, sorted(result.diagnostics.reasons), sorted(result.diagnostics.errors)))
    assert answers[0] == answers[1]
    assert numbers == tuple(sorted(numbers))


def policy(text="permit (principal, action, resource);"):
    return orjson.loads(policies_to_json_str(text))["staticPolicies"]["policy0"]


def test_a_slice_holds_no_more_than_what_the_scopes_allow():
    """A policy for exactly a group, another session or another type is not evaluated for nothing."""
    texts = [
        'permit (principal, action == Action::"read", resource);',
        'permit (principal, action in Action::"read", resource);',
        'permit (principal == Session::"b", action, resource);',
        "permit (principal is Repo, action, resource);",
        'permit (principal in Group::"a", action == Action::"x:a", resource);',
    ]
    rules = [Rule(text, policy(text)) for text in texts]
    found = Slicer(rules).find(SESSIONS[0], frozenset(GROUPS[:1]), ACTIONS[0], frozenset(ACTION_GROUPS))
    assert found == (1, 4)


@pytest.mark.parametrize(
    ("part", "form"),
    [
        ("principal", {"op": "all"}),
        ("principal", {"op": "All", "entity": {"type": "Group", "id": "a"}}),
        ("principal", {"op": "==", "slot": "?principal"}),
        ("principal", {"op": "in", "entities": []}),
        ("principal", {"op": "like", "entity": {"type": "Group", "id": "a"}}),
        ("principal", {"op": "is", "entity_type": "A", "in": {"slot": "?principal"}}),
        ("principal", {"op": "==", "entity": {"__entity": {"type": "Group", "id": "a"}}}),
        ("principal", {"op": "==", "entity": {"type": "Group", "id": 1}}),
        ("principal", {}),
        ("action", {"op": "is", "entity_type": "Action"}),
        ("resource", {"op": "in", "entity": {"type": "Org", "id": "a"}, "note": 1}),
    ],
)
def test_a_scope_not_understood_is_refused(part, form):
    """Cedar ignores keys it doesn't know; a policy filed under half a scope would be lost."""
    with pytest.raises(UnknownSyntaxError):
        read_scope(policy() | {part: form})


def test_a_policy_with_more_parts_is_refused():
    """A new kind of clause must not be passed over."""
    with pytest.raises(UnknownSyntaxError):
        read_scope(policy() | {"obligations": []})


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("context.host == context.method", {"host", "method"}),
        ("context has grade && !(context.approvals.contains(1))", {"grade", "approvals"}),
        ("principal.readOnly", set()),
        ("context == {a: 1}", None),
        ("[context].isEmpty()", None),
        ("if true then context.a.b == 1 else ip(context.c).isLoopback()", {"a", "c"}),
        ("{x: context.y}.x == 1", {"y"}),
        ("resource is A in context.z", {"z"}),
        ('context.getTag("x") == 1', None),
    ],
)
def test_what_a_policy_reads_of_the_context_is_known(condition, expected):
    """Every look at the context is found, and using it as a whole counts as reading all."""
    found = context_reads([policy(f"permit (principal, action, resource) when {{ {condition} }};")])
    assert found == (None if expected is None else frozenset(expected))


def test_an_operator_not_known_is_refused():
    """A new operator could read the context in a way nobody looked for."""
    with pytest.raises(UnknownSyntaxError):
        context_reads(
            [policy() | {"conditions": [{"kind": "when", "body": {"matches": {"left": {"Var": "context"}}}}]}]
        )
