"""The built-in services as a Markdown table; the documentation holds it, and a test keeps it current.

Must not know: how services are compiled.
"""

from __future__ import annotations

from collections import Counter


def markdown_table() -> str:
    """One row a built-in service: hosts, credential, operations by group, resource types, refusal form."""
    from exeat.model.service import Group
    from exeat.services.catalogue import built_in, built_in_names

    lines = [
        "| Service | Hosts | Credential | Operations (read, write, delete, admin) | Resources | Refusals |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in built_in_names():
        table = built_in(name)
        if table is None:
            continue
        counts = Counter(Group(each.group) for each in table.operation)
        place = table.credential
        places = [] if place is None else [place, *place.also]
        said = [f"{each.in_} `{_label(each.in_, each.name, each.scheme, each.user)}`" for each in places]
        kinds = [f"`{each.type}`" for each in table.resource]
        numbers = ", ".join(str(counts[group]) for group in Group)
        hosts = ", ".join(f"`{host}`" for host in table.hosts) or "yours"
        row = (f"`{name}`", hosts, "; ".join(said) or "none", f"{len(table.operation)} ({numbers})")
        lines.append("| " + " | ".join((*row, ", ".join(kinds) or "the service", table.refusal)) + " |")
    return "\n".join(lines)


def _label(kind: str, name: str, scheme: str, user: str | None) -> str:
    return (user or "credential:") if kind == "basic" else f"{name}: {scheme}".rstrip(": ")
