"""httpx, with HTTP/1.1 or (``h2``) HTTP/2."""

import httpx
from cells import BEARER, FORBIDDEN, HTTP2, MOVED, READ, STREAM, UPLOAD, UPLOADED, Outcome, paced, run

client = httpx.Client(http2=HTTP2, headers=BEARER, follow_redirects=True, timeout=20)


def said(answer: httpx.Response) -> Outcome:
    return answer.status_code, f"{answer.http_version} {answer.text}"


def stream() -> Outcome:
    with client.stream("GET", STREAM) as answer:
        return paced(answer.iter_lines())


run(
    lambda: said(client.get(READ)),
    refused=lambda: said(client.post(FORBIDDEN, json={})),
    streaming=stream,
    large_upload=lambda: said(client.put(UPLOADED, content=UPLOAD.read_bytes())),
    redirect_refused=lambda: said(client.get(MOVED)),
)
