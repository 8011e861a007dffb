"""The session policy of one decision: the site's statements for its scopes, filled in with the id of its resource.

An id is plain text in a policy: what IAM would read as a wildcard or a variable in it is escaped. Cites: IAM user guide, "Session
policies", "IAM policy elements: Variables and tags". Must not know: STS, networks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from exeat.errors import RefusalError
from exeat.model.issuing.aws import Statement
from exeat.model.reason import Reason

LONGEST = 2048
"""Characters of an inline session policy (STS API reference, AssumeRole, Policy)."""
_UID = re.compile(r'[A-Za-z0-9:_]+::"((?:[^"\\]|\\.)*)"')
_WORD = re.compile(r"(?<!\$)\{(id|first|rest)\}")
_SPECIAL = re.compile(r"[*?$]")


def session_policy(statements: Mapping[str, Statement], scope: str, resource: str) -> str:
    """Return the policy as JSON, no wider than the decision.

    ``scope`` and ``resource`` are those of a TokenRequest: one each, or several with spaces between. Raise
    RefusalError(TOKEN_UNAVAILABLE) when there is no statement for a scope, when which scope goes with which resource can't be
    told, or when the policy is longer than AWS takes.
    """
    words, ids = scope.split(), _ids(resource)
    if len(words) > 1 and len(ids) > 1:
        raise _unavailable("several operations on several resources at once: no one policy is as narrow")
    built: list[dict[str, Any]] = []
    for word in words:
        statement = statements.get(word)
        if statement is None:
            raise _unavailable(f"the issuer has no statement for {word[:64]}")
        built.extend(_statement(statement, each) for each in ids)
    if not built:
        raise _unavailable("nothing is asked for")
    text = json.dumps({"Version": "2012-10-17", "Statement": built}, separators=(",", ":"))
    if len(text) > LONGEST:
        raise _unavailable(f"the session policy is longer than {LONGEST} characters")
    return text


def _statement(statement: Statement, resource: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Effect": "Allow",
        "Action": list(statement.actions),
        "Resource": [_filled(text, resource) for text in statement.resources],
    }
    if statement.conditions:
        found["Condition"] = {
            operator: {key: [_filled(value, resource) for value in values] for key, values in keys.items()}
            for operator, keys in statement.conditions.items()
        }
    return found


def _filled(template: str, resource: str) -> str:
    first, slash, rest = resource.partition("/")
    values = {"id": resource, "first": first, "rest": rest if slash else None}

    def value(match: re.Match[str]) -> str:
        text = values[match[1]]
        if text is None:
            raise _unavailable("the resource's id has no part behind a '/'")
        return _SPECIAL.sub(r"${\g<0>}", text)

    return _WORD.sub(value, template)


def _ids(resource: str) -> list[str]:
    """The ids of Cedar entities as text, in order."""
    found, at = [], 0
    while at < len(resource):
        match = _UID.match(resource, at)
        if match is None:
            raise _unavailable("the resource can't be read")
        found.append(re.sub(r"\\(.)", r"\1", match[1]))
        at = match.end()
        if at < len(resource):
            if resource[at] != " ":
                raise _unavailable("the resource can't be read")
            at += 1
    return found


def _unavailable(detail: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, detail)
