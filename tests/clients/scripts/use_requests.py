"""requests, in a session."""

import requests
from cells import BEARER, FORBIDDEN, MOVED, READ, STREAM, UPLOAD, UPLOADED, Outcome, paced, run

session = requests.Session()
session.headers.update(BEARER)


def said(answer: requests.Response) -> Outcome:
    return answer.status_code, answer.text


def upload() -> Outcome:
    with UPLOAD.open("rb") as file:
        return said(session.put(UPLOADED, data=file, timeout=20))


run(
    lambda: said(session.get(READ, timeout=10)),
    refused=lambda: said(session.post(FORBIDDEN, json={}, timeout=10)),
    streaming=lambda: paced(session.get(STREAM, stream=True, timeout=10).iter_lines()),
    large_upload=upload,
    redirect_refused=lambda: said(session.get(MOVED, timeout=10)),
)
