"""PostgreSQL: connections and the runner.

A few pooled connections, each call one transaction; a connection that is lost costs the calls under way, and the next
one opens another. Must not know: which tables there are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Concatenate, final

import asyncpg
from sqlalchemy import Connection, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from exeat.errors import StartError, UnavailableError
from exeat.store import notices
from exeat.store.listener import Listener
from exeat.store.notices import Channel, Hub
from exeat.store.postgres_url import Place
from exeat.store.runner import original, translated

CONNECT_SECONDS = 3.0
"""For one connection, TLS and login included."""
_STATEMENT_SECONDS = 5.0
"""As long as SQLite waits for another writer; a mission's write takes milliseconds."""
_LATE_SECONDS = 10.0
"""A whole call, waiting for a free connection included."""
_CONNECTIONS = 5
_DRIVER = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


async def connect(place: Place, *, statement_seconds: float = _STATEMENT_SECONDS) -> asyncpg.Connection[Any]:
    """Open one connection to the server of a cluster that takes writes.

    A standby may be behind: it would tell an old version as the newest one.
    """
    milliseconds = str(int(statement_seconds * 1000))
    return await asyncpg.connect(
        host=list(place.hosts),
        port=list(place.ports),
        user=place.user,
        database=place.database,
        password=None if place.password is None else place.password.reveal(),
        ssl=place.tls if place.tls is not None else False,
        timeout=CONNECT_SECONDS,
        # A second later than the server's own limit: this one ends the wait for a server that is silent.
        command_timeout=statement_seconds + 1,
        target_session_attrs="read-write",
        server_settings={
            "application_name": "exeat",
            # What a commit returned has to survive a crash of the server, whatever its own configuration says.
            "synchronous_commit": "on",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
            "jit": "off",
        },
    )


@final
class PostgresRunner:
    """Runs work on one database. It belongs to the first event loop that uses it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._engine = _engine(place)
        self._hub = Hub()
        self._listener: Listener | None = None
        self._closed = False

    async def run[**Given, Result](
        self,
        work: Callable[Concatenate[Connection, Given], Result],
        *arguments: Given.args,
        **options: Given.kwargs,
    ) -> Result:
        """Run ``work`` in one transaction; a fault, an absence or lateness is UnavailableError.

        The driver's own cleaning-up after a lost connection may take longer than the caller has, so it isn't waited for.
        """
        if self._closed:
            raise UnavailableError("the store is closed")
        call = asyncio.create_task(self._transaction(lambda connection: work(connection, *arguments, **options)))
        try:
            await asyncio.wait((call,), timeout=_LATE_SECONDS)
        finally:
            if not call.done():
                call.add_done_callback(_forget)
                call.cancel()
        if call.done():
            return call.result()
        raise UnavailableError("the store didn't answer in time")

    def listen(self, channel: Channel, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after each notice, and whenever some may have been missed."""
        stop = self._hub.listen(channel, callback)
        if self._listener is None:
            self._listener = Listener(lambda: connect(self._place), self._hub)
        return stop

    async def close(self) -> None:
        """Close every connection; later calls raise UnavailableError."""
        if self._closed:
            return
        self._closed = True
        if self._listener is not None:
            await self._listener.close()
        await self._engine.dispose()

    async def _transaction[Result](self, call: Callable[[Connection], Result]) -> Result:
        def whole(connection: Connection) -> tuple[Result, frozenset[Channel]]:
            notices.start(connection)
            return call(connection), notices.said(connection)

        with translated(*_DRIVER):
            async with self._engine.begin() as connection:
                result, said = await connection.run_sync(whole)
        self._hub.tell(said)
        return result


def alone[Result](place: Place, call: Callable[[Connection], Result], seconds: float) -> Result:
    """Carry one function out before there is a loop, in a transaction whose statements may take ``seconds``.

    Raise StartError when the server refuses us for good, UnavailableError when it can't be reached.
    """

    async def run() -> Result:
        engine = _engine(place, statement_seconds=seconds)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(call)
        finally:
            await engine.dispose()

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1, "exeat-store-start") as thread:
        try:
            with translated(*_DRIVER):
                try:
                    return thread.submit(asyncio.run, run()).result()
                except Exception as error:
                    _refused(place, error)
                    raise
        except UnavailableError as error:
            raise UnavailableError(f"{place}: {error}", "start the database, or mend store.url") from error.__cause__


def _refused(place: Place, error: Exception) -> None:
    """Raise StartError for what no waiting mends."""
    cause = original(error)
    if isinstance(cause, asyncpg.InvalidAuthorizationSpecificationError):
        raise StartError(
            f"{place} refuses user {place.user!r}", "check store.url, store.password and pg_hba.conf"
        ) from None
    if isinstance(cause, asyncpg.InvalidCatalogNameError):
        raise StartError(f"{place} doesn't exist", f"createdb --owner {place.user} {place.database}") from None
    if isinstance(cause, asyncpg.InsufficientPrivilegeError):
        raise StartError(f"{place}: user {place.user!r} may not make tables", "let it own the database") from None


def _engine(place: Place, *, statement_seconds: float = _STATEMENT_SECONDS) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=lambda: connect(place, statement_seconds=statement_seconds),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_LATE_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "checkout", _usable)
    return engine


def _usable(connection: Any, _entry: ConnectionPoolEntry, _proxy: object) -> None:
    """Known to be lost while it lay in the pool: the pool then opens another, and the caller notices nothing."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server closed it")


def _forget(call: asyncio.Task[Any]) -> None:
    if not call.cancelled():
        call.exception()
