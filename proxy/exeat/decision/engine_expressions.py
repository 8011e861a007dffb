"""Reading the body of a policy in Cedar's JSON form: its nodes, and which context attributes it looks at.

Anything this reader does not know is refused, because a part it skipped could hide what a policy depends on. Must not
know: scopes, sessions, how a policy is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]

_LITERALS = frozenset({"Var", "Value"})
_UNARY = frozenset({"!", "neg", "isEmpty"})
_BINARY = frozenset(
    {"==", "!=", "in", "<", "<=", ">", ">=", "&&", "||", "+", "-", "*"}
    | {"contains", "containsAll", "containsAny", "getTag", "hasTag"}
)
_EXTENSIONS = frozenset(
    {"ip", "isIpv4", "isIpv6", "isLoopback", "isMulticast", "isInRange"}
    | {"decimal", "lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"}
    | {"datetime", "duration", "offset", "durationSince", "toDate", "toTime"}
    | {"toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"}
)
CAN_OVERFLOW = frozenset({"+", "-", "*", "neg", "offset", "durationSince"})
"""Operators that strict validation accepts and that can still fail at run time."""


class UnknownSyntaxError(ValueError):
    """A policy holds something this reader was not written for."""


def split(node: Node) -> tuple[str, Any]:
    """A node's operator and operand; raise UnknownSyntaxError when it isn't exactly one of each."""
    if len(node) != 1:
        raise UnknownSyntaxError(f"expression with the keys {sorted(node)}")
    return next(iter(node.items()))


def children(node: Node) -> tuple[Node, ...]:
    """The expressions directly inside a node; raise UnknownSyntaxError for an operator that isn't known."""
    operator, operand = split(node)
    if operator in _LITERALS:
        return ()
    if operator in _BINARY:
        return (operand["left"], operand["right"])
    if operator in _UNARY:
        return (operand["arg"],)
    if operator in (".", "has", "like"):
        return (operand["left"],)
    if operator == "is":
        return (operand["left"], operand["in"]) if "in" in operand else (operand["left"],)
    if operator == "if-then-else":
        return (operand["if"], operand["then"], operand["else"])
    if operator == "Set" or operator in _EXTENSIONS:
        return tuple(operand)
    if operator == "Record":
        return tuple(operand.values())
    raise UnknownSyntaxError(f"the operator {operator!r}")


def walk(node: Node) -> Iterator[Node]:
    """A node and everything inside it."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(children(current))


def bodies(policy: Node) -> Iterator[Node]:
    """The expressions of a policy's ``when`` and ``unless`` clauses."""
    for condition in policy["conditions"]:
        if set(condition) != {"kind", "body"} or condition["kind"] not in ("when", "unless"):
            raise UnknownSyntaxError(f"a condition with the keys {sorted(condition)}")
        yield condition["body"]


def entity_literals(policy: Node) -> Iterator[tuple[str, str]]:
    """Every entity a policy names in its conditions, as ``(type, id)``."""
    for body in bodies(policy):
        for node in walk(body):
            operator, operand = split(node)
            if operator == "Value" and isinstance(operand, Mapping) and "__entity" in operand:
                yield operand["__entity"]["type"], operand["__entity"]["id"]


def context_reads(policies: Iterable[Node]) -> frozenset[str] | None:
    """The context attributes that policies look at, or None when one uses ``context`` as a whole."""
    names: set[str] = set()
    for policy in policies:
        for body in bodies(policy):
            waiting = [body]
            while waiting:
                node = waiting.pop()
                operator, operand = split(node)
                if operator == "Var" and operand == "context":
                    return None
                if operator in (".", "has") and operand["left"] == {"Var": "context"}:
                    names.add(operand["attr"])
                else:
                    waiting.extend(children(node))
    return frozenset(names)
