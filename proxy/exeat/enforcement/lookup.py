"""Names to addresses: the system's resolver, and a fair share of it for each session.

A lookup can't be broken off, and a name server may never answer; whoever asks for such names waits alone. Must not know:
which addresses may be dialled, who a session is.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import final
from weakref import WeakValueDictionary

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.ports import Resolver

_SHARE = 8
"""Lookups of one session at a time; a browser opens about as many connections at once."""

_Outcome = list[str] | Exception


@final
class SystemResolver:
    """The system's resolver, asked for the absolute name so that no search domain is ever tried.

    Each lookup has a thread of its own: the loop's few are shared, and six silent names would stop everybody's lookups for
    as long as the system waits (``resolv.conf(5)``: 5 s a try, twice).
    """

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses in the order the system prefers them."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Outcome] = loop.create_future()

        def settle(outcome: _Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        def tell(outcome: _Outcome) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(settle, outcome)

        threading.Thread(target=_look_up, args=(host, port, tell), name="lookup", daemon=True).start()
        outcome = await future
        if isinstance(outcome, Exception):
            raise RefusalError(Reason.UPSTREAM_UNREACHABLE, f"{host} can't be resolved") from outcome
        return outcome


def _look_up(host: str, port: int, tell: Callable[[_Outcome], None]) -> None:
    try:
        found = socket.getaddrinfo(f"{host}.", port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except Exception as error:  # noqa: BLE001 whatever it was, the name isn't resolved
        tell(error)
    else:
        tell(list(dict.fromkeys(str(entry[4][0]) for entry in found)))


@final
class FairResolver:
    """Gives each asker a share of a resolver; who has used it up waits for itself."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._shares: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def resolve(self, asker: str, host: str, port: int) -> Sequence[str]:
        """Ask the resolver. Giving up waiting doesn't give back the share: the lookup goes on until it ends by itself."""
        share = self._shares.get(asker)
        if share is None:
            share = self._shares[asker] = asyncio.Semaphore(_SHARE)
        await share.acquire()
        task = asyncio.ensure_future(self._resolver.resolve(host, port))

        def ended(done: asyncio.Future[Sequence[str]]) -> None:
            share.release()
            if not done.cancelled():
                done.exception()  # seen, also when nobody waits for it any more

        task.add_done_callback(ended)
        return await asyncio.shield(task)
