"""How much is written lately, and how much is usual: two numbers in constant memory.

The window is cut into slices. What leaves it joins an average that forgets slowly, so a burst doesn't become its own
baseline while it lasts. Must not know: rules, what is written.
"""

from __future__ import annotations

from typing import final

_SLICES = 10
_MEMORY = 300
"""Slices that the average spans: thirty windows."""


@final
class Burst:
    """The writes of one mission; times never go back."""

    __slots__ = ("_average", "_first", "_known", "_ring", "_seconds", "_slice")

    def __init__(self, window: float) -> None:
        self._seconds = window / _SLICES
        self._ring = [0] * _SLICES
        self._slice: int | None = None
        self._first = 0
        self._average = 0.0
        self._known = 0

    def add(self, now: float) -> tuple[int, float]:
        """Note a write; return how many there were in the window that ends now, and how many are usual in one."""
        current = int(now // self._seconds)
        if self._slice is None:
            self._slice = self._first = current
        self._move_to(max(current, self._slice), self._slice)
        self._ring[current % _SLICES] += 1
        return sum(self._ring), self._average * _SLICES

    def _move_to(self, current: int, last: int) -> None:
        for number in range(last + 1, min(current, last + _SLICES) + 1):
            left = number - _SLICES  # has no place in the window any more
            if left >= self._first:
                self._known = min(self._known + 1, _MEMORY)
                self._average += (self._ring[number % _SLICES] - self._average) / self._known
            self._ring[number % _SLICES] = 0
        self._forget(current - last - _SLICES)
        self._slice = current

    def _forget(self, empty: int) -> None:
        """So many slices without a write have left as well."""
        growing = min(max(empty, 0), _MEMORY - self._known)
        if growing:
            self._average *= self._known / (self._known + growing)
            self._known += growing
        if empty > growing:
            self._average *= (1 - 1 / _MEMORY) ** (empty - growing)
