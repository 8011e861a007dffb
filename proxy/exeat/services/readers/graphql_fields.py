"""The root fields of one GraphQL operation and their arguments.

Must not know: HTTP, JSON texts, operations of a service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

from graphql.language import (
    BooleanValueNode,
    EnumValueNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
)

from exeat.services.readers.reading import Asked, UnreadableError, bounded, one_asked

_MISSING = object()


@final
class Fields:
    """Walks one operation; make one for each."""

    def __init__(
        self,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._operation = operation
        self._fragments = fragments
        self._entered: set[str] = set()
        self._variables: dict[str, Any] = {}
        for each in operation.variable_definitions or ():
            name = each.variable.name.value
            if name in self._variables:
                raise UnreadableError("a variable is defined twice")
            default = _MISSING if each.default_value is None else self._value(each.default_value)
            self._variables[name] = variables.get(name, default)
        self._asked: list[Asked] = []

    def asked(self) -> list[Asked]:
        """Every root field; raise UnreadableError for what no server should run."""
        self._walk(self._operation.selection_set)
        if not self._asked:
            raise UnreadableError("the operation has no field")
        return self._asked

    def _walk(self, selections: SelectionSetNode) -> None:
        for each in selections.selections:
            if isinstance(each, FieldNode):
                self._asked.append(self._field(each))
                bounded(self._asked)
            elif isinstance(each, InlineFragmentNode):
                self._walk(each.selection_set)
            elif isinstance(each, FragmentSpreadNode):
                name = each.name.value
                if name not in self._fragments:
                    raise UnreadableError("a fragment is missing")
                if name not in self._entered:  # its fields are asked for already; a cycle ends here too
                    self._entered.add(name)
                    self._walk(self._fragments[name].selection_set)
            else:
                raise UnreadableError("a selection of an unknown kind")

    def _field(self, field: FieldNode) -> Asked:
        arguments = self._members(field.arguments or ())
        return one_asked(f"{self._operation.operation.value}:{field.name.value}", arguments)

    def _members(self, nodes: Sequence[Any]) -> dict[str, Any]:
        """Arguments of a field or fields of an input object; those whose variable has no value are left out (§6.4.1)."""
        found: dict[str, Any] = {}
        for node in nodes:
            if node.name.value in found:
                raise UnreadableError("an argument comes twice")
            found[node.name.value] = self._value(node.value)
        return {name: value for name, value in found.items() if value is not _MISSING}

    def _value(self, node: ValueNode) -> Any:
        match node:
            case VariableNode():
                return self._variables.get(node.name.value, _MISSING)
            case StringValueNode() | EnumValueNode() | BooleanValueNode():
                return node.value
            case IntValueNode():
                return int(node.value) if len(node.value) < 20 else float(node.value)
            case FloatValueNode():
                return float(node.value)
            case NullValueNode():
                return None
            case ListValueNode():
                return [None if (value := self._value(each)) is _MISSING else value for each in node.values]
            case ObjectValueNode():
                return self._members(node.fields)
            case _:
                raise UnreadableError("a value of an unknown kind")
