"""The migration report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Whatever agents or vendors chose is escaped. Must not know: how any figure comes about.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from exeat.cli.output import printable
from exeat.cli.report import grades, senders, share, words

_STYLE = """
:root { --text: #1b1f24; --page: #fff; --line: #c9d0d8; --quiet: #57606a; --good: #116329; --bad: #a40e26; --real: #b35900; --mild: #1f4e79;
  color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --page: #0d1117; --line: #3d444d; --quiet: #9da7b3; --good: #56d364;
  --bad: #ff7b72; --real: #ffa657; --mild: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
header { padding: .6rem 1rem; border-bottom: 1px solid var(--line); }
header p, .quiet { margin: 0; color: var(--quiet); }
h1 { margin: 0; font-size: 1.2rem; } h2 { margin: 0 0 .3rem; font-size: 1.05rem; }
main { padding: 1rem; } section { margin-bottom: 2rem; break-inside: avoid-page; }
table { width: 100%; border-collapse: collapse; margin-top: .5rem; }
th, td { padding: .25rem .6rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { color: var(--quiet); font-weight: 600; overflow-wrap: normal; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font-family: ui-monospace, monospace; font-size: .9em; }
.unregistered, .retired.urgent { color: var(--bad); } .in_use { color: var(--real); } .scoped_tokens { color: var(--good); }
.next { margin: .3rem 0; font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
.bar { display: inline-block; height: .7em; background: var(--mild); vertical-align: baseline; }
.bar.real { background: var(--real); }
"""


def page(answer: dict[str, Any]) -> str:
    """Return the page for an answer of ``GET /v1/migration``."""
    lines = answer["credentials"]
    body = (
        "".join(_section(each) for each in lines) or "<p>No shared credential is configured, and none was brought.</p>"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>Exeat: migration of shared credentials</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>Migration of shared credentials</h1><p>{_text(answer['time'])}, the last {_text(answer['days'])} days; "
        f"{_text(answer['findings'])} of {len(lines)} credentials need somebody now</p></header>\n"
        f"<main>\n{_overview(lines)}{body}</main>\n</body>\n</html>\n"
    )


def _overview(lines: list[dict[str, Any]]) -> str:
    if not lines:
        return ""
    head = ("Credential", "Services", "State", "Real calls", "Share", "Sent by", "Grade", "Retire by", "Trend")
    rows = (
        (
            f'<a href="#{_text(each["fingerprint"])}"><code>{_text(each["fingerprint"])}</code></a>',
            _text(", ".join(each["services"]) or "-"),
            f'<span class="{_text(each["state"])}">{_text(words(each))}</span>',
            _text(each["real"]),
            _text(share(each)),
            f"{len(senders(each))} of {len(each['agents'])}",
            _text(grades(each)),
            _text((each["retire_by"] or "-")[:10]),
            _text(each["trend"]),
        )
        for each in lines
    )
    return f"<section>{_table(head, rows)}</section>\n"


def _section(each: dict[str, Any]) -> str:
    urgent = " urgent" if each["state"] == "retired" and senders(each) else ""
    facts = {
        "State": f'<span class="{_text(each["state"])}{urgent}">{_text(words(each))}</span>',
        "Kept in": _text(", ".join(each["sources"]) or ("-" if each["registered"] else "nowhere: nobody registered it")),
        "Issuers": _text(", ".join(f"{name}: {kind}" for name, kind in each["issuers"].items()) or "-"),
        "Retire by": _text(each["retire_by"] or "no date"),
        "First, last use": _text(f"{each['first_used_at'] or 'never'}, {each['last_used_at'] or 'never'}"),
        "Seen": _text(", ".join(f"{seen['in'] or '?'} at {seen['host'] or '?'}: {seen['calls']}" for seen in each["seen"]) or "-"),
        "Calls": _text(", ".join(f"{state} {count}" for state, count in each["calls"].items() if count) or "none"),
    }  # fmt: skip
    told = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts.items())
    return (
        f'<section id="{_text(each["fingerprint"])}"><h2><code>{_text(each["fingerprint"])}</code> '
        f"{_text(', '.join(each['services']))}</h2>"
        f'<p class="next">{_text(each["next"])}</p><dl>{told}</dl>{_agents(each)}{_days(each)}</section>\n'
    )


def _agents(each: dict[str, Any]) -> str:
    if not each["agents"]:
        return ""
    order = {"real": 0, "both": 1, "nothing": 2, "placeholder": 3}
    head = ("Agent", "Sends", "Real", "Placeholder", "None", "Last real", "Missions with the real one")
    rows = (
        (
            f"<code>{_text(agent['agent'])}</code>",
            _text(agent["sends"]),
            _text(agent["real"]),
            _text(agent["placeholder"]),
            _text(agent["none"]),
            _text(agent["last_real_at"] or "-"),
            _text(", ".join(agent["missions"][:5]) + (" …" if len(agent["missions"]) > 5 else "") or "-"),
        )
        for agent in sorted(each["agents"], key=lambda agent: (order.get(agent["sends"], 4), agent["agent"]))
    )
    return _table(head, rows)


def _days(each: dict[str, Any]) -> str:
    most = max((day["real"] + day["placeholder"] + day["none"] for day in each["days"]), default=0)
    if not most:
        return ""
    rows = (
        (
            _text(day["day"]),
            _text(day["real"]),
            _text(day["placeholder"] + day["none"]),
            _bar("bar real", day["real"] / most) + _bar("bar", (day["placeholder"] + day["none"]) / most),
        )
        for day in each["days"]
    )
    return _table(("Day", "Real", "Other", ""), rows)


def _bar(kind: str, part: float) -> str:
    return f'<span class="{kind}" style="width:{20 * part:.2f}rem"></span>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """``rows`` are HTML already."""
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>\n" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>\n{body}</tbody></table>"


def _cell(cell: str) -> str:
    return f'<td class="number">{cell}</td>' if cell.isdigit() else f"<td>{cell}</td>"


def _text(value: object) -> str:
    return escape(printable(value))
