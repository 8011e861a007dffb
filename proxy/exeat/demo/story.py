"""The story, step by step: each claim is checked against what the SaaS and the audit say, not against what we sent.

Must not know: how processes are started, how lines look.
"""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import orjson

from exeat.demo import legacy_bot
from exeat.demo.direct import ask_directly
from exeat.demo.reports import Report
from exeat.demo.settings import ELSEWHERE, HOST
from exeat.demo.show import Show
from exeat.demo.stage import Stage

Mission = dict[str, Any]
MASKED = f"{legacy_bot.API_KEY[:8]}…{legacy_bot.API_KEY[-4:]}"


def main(keep: bool = False) -> int:
    """Play the story and return 0 only when every claim held; ``keep`` leaves everything running until Ctrl-C."""
    started = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stage is cleared then too
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have it ignored by what they start with &
    show = Show()
    show.title(
        "Exeat: an unchanged agent, governed from outside",
        "A SaaS, the proxy and a legacy bot, each a process of its own on this machine. No network is used.",
    )
    try:
        with Stage() as stage:
            mission = _play(stage, show)
            show.result(time.monotonic() - started)
            if keep and mission:
                _keep(stage, show)
    except KeyboardInterrupt:
        return 130
    return 0 if show.ok else 1


def _play(stage: Stage, show: Show) -> Mission | None:
    mission: Mission | None = None
    with show.step("The SaaS accepts nothing but tokens it can verify"):
        stage.start_saas()
        status = ask_directly(stage.saas_port, stage.ca_file, HOST, "/v1/refunds", legacy_bot.API_KEY)
        show.claim(status == 401, f"the old shared key {MASKED}, shown directly, is answered with {status}")
        stage.saas.requests()
    with show.step("The proxy serves, and an operator opens a mission for the bot"):
        stage.start_proxy()
        opened = stage.exeat("mission", "open", "refunds", "--agent", "legacy-bot", "--json")
        show.claim(opened.returncode == 0, "exeat mission open refunds --agent legacy-bot")
        if opened.returncode:
            show.note(opened.stderr)
            return None
        mission = orjson.loads(opened.stdout)
        show.note(f"{mission['mission']} for {mission['agent']}, until {mission['expires_at']}")
    with show.step("The bot reads: its shared key never arrives, a token for this one request does"):
        _swapped(stage, show, mission, "list", "GET", "refunds/list")
    with show.step("The bot writes: another token, for another operation"):
        _swapped(stage, show, mission, "refund", "POST", "refunds/create")
    with show.step("The bot tries a payout: policy says no, and the bot prints why"):
        said = stage.bot("payout", mission)
        show.note(said)
        show.claim("403" in said and "treasury team" in said, "Cedar's reason reached the script's own output")
        show.claim(not stage.saas.requests(), "the SaaS saw nothing of it")
    with show.step("The bot tries to upload elsewhere: refused before anything is dialled"):
        said = stage.bot("upload", mission)
        show.note(said)
        show.claim("403" in said, f"{ELSEWHERE} is not part of the mission")
        count = stage.saas.connections_elsewhere()
        show.claim(count == 0, f"that destination counted {count} connections")
    with show.step("The mission is closed while a response streams"):
        _cut(stage, show, mission)
    with show.step("The audit holds, and shows when somebody edits it"):
        _audit(stage, show)
    return mission


def _swapped(stage: Stage, show: Show, mission: Mission, chore: str, method: str, scope: str) -> None:
    show.note(stage.bot(chore, mission))
    seen = stage.saas.requests()
    show.claim(len(seen) == 1 and seen[0]["status"] < 300, "the SaaS saw one request and verified its token")
    request = seen[0]
    claims = request["claims"] or {}
    sent = (f"{method} /v1/refunds", "Authorization: Bearer", f"  {MASKED}")
    show.side_by_side(("the agent sent", sent), ("the SaaS received", _received(request, claims)))
    show.claim(not request["shared_key"] and not request["proxy_headers"], "neither the shared key nor the pass left")
    show.claim(request["tags"] == [mission["agent"]], "exactly one identity tag, the bot's")
    named = (claims.get("sub"), claims.get("mission")) == (mission["agent"], mission["mission"])
    show.claim(named and scope in str(claims.get("scope")), f"the token names bot and mission, and {scope} alone")


def _received(request: Report, claims: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{request['method']} {request['path']}",
        "Authorization: Bearer, a token that says",
        f"  sub      {_short(claims.get('sub'))}",
        *(f"  {key:8} {claims.get(key)}" for key in ("mission", "scope", "aud")),
        f"  lives    {claims.get('exp', 0) - claims.get('iat', 0)} s",
        f"Exeat-Agent: {_short(', '.join(request['tags']))}",
    )


def _short(spiffe_id: Any) -> str:
    """A SPIFFE ID without its scheme and trust domain, to fit a column."""
    return re.sub(r"^spiffe://[^/]+", "…", str(spiffe_id))


def _cut(stage: Stage, show: Show, mission: Mission) -> None:
    bot = stage.start_bot("follow", mission)
    if bot.stdout is None:
        raise ValueError("the bot can't be heard")
    for _ in range(5):  # the feed flows
        bot.stdout.readline()
    token = (stage.folder / "admin.token").read_text("utf-8").strip()
    called = time.monotonic()
    status, figures = stage.admin("POST", f"/v1/missions/{mission['mission']}/close", {"reason": "demo"}, token)
    returned = time.monotonic()
    cut = stage.saas.next("cut")
    output, _ = bot.communicate(timeout=10)
    last = output.strip().splitlines()[-1]
    show.note(last)
    show.claim(status == 200, f"the close call returned after {1000 * (returned - called):.1f} ms")
    applied = figures["applied"]
    show.note(f"connections cut: {applied['connections_cut']}, tokens dropped: {applied['tokens_dropped']}")
    late = 1000 * (cut["at"] - called)
    show.claim(late < 1000, f"the SaaS's connection was gone {late:.1f} ms after the call began")
    show.claim("broke" in last, "the bot's stream broke off; it got no clean end")
    stage.saas.requests()
    said = stage.bot("list", mission)
    show.note(said)
    show.claim("403" in said and not stage.saas.requests(), "whatever it tries now is refused, and nothing leaves")


def _audit(stage: Stage, show: Show) -> None:
    verified = stage.exeat("audit", "verify")
    show.claim(verified.returncode == 0, "exeat audit verify: every record is there and unchanged")
    copy = stage.folder / "copy"
    hidden = shutil.ignore_patterns("copy", "*.log")
    shutil.copytree(stage.folder, copy, ignore=hidden)
    chain = max((copy / "audit").rglob("*.jsonl"), key=lambda file: file.stat().st_size)
    content = chain.read_bytes()
    edited = content.replace(b'"policy_denied"', b'"policy_denieD"', 1)
    chain.write_bytes(edited)
    found = stage.exeat("audit", "verify", "-c", str(copy / "exeat.toml"))
    show.claim(edited != content and found.returncode == 1, "with one byte changed in a copy, it says so:")
    show.note(_first_finding(found, chain.name).replace(f"{copy}/", ""))


def _first_finding(found: subprocess.CompletedProcess[str], name: str) -> str:
    lines = [line.strip() for line in (found.stdout + found.stderr).splitlines()]
    return next((line for line in lines if name in line), lines[0] if lines else "(it said nothing)")


def _keep(stage: Stage, show: Show) -> None:
    exeat = f"{sys.executable} -m exeat.cli.main"
    show.note(
        f"\nStill running in {stage.folder}. Try, in another terminal:\n\n"
        f"cd {stage.folder}\n"
        f"{exeat} run --mission refunds --agent legacy-bot -- curl -s https://{HOST}/v1/refunds\n"
        f"{exeat} run --mission refunds --agent legacy-bot -- curl -s -d '{{}}' https://{HOST}/v1/payouts\n"
        f"{exeat} why last\n{exeat} audit tail -n 5\n{exeat} mission list\n\nCtrl-C ends it and removes the folder."
    )
    try:
        signal.pause()
    except KeyboardInterrupt:
        return
