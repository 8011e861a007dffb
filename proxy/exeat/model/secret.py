"""A secret that can't be shown by accident.

Must not know: where secrets come from or what they open.
"""

from __future__ import annotations

from typing import NoReturn, final


@final
class Secret:
    """Hold a credential so that ``repr``, ``str``, formatting, pickling and JSON never show it.

    Only :meth:`reveal` hands out the value, so that a search for ``.reveal(`` lists every place that touches one.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value itself. Call it as late as possible and never keep the result."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret can't be pickled or copied")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError("compare fingerprints, not secrets")

    __hash__ = None  # type: ignore[assignment]
