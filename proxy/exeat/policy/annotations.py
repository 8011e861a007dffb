"""Annotations: a closed list, since Cedar takes any name and a misspelt ``@approvel`` would be a plain comment.

Must not know: schemas, conditions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from exeat.errors import Finding
from exeat.model.identity import NAME
from exeat.model.reason import Reason
from exeat.policy.values import ParsedPolicy

MEANINGFUL = ("id", "reason", "advice", "approval")
FREE = ("title", "description", "owner", "ticket")
REASONS = frozenset(
    {
        Reason.POLICY_DENIED,
        Reason.APPROVAL_REQUIRED,
        Reason.CREDENTIAL_FOREIGN,
        Reason.CREDENTIAL_RETIRED,
        Reason.BUDGET_EXHAUSTED,
        Reason.DESTINATION_NOT_ALLOWED,
    }
)
"""What a policy may give as its reason; the other codes are facts that only the proxy can know."""
_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9:._/-]{0,126}[A-Za-z0-9])?")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix that names the closest known word, or all of them where there are few; empty when neither helps."""
    words = sorted(known)
    if close := get_close_matches(word, words, 1):
        return f"did you mean {close[0]}?"
    return f"known are {', '.join(words)}" if 0 < len(words) <= 12 else ""


def check_annotations(policy: ParsedPolicy) -> Iterator[Finding]:
    """What is wrong with one policy's annotations."""
    permits = policy.info.effect == "permit"
    given = policy.json.get("annotations", {})
    if "id" not in given:
        fix = '@id("a-short-name") before the policy'
        yield policy.finding("the policy has no @id, so no record can name it", fix=fix)
    for name, value in given.items():
        if name not in MEANINGFUL and name not in FREE:
            yield policy.finding(f"unknown annotation @{name}", fix=did_you_mean(name, MEANINGFUL + FREE))
        elif not value:
            yield policy.finding(f"@{name} says nothing", fix=f'write @{name}("…")')
        elif name == "id" and not _ID.fullmatch(value):
            yield policy.finding(f"the @id {value!r} is not a plain name", fix="use letters, digits and : . _ / -")
        elif name == "reason" and value not in REASONS:
            yield policy.finding(f"{value!r} is no reason a policy can give", fix=did_you_mean(value, REASONS))
        elif name == "approval" and permits:
            fix = "put it on a forbid that looks at context.approvals"
            yield policy.finding("@approval on a permit has no meaning", fix=fix)
        elif name == "approval" and not NAME.fullmatch(value):
            yield policy.finding(
                f"{value!r} is no name for an approver", fix="lower-case letters, digits, '.', '_' and '-'"
            )
        elif name in ("reason", "advice") and permits:
            yield policy.finding(f"@{name} on a permit is never shown", warning=True)


def check_ids(policies: Iterable[ParsedPolicy]) -> Iterator[Finding]:
    """Every ``@id`` that more than one policy of one origin has; Cedar takes them without a word."""
    seen: dict[str, ParsedPolicy] = {}
    for policy in policies:
        if not policy.info.id:
            continue
        first = seen.setdefault(policy.info.id, policy)
        if first is not policy:
            yield policy.finding(f"the @id is taken by {first.path}:{first.info.line}", fix="give it another one")
