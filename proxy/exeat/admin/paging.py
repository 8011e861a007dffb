"""Lists in pages: ``limit`` entries and a link to the next page, ``null`` on the last.

Must not know: what is listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from exeat.admin.call import Call


def page[Entry](
    call: Call,
    name: str,
    found: Sequence[Entry],
    view: Callable[[Entry], Mapping[str, Any]],
    key: Callable[[Entry], str],
    *,
    cursor: str = "before",
) -> dict[str, Any]:
    """Return one page of a list of which ``found`` are the ``limit + 1`` next entries, or all that is left.

    ``key`` of its last entry is the ``cursor`` of the next page.
    """
    limit = call.number("limit")
    shown = found[:limit]
    following = None
    if len(found) > limit:
        asked = {each: value for each, value in call.query.items() if each != cursor}
        following = f"{call.request.path}?{urlencode(asked | {cursor: key(shown[-1])})}"
    return {name: [dict(view(entry)) for entry in shown], "next": following}
