"""Which policies can matter to one session and one action.

Cedar evaluates the scope before the conditions and a scope can't fail, so the policies whose scope holds, or any
superset of them, give the same decision, reasons and errors as the whole bundle. The resource part is left to Cedar,
since resources change with every request. Permits and forbids are treated alike. Must not know: Cedar's engine, entities.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

from exeat.decision.engine_rule import Rule, Uid


@final
class Slicer:
    """Finds policies by scope. Immutable but for an index it builds once an action."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._any_action: list[int] = []
        self._by_action: dict[Uid, list[int]] = {}
        self._indexes: dict[Uid, _PrincipalIndex] = {}
        for number, rule in enumerate(rules):
            constraint = rule.scope.action
            named = constraint.uids if constraint.uids is not None else constraint.within
            if named is None:
                self._any_action.append(number)
            for uid in named or ():
                self._by_action.setdefault(uid, []).append(number)

    def find(self, principal: Uid, ancestors: frozenset[Uid], action: Uid, groups: frozenset[Uid]) -> tuple[int, ...]:
        """The numbers of all policies whose principal and action scopes hold, in file order.

        ``groups`` are all groups of the action, and must be a function of it: the answer for an action is indexed once.
        """
        index = self._indexes.get(action)
        if index is None:
            index = self._indexes[action] = self._index(action, groups)
        return index.find(principal, ancestors)

    def _index(self, action: Uid, groups: frozenset[Uid]) -> _PrincipalIndex:
        numbers = set(self._any_action)
        for uid in (action, *groups):
            numbers.update(self._by_action.get(uid, ()))
        # A policy filed under a group by `==` is found here too, and dropped: only the exact action is equal to it.
        return _PrincipalIndex(
            self._rules, sorted(n for n in numbers if self._rules[n].scope.action.matches(action, groups))
        )


class _PrincipalIndex:
    """The policies of one action, filed by the entity or type their principal part names."""

    def __init__(self, rules: Sequence[Rule], numbers: Iterable[int]) -> None:
        self._rules = rules
        self._unfiled: list[int] = []
        self._by_uid: dict[Uid, list[int]] = {}
        for number in numbers:
            constraint = rules[number].scope.principal
            named = constraint.uids if constraint.uids is not None else constraint.within
            if named is None:
                self._unfiled.append(number)
            for uid in named or ():
                self._by_uid.setdefault(uid, []).append(number)

    def find(self, principal: Uid, ancestors: frozenset[Uid]) -> tuple[int, ...]:
        numbers = set(self._unfiled)
        if self._by_uid:
            for uid in (principal, *ancestors):
                numbers.update(self._by_uid.get(uid, ()))
        return tuple(sorted(n for n in numbers if self._rules[n].scope.principal.matches(principal, ancestors)))
