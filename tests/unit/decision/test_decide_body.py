"""Where the operation lies in the body: asked for once, everything in it judged, the first refusal decides."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson
import pytest
from decision_world import NOW, PLACEHOLDER, FakeEngine, request, world

from exeat.decision.classify import Unread, classify
from exeat.decision.decide import decide
from exeat.decision.verdict import Allowed, Denied, Failed, Held
from exeat.model.decision import Deny, Hold, Inject, NeedBody, Permit
from exeat.model.destination import DestinationPattern
from exeat.model.reason import Reason

BEARER = ("Authorization", f"Bearer {PLACEHOLDER}")
JSON = ("Content-Type", "application/json")


def row(match, action, group="read", **more):
    return {"match": match, "action": action, "group": group, **more}


OPERATIONS = [
    row("GET,POST /g", "view", reader="graphql", select="query:*", scope="read all"),
    row("GET,POST /g", "viewer", reader="graphql", select="query:viewer"),
    row("POST /g", "issues/create", "write", reader="graphql", select="mutation:createIssue", scope="write", resource="Repo",
        captures={"repo": "/input/repo", "owner": "/input/owner"}),
    row("POST /g", "issues/delete", "delete", reader="graphql", select="mutation:deleteIssue", scope="write all"),
    row("POST /o/{owner}/rpc", "move", "write", reader="jsonrpc", select="move", resource="Repo", captures={"repo": "/0"}, max_body=200),
    row("POST /chat", "chat", "write", reader="json", resource="Model", captures={"model": "/model"}),
]  # fmt: skip
TYPES = [
    {"type": "Owner", "id": "{owner}"},
    {"type": "Repo", "id": "{owner}/{repo}", "in": "Owner"},
    {"type": "Model", "id": "{model}"},
]


@dataclass
class Choosy(FakeEngine):
    """Answers by action."""

    by_action: dict = field(default_factory=dict)

    def judge(self, principal, action, resource, context):
        super().judge(principal, action, resource, context)
        return self.by_action.get(action.partition(":")[2], Allowed((f"p.cedar:1 {action}",)))


def judged(target, body=None, method="POST", engine=None, fields=(JSON, BEARER), mission=None, **changes):
    snapshot, view = world(engine, mission, operation=OPERATIONS, resource=TYPES, **changes)
    return decide(request(method, target, fields), view, snapshot, NOW, body=body)


def graphql(document, engine=None, **more):
    return judged("/g", orjson.dumps({"query": document} | more), engine=engine)


def create(owner="acme", repo="site"):
    return f'mutation {{ createIssue(input: {{owner: "{owner}", repo: "{repo}"}}) {{ id }} }}'


def test_the_body_is_asked_for_once_and_no_larger_than_it_may_be():
    assert judged("/g") == NeedBody(1024 * 1024)
    assert judged("/o/acme/rpc") == NeedBody(200)
    assert not isinstance(judged("/g", b""), NeedBody)


def test_what_the_head_settles_never_asks_for_a_body():
    other = {"destinations": (DestinationPattern.parse("other.test:443"),)}
    assert judged("/g", mission=other).reason is Reason.DESTINATION_NOT_ALLOWED
    assert judged("/g", mission={"expires_at": NOW}).reason is Reason.MISSION_ENDED
    assert judged("/elsewhere").reason is Reason.OPERATION_UNKNOWN
    assert isinstance(judged("/g?query=%7Bviewer%7D", method="GET"), Permit)


def test_a_body_nobody_asked_for_changes_nothing():
    snapshot, view = world()
    asked = request(headers=[BEARER])
    assert decide(asked, view, snapshot, NOW, body=b"\xff") == decide(asked, view, snapshot, NOW)


def test_one_field_is_one_question():
    engine = Choosy()
    verdict = graphql(create(), engine)
    assert isinstance(verdict, Permit)
    question = verdict.question
    assert (question.action, str(question.resource), question.also) == (
        "example:issues/create", 'Example::Repo::"acme/site"', (),
    )  # fmt: skip
    ((_, action, resource, _),) = engine.asked
    assert (action, [str(uid) for uid in resource.parents]) == (
        "example:issues/create", ['Example::Owner::"acme"', 'Exeat::Service::"example"'],
    )  # fmt: skip


def test_everything_asked_for_is_judged_once_and_needs_one_token():
    engine = Choosy()
    verdict = graphql(
        "mutation { b: deleteIssue a: deleteIssue ...C } fragment C on M { createIssue(input: {owner: 1, repo: 2}) }",
        engine,
    )
    assert [action for _, action, _, _ in engine.asked] == ["example:issues/delete", "example:issues/create"]
    assert isinstance(verdict, Permit)
    assert (verdict.question.action, verdict.question.also) == ("example:issues/delete", ("example:issues/create",))
    assert verdict.policies == ("p.cedar:1 example:issues/delete", "p.cedar:1 example:issues/create")
    inject = next(duty for duty in verdict.obligations if isinstance(duty, Inject))
    assert inject.token.action == "example:issues/create example:issues/delete"
    assert inject.token.resource == 'Example::Repo::"1/2" Exeat::Service::"example"'
    assert inject.token.scope == "all write"


def test_the_order_of_what_is_asked_makes_no_other_token():
    bodies = ("{ a viewer }", "{ viewer a }", "{ a b viewer }")
    duties = [next(duty for duty in graphql(body).obligations if isinstance(duty, Inject)) for body in bodies]
    assert len({duty.token for duty in duties}) == 1


def test_a_single_scope_is_left_as_it_is_written():
    inject = next(duty for duty in graphql("{ a }").obligations if isinstance(duty, Inject))
    assert (inject.token.scope, inject.token.action) == ("read all", "example:view")


def test_the_same_action_on_two_resources_is_two_questions():
    engine = Choosy()
    body = [{"query": create("acme", "a")}, {"query": create("acme", "b")}, {"query": create("acme", "a")}]
    verdict = judged("/g", orjson.dumps(body), engine=engine)
    assert [str(resource.uid) for _, _, resource, _ in engine.asked] == [
        'Example::Repo::"acme/a"',
        'Example::Repo::"acme/b"',
    ]
    assert verdict.question.also == ("example:issues/create",)


DENIED = Denied(Reason.POLICY_DENIED, ("d.cedar:1 no",), "No.")
HELD = Held(("security-team",), ("h.cedar:1 hold",), "Ask.")


@pytest.mark.parametrize(("answers", "kind", "action"), [
    ({"issues/delete": DENIED}, Deny, "issues/delete"), ({"viewer": DENIED, "issues/delete": DENIED}, Deny, "issues/delete"),
    ({"issues/delete": HELD}, Hold, "issues/delete"), ({"issues/delete": HELD, "issues/create": DENIED}, Deny, "issues/create"),
    ({"issues/create": HELD, "issues/delete": HELD}, Hold, "issues/delete"), ({"issues/create": Failed("x")}, Deny, "issues/create"),
    ({"issues/create": Allowed(())}, Deny, "issues/create"), ({"issues/create": Held((), (), "")}, Deny, "issues/create"),
    ({"issues/create": None}, Deny, "issues/create"),
])  # fmt: skip
def test_one_refusal_refuses_all(answers, kind, action):
    """What no approval can change comes first; the others are named beside it."""
    document = "mutation { deleteIssue createIssue(input: {owner: 1, repo: 2}) }"
    verdict = graphql(document, Choosy(by_action=answers))
    assert isinstance(verdict, kind)
    others = {"example:issues/delete", "example:issues/create"} - {f"example:{action}"}
    assert (verdict.question.action, set(verdict.question.also)) == (f"example:{action}", others)


@pytest.mark.parametrize(("document", "reason"), [
    ("mutation { closeIssue }", Reason.OPERATION_UNKNOWN), ("mutation { deleteIssue closeIssue }", Reason.OPERATION_UNKNOWN),
    ("subscription { a }", Reason.OPERATION_UNKNOWN), ("mutation { createIssue }", Reason.OPERATION_UNKNOWN),
    (create("ac/me"), Reason.REQUEST_MALFORMED), (create("", "a"), Reason.OPERATION_UNKNOWN), (create("a", "b\\u0000"), Reason.OPERATION_UNKNOWN),
    (create("a", "e\\u0301"), Reason.OPERATION_UNKNOWN), ("{ a", Reason.REQUEST_MALFORMED), ("{ }", Reason.REQUEST_MALFORMED),
])  # fmt: skip
def test_what_is_unknown_or_unreadable_is_never_asked(document, reason):
    engine = Choosy()
    verdict = graphql(document, engine)
    assert isinstance(verdict, Deny)
    assert (verdict.reason, verdict.question.service, engine.asked) == (reason, "example", [])


def test_the_record_says_what_was_not_listed():
    assert graphql("mutation { closeIssue }").detail == "no operation of the service matches mutation:closeIssue"


def test_an_unlisted_thing_is_admin_where_a_service_says_so():
    engine = Choosy()
    verdict = judged(
        "/g", orjson.dumps({"query": "{ a }"}).replace(b"{ a }", b"mutation { x }"), engine=engine, unlisted="strictest"
    )
    assert isinstance(verdict, Permit)
    assert [action for _, action, _, _ in engine.asked] == ["example:unlisted/admin"]
    assert isinstance(judged("/g", b"{}", engine=engine, unlisted="strictest"), Deny)


@pytest.mark.parametrize(("method", "select", "permitted"), [
    ("GET", "%7Bviewer%7D", True), ("HEAD", "%7Bviewer%7D", True), ("GET", "mutation%7BdeleteIssue%7D", False), ("GET", "subscription%7Ba%7D", False),
])  # fmt: skip
def test_queries_by_get_are_judged_at_once(method, select, permitted):
    assert isinstance(judged(f"/g?query={select}", method=method), Permit) is permitted


def test_captures_of_path_and_body_join():
    verdict = judged("/o/acme/rpc", b'{"jsonrpc": "2.0", "id": 1, "method": "move", "params": ["site"]}')
    assert str(verdict.question.resource) == 'Example::Repo::"acme/site"'


def test_a_model_may_hold_a_slash_and_the_query_may_not_name_another():
    body = b'{"model": "meta/llama-3"}'
    assert str(judged("/chat", body).question.resource) == 'Example::Model::"meta/llama-3"'
    assert isinstance(judged("/chat?trace=1", body), Permit)
    for query in ("model=x", "MODEL=x", "%6dodel[]=x", "a=1;model=x"):
        assert judged(f"/chat?{query}", body).reason is Reason.REQUEST_MALFORMED


def test_a_body_over_the_operations_limit_is_refused_by_the_decision_too():
    body = b'{"jsonrpc": "2.0", "method": "move", "params": ["a"]}' + b" " * 200
    assert judged("/o/acme/rpc", body).reason is Reason.REQUEST_MALFORMED


def test_a_foreign_credential_is_refused_whatever_the_body_says():
    verdict = judged("/g", b'{"query": "{ viewer }"}', fields=(JSON, ("Authorization", "Bearer mine-own-0123456789")))
    assert (verdict.reason, verdict.question.action) == (Reason.CREDENTIAL_FOREIGN, "example:viewer")


def test_what_is_yet_unread_can_be_told_from_what_is_known():
    snapshot, _ = world(operation=OPERATIONS, resource=TYPES)
    unread = classify(request("POST", "/g"), snapshot.services)
    assert isinstance(unread, Unread)
    assert unread.choices.reader == "graphql"
