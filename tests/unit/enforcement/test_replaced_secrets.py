"""What a credential was before: origins may still show it, and the agent doesn't get that either."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exeat.enforcement.answers.reader import Answers
from exeat.model.issuing import Grade
from exeat.model.secret import Secret
from exeat.model.token import Token

OLD, NEW = "old-canary-5e1f7c20aa", "new-canary-5e1f7c20aa"


@pytest.mark.guard("replaced-is-scrubbed")
def test_the_old_value_is_covered_where_its_service_answers_and_only_there():
    nothing: Any = None
    answers = Answers(nothing, lambda _: None)
    token = Token(Secret(NEW), "key-1", Grade.C, None)
    exchange: Any = SimpleNamespace(
        token=token, claim=None, permit=SimpleNamespace(question=SimpleNamespace(service="slack"))
    )
    text = f"{OLD} {NEW}".encode()
    assert answers.needles(exchange).mask(text) == f"{OLD} {'*' * len(NEW)}".encode()
    answers.replace({"slack": [Secret(OLD)]})
    assert answers.needles(exchange).mask(text) == f"{'*' * len(OLD)} {'*' * len(NEW)}".encode()
    answers.replace({"stripe": [Secret(OLD)]})
    assert answers.needles(exchange).mask(text) == f"{OLD} {'*' * len(NEW)}".encode()
