"""What carries a function out in one transaction; one file a database implements it.

A *work* function takes SQLAlchemy's connection first, may be run in a thread, and does nothing but SQL: what it returns
or raises reaches the caller, and anything it raises rolls the transaction back. Must not know: any table.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Concatenate, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from exeat.errors import UnavailableError
from exeat.store.notices import Channel


class Runner(Protocol):
    """One database, in use."""

    async def run[**Given, Result](
        self,
        work: Callable[Concatenate[Connection, Given], Result],
        *arguments: Given.args,
        **options: Given.kwargs,
    ) -> Result:
        """Run ``work`` in one transaction, durable when this returns.

        Raise UnavailableError when the database can't be used or doesn't answer in time. Whether a transaction that
        was under way is committed is then unknown, so every write can be repeated.
        """
        ...

    def listen(self, channel: Channel, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` in the running event loop after each notice; return how to stop that."""
        ...

    async def close(self) -> None:
        """Let the database go; later calls raise UnavailableError."""
        ...


@contextlib.contextmanager
def translated(*more: type[Exception]) -> Iterator[None]:
    """Turn whatever SQLAlchemy, a driver or the system raises into UnavailableError; ours pass.

    The text never quotes a value: of errors about values, only the kind is said.
    """
    foreign: tuple[type[Exception], ...] = (SQLAlchemyError, sqlite3.Error, OSError, *more)
    try:
        yield
    except foreign as error:
        cause = original(error)
        if _about_values(cause):
            raise UnavailableError(f"the store can't be used: {type(cause).__name__}") from None
        raise UnavailableError(f"the store can't be used: {type(cause).__name__}: {_first_line(cause)}") from error


def original(error: BaseException) -> BaseException:
    """The driver's own error inside SQLAlchemy's."""
    cause = getattr(error, "orig", None) or error
    driver = cause.__cause__
    return driver if driver is not None and type(driver).__module__.startswith("asyncpg") else cause


def _about_values(error: BaseException) -> bool:
    """SQLSTATE class 22, "data exception", and the driver's own refusals of a parameter quote what was refused."""
    return str(getattr(error, "sqlstate", "") or "").startswith("22") or type(error).__name__ == "DataError"


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:200]
