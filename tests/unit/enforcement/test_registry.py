"""A mission's end reaches every connection that acts for it, and no other."""

from __future__ import annotations

from collections.abc import Callable

from exeat.enforcement.registry import Registry


class Connection:
    def __init__(self) -> None:
        self.cuts = 0
        self.place = ("api.example.test", 443)

    def cut(self) -> None:
        self.cuts += 1

    def busy(self) -> bool:
        return self.cuts == 0

    def leave(self, gone: Callable[[str, int], bool]) -> bool:
        if not gone(*self.place):
            return False
        self.cut()
        return True


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


def test_only_what_leads_to_a_lost_place_is_left() -> None:
    registry = Registry()
    there, elsewhere = Connection(), Connection()
    elsewhere.place = ("api.example.test", 8443)
    registry.add(there)
    registry.add(elsewhere)
    assert registry.leave(lambda host, port: port == 443) == 1
    assert (there.cuts, elsewhere.cuts) == (1, 0)
