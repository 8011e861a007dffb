"""A mission's end reaches every connection that acts for it, and no other."""

from __future__ import annotations

from exeat.enforcement.registry import Registry


class Connection:
    def __init__(self) -> None:
        self.cuts = 0

    def cut(self) -> None:
        self.cuts += 1

    def busy(self) -> bool:
        return self.cuts == 0


def test_only_the_missions_own_connections_are_cut() -> None:
    registry = Registry()
    ours, theirs, unbound = Connection(), Connection(), Connection()
    for connection in (ours, theirs, unbound):
        registry.add(connection)
    registry.bind("m1", ours)
    registry.bind("m2", theirs)
    assert registry.cut("m1") == 1
    assert registry.cut("m1") == 0
    assert (ours.cuts, theirs.cuts, unbound.cuts) == (1, 0, 0)
    assert registry.cut_all() == 3
    registry.remove("m2", theirs)
    registry.remove(None, unbound)
    assert len(registry) == 1
