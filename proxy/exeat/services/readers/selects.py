"""Written selects: which operation an asked thing is, the most specific first.

    select = name / name-prefix "*"      "query:viewer", "mutation:*", "eth_*", "*"

An exact one wins over a prefix, a longer prefix over a shorter. Must not know: readers, operations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import final

from exeat.services.readers.s3 import SELECTS

_SELECT = re.compile(r"[!-)+-~]*\*?")
_LONGEST = 256
_GRAPHQL = re.compile(r"\*|(?:query|mutation|subscription):(?:\*|[_A-Za-z][_0-9A-Za-z]*\*?)")

_PUSH = re.compile(r"\*|probe|(?:create|update|delete):(?:refs/.*|\*)")


def check_select(reader: str, select: str) -> None:
    """Raise ValueError, saying what to write instead, unless ``reader`` can find what ``select`` names."""
    if reader in ("json", "form", "arguments", "grpc"):
        if select:
            raise ValueError(f"a {reader} body has nothing to select; remove select")
        return
    if not 0 < len(select) <= _LONGEST or not _SELECT.fullmatch(select):
        raise ValueError("a select is a name without blanks, and '*' stands only at its end")
    if reader == "git-receive-pack" and not _PUSH.fullmatch(select):
        raise ValueError(
            f"'{select}': write 'create:REF', 'update:REF', 'delete:REF', or '*' for the end of a ref, or 'probe'"
        )
    if reader == "s3" and select not in SELECTS:
        raise ValueError(f"'{select}' is no call of S3; write 'GetObject', 'PutObject', 'ListObjectsV2'")
    if reader == "graphql" and not _GRAPHQL.fullmatch(select):
        raise ValueError(
            f"'{select}': write 'query:FIELD', 'mutation:FIELD', 'subscription:FIELD', or '*' for the field"
        )


@final
class Selects[T]:
    """Selects and what each stands for. Built once; never changed after."""

    __slots__ = ("_exact", "_prefixes")

    def __init__(self, written: Mapping[str, T]) -> None:
        self._exact = {select: value for select, value in written.items() if not select.endswith("*")}
        prefixes = [(select[:-1], value) for select, value in written.items() if select.endswith("*")]
        self._prefixes = sorted(prefixes, key=lambda pair: len(pair[0]), reverse=True)

    def find(self, asked: str) -> T | None:
        """Return what the most specific select that fits stands for, or None."""
        found = self._exact.get(asked)
        if found is not None:
            return found
        return next((value for prefix, value in self._prefixes if asked.startswith(prefix)), None)
