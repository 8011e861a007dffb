"""Take each guard away in turn and show that a test turns red (``make test-guards``).

    python scripts/guards.py [NAME ...]

A guard is one replacement in one file of a private copy of ``proxy/``; its tests carry ``@pytest.mark.guard(NAME)``. They
must be green on the copy as it is and red without the guard. A guard whose text can't be found, or whose tests stay
green, is a failure: a check that can't fail is a defect.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 60
"""Seconds for the tests of one guard."""


@dataclass(frozen=True)
class Guard:
    """What is taken away, and what stands there instead."""

    name: str
    file: str
    text: str
    instead: str


GUARDS = (
    Guard("allow-stamp", "enforcement/host.py", 'raise PermissionError("no allow stamp")', "return"),
    Guard(
        "stamp-match",
        "enforcement/host.py",
        'raise PermissionError("the request is not the one that was permitted")',
        "return",
    ),
    Guard("stamp-of-this-connection", "enforcement/host.py", "or exchange not in self._exchanges ", ""),
    Guard(
        "stream-stamp",
        "enforcement/layers.py",
        'raise PermissionError("a request without a stamp asked for a connection")',
        "return (yield from super().make_server_connection())",
    ),
    Guard("dial-grant", "enforcement/hooks.py", 'raise PermissionError("no admitted request leads there")', "return"),
    Guard("send-check", "enforcement/host.py", 'raise PermissionError("the session is gone")', "pass"),
    Guard("unknown-hook", "enforcement/host.py", "raise LookupError(", "return None\n            raise LookupError("),
    Guard(
        "body-key-twice",
        "services/readers/strict_json.py",
        'raise UnreadableError("an object of the body has a key twice")',
        "pass",
    ),
    Guard("all-questions", "decision/decide.py", "if isinstance(each, Deny):", "if False:"),
    Guard("push-refs", "services/readers/receive_pack.py", "in enumerate(lines):", "in enumerate(lines[:1]):"),
    Guard("body-length", "enforcement/gate.py", "request = framed(request, body)", "pass"),
    Guard("websocket-operation", "decision/classify.py", "matcher.match(request.verb", "matcher.match(request.method"),
    Guard(
        "address-check", "enforcement/dial.py", "if not refused(address) and not self.is_self(address, port)", "if True"
    ),
    Guard("peer-compare", "enforcement/dial.py", "if not peer or ip_address", "if False and ip_address"),
    Guard("absolute-name", "enforcement/lookup.py", 'f"{host}."', "host"),
    Guard("local-names", "decision/decide.py", "if is_local_name(request.host) and", "if False and"),
    Guard("metadata-override", "enforcement/dial.py", "if metadata(address) or ", "if "),
    Guard("method-override", "decision/normalize.py", "if plain_key(key) in _OVERRIDE_KEYS and", "if False and"),
    Guard("rename-strip", "decision/fields.py", "return name not in _DROPPED and not", "return not"),
    Guard(
        "allow-with-reason",
        "decision/engine.py",
        "if decision is Decision.Allow and rules and not any(rule.forbids for rule in rules):",
        "if decision is Decision.Allow:",
    ),
    Guard("own-address", "enforcement/dial.py", " or _is_local(address)", ""),
    Guard("lookup-share", "enforcement/lookup.py", "await share.acquire()", "pass"),
    Guard(
        "lookup-threads",
        "enforcement/lookup.py",
        'threading.Thread(target=_look_up, args=(host, port, tell), name="lookup", daemon=True).start()',
        "loop.run_in_executor(None, _look_up, host, port, tell)",
    ),
    Guard("self-loop", "enforcement/dial.py", "if port not in self._own_ports:", "if True:"),
    Guard(
        "tls-verify", "enforcement/tls.py", "context.set_verify(SSL.VERIFY_PEER)", "context.set_verify(SSL.VERIFY_NONE)"
    ),
    Guard(
        "authority-agree",
        "decision/normalize.py",
        "_check_tunnel(wire.tunnel, wire.authority, host_field, http2",
        "(lambda *a, **k: None)(wire.tunnel, wire.authority, host_field, http2",
    ),
    Guard(
        "hop-by-hop-strip",
        "decision/fields.py",
        "kept = [each for each in kept if each[0] not in seen.nominated]",
        "pass",
    ),
    Guard(
        "tag-strip",
        "decision/fields.py",
        '_DROPPED_PREFIXES = (b"proxy-", b"x-forwarded-", b"exeat-")',
        '_DROPPED_PREFIXES = (b"proxy-", b"x-forwarded-")',
    ),
    Guard(
        "proxy-auth-strip",
        "decision/fields.py",
        '_DROPPED_PREFIXES = (b"proxy-", b"x-forwarded-", b"exeat-")',
        '_DROPPED_PREFIXES = (b"x-forwarded-", b"exeat-")',
    ),
    Guard("field-alias", "decision/fields.py", "return name.translate(_PLAIN)", 'return name.replace(b"_", b"-")'),
    Guard("ascii-hosts", "decision/hosts.py", "if not text.isascii() or len(name)", "if len(name)"),
    Guard("key-alias", "services/query.py", '.replace(".", "_").replace(" ", "_")', ""),
    Guard("chunk-reader", "enforcement/http1.py", "side.body_reader = ChunkReader(padded=padded)", "pass"),
    Guard("chunk-lines", "enforcement/chunks.py", "if len(buffer if line is None else line) > longest:", "if False:"),
    Guard("http2-scheme", "decision/normalize.py", 'if wire.scheme not in (None, "https"):', "if False:"),
    Guard("new-leaves", "enforcement/tls.py", "if self._made[agent] > self._new_leaves:", "if False:"),
    Guard("answer-grammar", "enforcement/http1.py", 'return "the answer\'s head is malformed"', 'return ""'),
    Guard(
        "connect-content",
        "decision/normalize.py",
        'return Deny(Reason.REQUEST_MALFORMED, detail="a CONNECT with content")',
        "pass",
    ),
    Guard(
        "write-ahead",
        "enforcement/gate.py",
        "self._recorder.permit(exchange, identity, view, snapshot.version)",
        "pass",
    ),
    Guard("stamp-recheck-after-mint", "enforcement/gate.py", "if not exchange.is_live():", "if False:"),
    Guard("revoke-reset", "enforcement/worker.py", "cut = self.registry.cut(mission.id)", "cut = 0"),
    Guard(
        "foreign-credential",
        "decision/decide.py",
        "if state is CredentialState.FOREIGN:",
        "if False:",
    ),
    Guard(
        "plain-http-no-credential",
        "decision/decide.py",
        "if service and service.credential and managed",
        "if service and service.credential",
    ),
    Guard("session-binding", "enforcement/host.py", "return self.identity == identity", "return True"),
    Guard("cedar-errors-refuse", "decision/engine.py", "if errors := result.diagnostics.errors:", "if errors := ():"),
    Guard(
        "ceiling-check",
        "missions/ceilings.py",
        "    return findings\n\n\ndef outside",
        "    return []\n\n\ndef outside",
    ),
    Guard(
        "pass-signature", "identity/passes.py", '"strict_aud": True,', '"strict_aud": True, "verify_signature": False,'
    ),
    Guard("grant-scope", "credentials/oauth/grant.py", 'raise _wide("a wider scope than asked")', "return"),
    Guard("grant-life", "credentials/oauth/grant.py", "if life > asked.ttl:", "if False:"),
    Guard("grant-audience", "credentials/oauth/grant.py", "if not asked.audiences.issuperset(named):", "if False:"),
    Guard(
        "assertion-echo",
        "credentials/issuers/oauth_exchange.py",
        'if value.reveal() in (form["subject_token"], form.get("actor_token")):',
        "if False:",
    ),
    Guard(
        "token-of-one-session",
        "credentials/issuers/oauth_exchange.py",
        "if not self._holders.take(digest, session, grant.expires_at, self._clock.time()):",
        "if False:",
    ),
    Guard("admin-auth", "admin/guard.py", "return hmac.compare_digest(digest, self._digest)", "return True"),
    Guard("token-scrub", "enforcement/answers.py", "if not needles:", "if True:"),
    Guard("token-forms", "enforcement/forms.py", 'text = text.replace(form, b"*" * len(form))', "pass"),
    Guard(
        "coded-answers",
        "enforcement/answers.py",
        "CodedBody(codings[0], around(Scrubber(needles)))",
        "around(Scrubber(needles))",
    ),
    Guard("unknown-coding", "enforcement/answers.py", "if len(codings) > 1 or codings[0] not in CODINGS", "if False"),
    Guard("decompression-ratio", "enforcement/codings.py", "if self._left < 0:", "if False:"),
    Guard("part-edges", "enforcement/scrub.py", "cut = self._needles.ended(text)", "cut = 0"),
    Guard(
        "empty-chunk", "enforcement/exchange.py", "return self._body.feed(chunk) or []", "return self._body.feed(chunk)"
    ),
    Guard(
        "base-url-host",
        "enforcement/ways/reverse.py",
        "if not is_address(host) and host not in self._names:",
        "if False:",
    ),
    Guard(
        "base-url-site", "enforcement/ways/reverse.py", 'name.lower() == b"sec-fetch-site"', 'name.lower() == b"none"'
    ),
    Guard("listener-in-clear", "config/listeners.py", "and not is_loopback(address.host):", "and False:"),
    Guard(
        "short-pass-mac", "identity/short.py", "not hmac.compare_digest(match[6], _mac(self._key, match[1]))", "False"
    ),
    Guard("svid-leaf", "identity/svid.py", "if _is_authority(leaf.extensions):", "if False:"),
    Guard(
        "redirected-name",
        "enforcement/arrivals.py",
        'name = canonical_host(data.client_hello.sni or "")',
        'name = canonical_host(data.client_hello.sni or "api.example.test")',
    ),
    Guard(
        "tunnel-identity",
        "enforcement/host.py",
        "if isinstance(identity, Deny) and not isinstance(identity, Undecided):\n            return identity",
        "if False:\n            return identity",
    ),
    Guard(
        "token-signature",
        "identity/tokens.py",
        "if not key.verifies(token.algorithm, token.signed, token.signature):",
        "if False:",
    ),
    Guard("token-algorithm", "identity/jwk.py", "if algorithm not in self.algorithms:", "if False:"),
    Guard(
        "token-issuer",
        "identity/issuer.py",
        "found = issuers.get(name) if isinstance(name, str) else None",
        "found = next(iter(issuers.values()))",
    ),
    Guard(
        "token-audience",
        "identity/issuer.py",
        'if claims["aud"] not in (issuer',
        'if claims["aud"] is None and (issuer',
    ),
    Guard("token-type", "identity/issuer.py", "if token.typ not in issuer.types:", "if False:"),
    Guard("token-times", "identity/issuer.py", "if now >= expires:", "if False:"),
    Guard("token-life", "identity/issuer.py", "> issuer.longest_life:", "> 1e12:"),
    Guard("token-bound", "identity/issuer.py", 'if "cnf" in claims:', "if False:"),
    Guard("token-once", "identity/tokens.py", "if verified.issuer.once:", "if False:"),
    Guard(
        "token-claims",
        "identity/agents.py",
        "return all(_claim(token.claims, path) == text for path, text in self.claims)",
        "return True",
    ),
    Guard("key-private", "identity/jwk.py", 'if "k" in entry or "d" in entry:', "if False:"),
    Guard("key-removed", "identity/tokens.py", " or not self._keys[verified.issuer.name].holds(key)", ""),
    Guard("keys-too-old", "identity/issuer_keys.py", " or now - self._fetched > self._schedule.keep", ""),
    Guard("keys-redirect", "identity/jwks_fetch.py", "allow_redirects=False", "allow_redirects=True"),
    Guard("keys-tls", "identity/jwks_fetch.py", "ssl=self._tls", "ssl=False"),
    Guard("evidence-conflict", "identity/prove.py", "if len(agents) > 1:", "if False:"),
    Guard("evidence-all", "identity/prove.py", "(lacking - waited_for) if way.require_all else ", ""),
    Guard(
        "credential-not-taken",
        "identity/prove.py",
        'raise RefusalError(Reason.IDENTITY_INVALID, "this listener takes no credential")',
        "return None",
    ),
    Guard("placeholder-service", "identity/prove.py", "if known.service != service:", "if False:"),
    Guard(
        "placeholder-host",
        "enforcement/host.py",
        "if isinstance(identity, Deny) and not self.parts.world.takes_credential(*target):",
        "if False:",
    ),
    Guard("pinned-agent", "identity/prove.py", "if way.agent and proofs:", "if False:"),
    Guard("pinned-template", "enforcement/identify.py", "if way.template and view is not None", "if False and view"),
    Guard(
        "pinned-template-of-a-token",
        "enforcement/identify.py",
        ' and way.template in ("", view.mission.template)',
        "",
    ),
    Guard("identity-until", "enforcement/gate.py", "if self._clock.time() >= identity.until:", "if False:"),
    Guard("address-overlap", "config/identities.py", "and first.overlaps(second):", "and False:"),
    Guard("subject-twice", "config/identities.py", "if one != other and (first.issuer", "if False and (first.issuer"),
    Guard("spiffe-twice", "config/identities.py", "elif owners.setdefault(text, index) != index:", "elif False:"),
    Guard("jail-network", "jail/entering.py", "os.CLONE_NEWNET | os.CLONE_NEWNS", "os.CLONE_NEWNS"),
    Guard(
        "jail-filter",
        "jail/lock.py",
        "prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.c_void_p(ctypes.addressof(holder)))",
        "pass",
    ),
    Guard("jail-capabilities", "jail/inside.py", "drop_bounding_set()", "pass"),
    Guard("jail-processes", "jail/mounts.py", 'mount("proc", "/proc", "proc", _PLAIN)', "pass"),
    Guard("jail-run-empty", "jail/mounts.py", "            _empty(folder)", "            pass"),
    Guard("jail-socket-files", "jail/mounts.py", "        _cover_socket(path)", "        pass"),
    Guard("jail-secrets", "jail/mounts.py", "_hide(Path(path), [Path(each) for each in shown])", "pass"),
    Guard("jail-working-folder", "jail/mounts.py", "    os.chdir(here)", "    pass"),
    Guard("jail-standard-streams", "jail/inside.py", "check_standard_streams()", "pass"),
    Guard(
        "quoted-answer",
        "enforcement/layers.py",
        "if waits and isinstance(event, ResponseProtocolError):",
        "if False:",
    ),
    Guard("log-cover", "logs.py", 'frames + covered("".join(', 'frames + ("".join('),
    Guard("control-frames", "enforcement/websocket.py", "payload = self._needles.mask(payload)", "pass"),
    Guard("cookie-custody", "enforcement/keeping.py", 'if rules.cookies == "pass":', "if True:"),
    Guard("link-custody", "enforcement/keeping.py", 'in CARRIERS and rules.links != "pass":', "in CARRIERS and False:"),
    Guard("link-bodies", "enforcement/link_bodies.py", "_URL.sub(self._one, text) if", "text if"),
    Guard("kept-cookie-fits", "enforcement/cookies.py", " or not _VALUE.fullmatch(content)", ""),
    Guard("link-value", "enforcement/keeping.py", "if not _LINK_VALUE.fullmatch(value):", "if False:"),
    Guard(
        "custody-session",
        "enforcement/keeping.py",
        "if kept is None and not self._custody.gave(session, text):",
        "if False:",
    ),
    Guard("custody-place", "credentials/custody.py", "return there and below and", "return"),
    Guard("custody-forget", "credentials/custody.py", 'if name.partition("/")[0] == mission', "if False"),
    Guard("jail-not-root", "cli/jailing.py", "    if 0 in found:", "    if False:"),
    Guard("rules-own-user", "cli/network.py", "        if number == own:", "        if False:"),
    Guard(
        "rules-default",
        "cli/ruleset.py",
        'yield "    counter name other reject with icmpx admin-prohibited"',
        'yield "    counter name other accept"',
    ),
    Guard("h2-resets", "enforcement/calm.py", 'self._resets.take("resets")', "pass"),
    Guard("h2-made-resets", "enforcement/calm.py", 'self._resets.take("streams that we had to reset")', "pass"),
    Guard("h2-empty-frames", "enforcement/calm.py", 'self._empty.take("frames that carry nothing")', "pass"),
    Guard(
        "h2-header-block",
        "enforcement/calm.py",
        "if sum(len(each.data) for each in self.unfinished) > self.limits.header_bytes:",
        "if False:",
    ),
    Guard("h2-windows", "enforcement/calm.py", "if self.full(stream_id):", "if False:"),
    Guard(
        "h2-header-count", "enforcement/layers.py", "> self.context.options.host.parts.limits.header_count:", "> 10**6:"
    ),
    Guard(
        "agent-streams",
        "enforcement/http2.py",
        "and self._count() >= self._host.parts.limits.agent_streams",
        "and False",
    ),
    Guard("buffered", "enforcement/quotas.py", "if total > limits.buffered:", "if False:"),
    Guard(
        "guests",
        "enforcement/quotas.py",
        "if len(self._guests.get(source, ())) >= limits.source_connections:",
        "if False:",
    ),
    Guard("agent-connections", "enforcement/quotas.py", "if len(members) >= limits.agent_connections:", "if False:"),
    Guard("held-client", "enforcement/balance.py", "held.add(self._client)", "pass"),
    Guard(
        "slow-body",
        "enforcement/deadlines.py",
        "enough = self._progress[key] >= self._limits.body_progress",
        "enough = True",
    ),
    Guard(
        "streamed-body",
        "enforcement/layers.py",
        'if most and int(self.flow.request.headers.get("content-length", "0")) > most:',
        "if False:",
    ),
    Guard(
        "streamed-body-count",
        "enforcement/layers.py",
        "if most and self.flow.metadata[STAMP].sent_bytes + len(event.data) > most:",
        "if False:",
    ),
    Guard("answer-heads", "enforcement/http1.py", 'return "the answer\'s head is too large"', 'return ""'),
    Guard("interim-answers", "enforcement/http1.py", 'return "too many interim answers"', "pass"),
    Guard(
        "late-decision",
        "enforcement/gate.py",
        "if not self._clock.monotonic() - started <= self._deadline:",
        "if False:",
    ),
    Guard("lost-mission-is-cut", "missions/changes.py", "await self._cut(verb, self._live[mission_id], now)", "pass"),
    Guard("feed-must-confirm", "missions/changes.py", "asyncio.timeout(_CONFIRM)", "asyncio.timeout(None)"),
)


def run(guard: Guard, source: Path) -> tuple[bool, str]:
    """Run a guard's tests on a copy without it; True, and why, when they pass all the same."""
    with tempfile.TemporaryDirectory(prefix="exeat-guard-") as name:
        copy = Path(name) / "proxy"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / "exeat" / guard.file
        text = file.read_text()
        if text.count(guard.text) != 1:
            return True, f"its text stands {text.count(guard.text)} times in {guard.file}"
        file.write_text(text.replace(guard.text, guard.instead))
        files = files_of(guard.name)
        if not files:
            return True, "no test carries this guard's name"
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--guard", guard.name, *files],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(copy)},
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False, "did not end"  # without its guard an endless stream stays endless
        return done.returncode == 0, done.stdout[-1500:]


def files_of(name: str) -> list[str]:
    """The test files in which a guard's name stands."""
    return [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if f'guard("{name}")' in path.read_text()]


def check(guard: Guard) -> tuple[Guard, str, float]:
    """Return what is wrong with a guard, or ""."""
    began = time.perf_counter()
    passed, output = run(guard, ROOT / "proxy")
    return guard, output if passed else "", time.perf_counter() - began


def main() -> int:
    """Check every guard, or the named ones."""
    wanted = set(sys.argv[1:])
    guards = [guard for guard in GUARDS if not wanted or guard.name in wanted]
    unknown = wanted - {guard.name for guard in GUARDS}
    if unknown:
        print("no such guard:", ", ".join(sorted(unknown)))
        return 2
    names = sorted({guard.name for guard in guards})
    files = sorted({file for name in names for file in files_of(name)})
    with ThreadPoolExecutor(2) as pool:
        untouched = pool.submit(
            subprocess.run,
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"--guard={name}" for name in names), *files],
            cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
        )  # fmt: skip
        results = list(pool.map(check, guards))
    failed = 0
    for guard, wrong, seconds in results:
        print(f"{'GREEN (bad)' if wrong else 'red':<12} {guard.name:<28} {guard.file}  {seconds:.1f} s")
        if wrong:
            failed += 1
            print("    " + wrong.replace("\n", "\n    "))
    intact = untouched.result()
    if intact.returncode:
        failed += 1
        print("the guards' tests are not green on the product as it is:\n" + intact.stdout[-3000:])
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
