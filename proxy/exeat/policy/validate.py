"""Cedar's strict validation, with places, and the policies that pass it without ever applying.

Must not know: files, annotations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import cedarpy

from exeat.decision.engine import EngineSchema
from exeat.errors import Finding
from exeat.policy.annotations import did_you_mean
from exeat.policy.source import mentioned, tokens
from exeat.policy.values import ParsedPolicy

_SHOWN = 3
"""Findings shown for one policy: one misspelt attribute is an error for every action there is."""
_FOLLOWS = "unable to find an applicable action given the policy scope constraints"
_POLICY = re.compile(r"(?:for policy `policy\d+`[,:] )")
_ACTION = re.compile(r' for Action::"(?:\\.|[^"\\])*"')
_UNKNOWN = re.compile(r"unrecognized (?:action|entity type) `([^`]+)`|entity `([^`]+)` is of an enumerated entity type")


def validate(policies: Sequence[ParsedPolicy], schema: EngineSchema) -> Iterator[Finding]:
    """What doesn't fit the schema, then what fits it and can never apply."""
    errors = _errors([policy.info.text for policy in policies], schema)
    sound = []
    for number, policy in enumerate(policies):
        if messages := errors.get(number):
            yield from _findings(policy, messages, schema)
        else:
            sound.append(policy)
    # Where `&& false` after everything still validates, the type checker found what stands before it false for every
    # action. (`!1` is a type error that it only reports in code it thinks can be reached.)
    doubted = _errors([f"{policy.info.text.removesuffix(';')}\nwhen {{ !1 }};" for policy in sound], schema)
    for number, policy in enumerate(sound):
        if number not in doubted:
            permits = policy.info.effect == "permit"
            fix = "check the resource type against the action, and names of attributes"
            yield policy.finding(f"this {policy.info.effect} can never apply", fix=fix, warning=permits)


def _errors(texts: Sequence[str], schema: EngineSchema) -> dict[int, list[str]]:
    """Messages by the policy's number; raise ValueError when one belongs to no policy."""
    result = cedarpy.validate_policies("\n".join(texts), schema.full, release_gil=True)
    found: dict[int, list[str]] = {}
    for error in result.errors:
        number = error.policy_id.removeprefix("policy")
        if not number.isdigit() or int(number) >= len(texts):
            raise ValueError(f"validation failed: {error.error}")
        found.setdefault(int(number), []).append(error.error)
    if not result.validation_passed and not found:
        raise ValueError("validation failed without saying why")
    return found


def _findings(policy: ParsedPolicy, messages: Sequence[str], schema: EngineSchema) -> Iterator[Finding]:
    words = tokens(policy.info.text)
    plain = list(dict.fromkeys(_ACTION.sub("", _POLICY.sub("", message)) for message in messages))
    causes = [message for message in plain if message != _FOLLOWS] or plain
    for message in causes[:_SHOWN]:
        yield policy.finding_at(mentioned(message, policy.info.text, words), message, fix=_fix(message, schema))
    if len(causes) > _SHOWN:
        yield policy.finding(f"and {len(causes) - _SHOWN} more like these")


def _fix(message: str, schema: EngineSchema) -> str:
    match = _UNKNOWN.search(message)
    if match is None:
        return ""
    name = match[1] or match[2]
    if name.startswith("Action::"):
        known = {f'Action::"{id_}"' for action in schema.actions.values() for id_ in (action.id, *action.groups)}
        return did_you_mean(name, known)
    type_, _, quoted = name.rpartition("::")
    listed = re.search(rf"entity {re.escape(type_.rpartition('::')[2])} enum \[([^\]]*)\]", schema.text)
    return did_you_mean(quoted.strip('"'), re.findall(r'"([^"]*)"', listed[1])) if listed else ""
