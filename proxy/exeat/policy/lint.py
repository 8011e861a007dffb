"""What Cedar accepts and Exeat refuses, because it would fail, or silently not apply, when it matters.

Cedar skips a policy that fails: of a forbid, nothing remains. Must not know: files, the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exeat.decision.engine_expressions import (
    CAN_OVERFLOW,
    UnknownSyntaxError,
    bodies,
    entity_literals,
    split,
    walk,
)
from exeat.decision.entities import check_id
from exeat.errors import Finding
from exeat.policy.annotations import did_you_mean
from exeat.policy.source import Token, quote, tokens
from exeat.policy.values import ParsedPolicy

_LOADED = ("principal", "resource", "context")
_PLACED = ("principal", "action", "resource")


@dataclass(frozen=True, slots=True)
class Known:
    """What literals are held against: service names, types whose ids are lower case, and configured approvers."""

    services: frozenset[str]
    folded: frozenset[str]
    approvers: frozenset[str] = frozenset()


def lint(policy: ParsedPolicy, known: Known) -> Iterator[Finding]:
    """Everything wrong with one policy beyond its types."""
    try:
        words = tokens(policy.info.text)
        yield from _conditions(policy, words)
        yield from _literals(policy, known, words)
        yield from _whole(policy, known)
    except UnknownSyntaxError as error:
        yield policy.finding(f"holds something Exeat doesn't know: {error}", fix="write it more simply")


def _conditions(policy: ParsedPolicy, words: list[Token]) -> Iterator[Finding]:
    forbids = policy.info.effect == "forbid"

    def at(text: str) -> int | None:
        return next((word.start for word in words if word.value == text), None)

    for body in bodies(policy.json):
        for node in walk(body):
            operator, operand = split(node)
            if operator in CAN_OVERFLOW:
                symbol = "-" if operator == "neg" else operator
                message = f"{symbol} can overflow, and then this {policy.info.effect} is skipped"
                fix = "compare without arithmetic"
                yield policy.finding_at(at(symbol), message, fix=fix, warning=not forbids)
            elif operator in (".", "has", "getTag", "hasTag") and _variable(operand["left"]) not in _LOADED:
                name = operand.get("attr", "tag")
                message = f"{name!r} is looked up on something else than principal, resource or context"
                fix = "only those three are loaded; use an attribute of theirs"
                yield policy.finding_at(at(name), message, fix=fix)
            elif operator in ("in", "is") and _variable(operand["left"]) not in _PLACED:
                message = f"left of {operator!r} stands something else than principal, action or resource"
                fix = "only those three have parents here; compare with == or contains"
                yield policy.finding_at(at(operator), message, fix=fix)
            elif operator == "like" and not forbids:
                fix = "name hosts and resources as entities: * also matches dots and slashes"
                yield policy.finding_at(at("like"), "a permit by 'like' is wider than it looks", fix=fix, warning=True)


def _variable(node: Mapping[str, Any]) -> str:
    operator, operand = split(node)
    return str(operand) if operator == "Var" else ""


def _literals(policy: ParsedPolicy, known: Known, words: list[Token]) -> Iterator[Finding]:
    strings: dict[str, int] = {}
    for word in words:
        if word.kind == "string":
            strings.setdefault(word.value, word.start)
    for type_, id_ in dict.fromkeys([*_scope_literals(policy.json), *entity_literals(policy.json)]):
        shown, at = f"{type_}::{quote(id_)}", strings.get(id_)
        if type_ == "Action":
            continue
        if type_ in known.folded and id_ != id_.lower():
            message = f"{shown} never matches: these ids are compared in lower case"
            yield policy.finding_at(at, message, fix=f"write {quote(id_.lower())}")
        elif _malformed(check_id, id_):
            yield policy.finding_at(
                at, f"{shown} never matches: no id is written like this", fix="write it in NFC, without outer spaces"
            )
        elif type_ == "Exeat::Service" and id_ not in known.services:
            yield policy.finding_at(at, f"no service is called {id_!r}", fix=did_you_mean(id_, known.services))
        elif type_ in ("Exeat::Mission", "Exeat::Session"):
            fix = "missions come and go; name their template with Exeat::MissionTemplate"
            yield policy.finding_at(at, f"{shown} will be gone soon", fix=fix, warning=True)


def _malformed(check: Callable[[str], None], text: str) -> bool:
    try:
        check(text)
    except ValueError:
        return True
    return False


def _scope_literals(policy: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part in ("principal", "action", "resource"):
        form = policy[part]
        entities = [form.get("entity"), form.get("in", {}).get("entity"), *form.get("entities", ())]
        yield from ((entity["type"], entity["id"]) for entity in entities if entity)


def _whole(policy: ParsedPolicy, known: Known) -> Iterator[Finding]:
    approver = policy.info.annotations.get("approval")
    if approver and known.approvers and approver not in known.approvers and not policy.builtin:
        fix = did_you_mean(approver, known.approvers)
        yield policy.finding(f"no [[approver]] is called {approver!r}: any approver counts", fix=fix, warning=True)
    if approver and ("Exeat::Approver", approver) not in set(entity_literals(policy.json)):
        fix = f'unless {{ context.approvals.contains(Exeat::Approver::"{approver}") }}'
        yield policy.finding("the condition never looks at this approval, so none can help", fix=fix, warning=True)
    parts = (policy.json[part]["op"] for part in ("principal", "action", "resource"))
    if policy.info.effect == "permit" and not policy.json["conditions"] and all(op == "All" for op in parts):
        yield policy.finding("permits everything to everybody", fix="name who may do what", warning=True)
