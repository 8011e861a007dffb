"""A network path that can be cut: TCP passed on until ``cut``, then nothing comes through and nobody is told, as with a pulled cable."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from typing import Self


class Relay:
    """Listens on a port of its own and passes on to ``target``, both on loopback."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = threading.Event()
        self._open.set()
        self._over = False
        self._pairs: dict[socket.socket, socket.socket] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._open.set()
        self._thread.join(5)
        for each in (self._listener, *self._pairs):
            each.close()

    @contextlib.contextmanager
    def cut(self):
        """Nothing passes meanwhile; connections stay as they are."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._over:
                ready = selector.select(0.05)
                self._open.wait()
                for key, _ in ready:
                    if key.fileobj is self._listener:
                        self._accept(selector)
                    elif key.fileobj in self._pairs:
                        self._pass_on(selector, key.fileobj)

    def _accept(self, selector: selectors.BaseSelector) -> None:
        near, _ = self._listener.accept()
        try:
            far = socket.create_connection(("127.0.0.1", self._target), 5)
        except OSError:
            near.close()
            return
        self._pairs[near], self._pairs[far] = far, near
        for each in (near, far):
            selector.register(each, selectors.EVENT_READ)

    def _pass_on(self, selector: selectors.BaseSelector, one: socket.socket) -> None:
        other = self._pairs[one]
        try:
            if data := one.recv(65536):
                other.sendall(data)
                return
        except OSError:
            pass
        for each in (one, other):
            selector.unregister(each)
            del self._pairs[each]
            each.close()
