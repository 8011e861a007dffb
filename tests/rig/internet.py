"""Everybody out there: answers on every address of its namespace, and says on stdout who came.

Run by ``network.Internet`` in a network namespace; a line of JSON for each TCP connection and UDP datagram. Ends with its
standard input.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys

TCP, UDP = (22, 53, 80, 443, 8443), (53, 443, 5000)


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def serve() -> None:
    os.unshare(os.CLONE_NEWNET)
    tell(pid=os.getpid())
    sys.stdin.readline()  # the other end has moved a device here and given it addresses
    watch = selectors.DefaultSelector()
    watch.register(sys.stdin, selectors.EVENT_READ, None)
    for port in TCP:
        listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        watch.register(listener, selectors.EVENT_READ, "tcp")
    for port in UDP:
        listener = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", port))
        watch.register(listener, selectors.EVENT_READ, "udp")
    tell(ready=True)
    while True:
        for key, _ in watch.select():
            if key.data is None:
                return
            listener = key.fileobj
            port = listener.getsockname()[1]
            if key.data == "tcp":
                connection, peer = listener.accept()
                tell(kind="tcp", port=port, peer=peer[0])
                connection.settimeout(0.2)
                try:
                    connection.recv(100)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    pass
                connection.close()
            else:
                data, peer = listener.recvfrom(4096)
                tell(kind="udp", port=port, peer=peer[0], bytes=len(data))
                listener.sendto(data[:2] + b"\x81\x83" + data[4:6] + b"\0" * 6 + data[12:], peer)


if __name__ == "__main__":
    serve()
