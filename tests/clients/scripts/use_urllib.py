"""The standard library's urllib; an error answer is an exception that holds the body."""

import urllib.error
import urllib.request

from cells import BEARER, FORBIDDEN, MOVED, READ, STREAM, UPLOAD, UPLOADED, Outcome, paced, run


def ask(url: str, method: str = "GET", body: bytes | None = None) -> Outcome:
    request = urllib.request.Request(url, data=body, headers=BEARER, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, f"{error} {error.read().decode()}"


def stream() -> Outcome:
    with urllib.request.urlopen(urllib.request.Request(STREAM, headers=BEARER), timeout=20) as answer:
        return paced(line.strip() for line in answer)


run(
    lambda: ask(READ),
    refused=lambda: ask(FORBIDDEN, "POST", b"{}"),
    streaming=stream,
    large_upload=lambda: ask(UPLOADED, "PUT", UPLOAD.read_bytes()),
    redirect_refused=lambda: ask(MOVED),
)
