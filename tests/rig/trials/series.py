"""Many trials at once, and what they come to.

Must not know: how a trial goes.
"""

from __future__ import annotations

import multiprocessing
import queue
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rig.trials.clients import Door, KeepAlive
from rig.trials.hits import Hits
from rig.trials.site import Site
from rig.trials.trial import Outcome, attempt


def run(
    site: Site,
    kinds: Iterable[str],
    trials: int,
    *,
    hold: float = 0.25,
    seed: int = 0,
    hits: Hits | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> list[Outcome]:
    """So many trials of each kind, mixed, one at a time at each place; raise what a trial raised."""
    todo: queue.SimpleQueue[tuple[int, str]] = queue.SimpleQueue()
    work = [kind for kind in kinds for _ in range(trials)]
    random.Random(seed).shuffle(work)
    for number, kind in enumerate(work):
        todo.put((number, kind))
    found: list[Outcome] = []
    failed: list[BaseException] = []

    def serve(place: int) -> None:
        while not failed:
            try:
                number, kind = todo.get_nowait()
            except queue.Empty:
                return
            try:
                found.append(attempt(site, place, kind, hold=hold, rng=random.Random(seed + number), hits=hits))
                progress(len(found))
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=serve, args=(place,), daemon=True) for place in range(site.places)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return found


@contextmanager
def load(site: Site, clients: int) -> Iterator[None]:
    """Other missions' traffic meanwhile: so many clients in a process of their own, as fast as they are answered."""
    if not clients:
        yield
        return
    mission = site.open(site.places)
    process = multiprocessing.get_context("spawn").Process(
        target=_load, args=(site.door(mission, f"s{site.places}.trial.test"), clients), daemon=True
    )
    process.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        process.kill()
        process.join(5)


def _load(door: Door, clients: int) -> None:
    threads = [KeepAlive(door) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99 and the maximum, in milliseconds."""
    ordered = sorted(value * 1000 for value in values)
    at = {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in (("p90", 0.9), ("p99", 0.99))
    }
    return {"p50": statistics.median(ordered), **at, "max": ordered[-1]}


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Counts and percentiles of some trials."""
    calm = [each for each in outcomes if not each.hit]
    return {
        "trials": len(outcomes),
        "violations": sum(bool(each.wrong) for each in outcomes),
        "hit": len(outcomes) - len(calm),
        "returned_ms": percentiles([each.returned for each in outcomes]),
        "last_byte_ms": percentiles([each.last_byte for each in outcomes]),
        "said_cut_ms": percentiles([each.applied.get("cut_ms", 0.0) / 1000 for each in outcomes]),
        "wrong": [f"{each.kind}: {what}" for each in outcomes for what in each.wrong][:20],
    }
