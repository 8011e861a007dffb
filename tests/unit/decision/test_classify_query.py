"""Where the query decides what a request means, a query that can't be told is refused, even where unlisted requests aren't."""

from __future__ import annotations

import pytest
from decision_world import request, services

from exeat.decision.classify import Classified, classify
from exeat.model.decision import Deny
from exeat.model.reason import Reason

OPERATIONS = [
    {"match": "GET /x?do=list", "action": "x/list", "group": "read"},
    {"match": "GET /x?do=wipe", "action": "x/wipe", "group": "admin"},
]


@pytest.mark.parametrize(
    ("target", "action"),
    [
        ("/x?do=list", "example:x/list"),
        ("/x?a=b&do=wipe", "example:x/wipe"),
        ("/x?do=wipe&do=list", None),
        ("/x?do=other", None),
        ("/x", None),
        ("/y", "example:unlisted/read"),
    ],
)
def test_an_ambiguous_query_is_never_unlisted(target, action):
    found = classify(request(target=target), services(operation=OPERATIONS, resource=[], unlisted="strictest"))
    if action is None:
        assert isinstance(found, Deny)
        assert found.reason is Reason.OPERATION_UNKNOWN
    else:
        assert isinstance(found, Classified)
        assert found.action == action


def test_a_head_is_judged_with_its_query_too():
    found = classify(request("HEAD", "/x?do=wipe"), services(operation=OPERATIONS, resource=[]))
    assert isinstance(found, Classified)
    assert found.action == "example:x/wipe"
