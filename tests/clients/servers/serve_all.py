"""``serve_all.py PEM FOLDER LOG READY``: start every real server, then write their ports to READY and wait."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from pathlib import Path

import serve_git
import serve_grpc
import serve_mcp
import serve_ws
from journal import Journal


def main() -> None:
    pem, folder, log, ready = sys.argv[1:]
    journal = Journal(log)

    def context(*alpn: str) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(pem)
        made.set_alpn_protocols(list(alpn))
        return made

    ports = {
        "git": serve_git.start(context("http/1.1"), Path(folder).resolve(), journal),
        "ws": serve_ws.start(context("http/1.1"), journal),
        "grpc": serve_grpc.start(Path(pem).read_bytes(), journal),
        "mcp": serve_mcp.start(pem, journal),
    }
    partial = Path(ready + ".part")
    partial.write_text(json.dumps(ports))
    partial.rename(ready)
    threading.Event().wait()


main()
