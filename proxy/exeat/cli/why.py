"""``exeat why``: one decision in words: who, for what, what, where, the verdict, its reason, what to do next.

Must not know: how it was reached; only what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, paint, pairs, printable

_CREDENTIALS = {
    "none": "none was sent",
    "placeholder": "the mission's placeholder, swapped for a token",
    "shared": "the old shared credential, swapped for a token",
    "retired": "a retired shared credential",
    "foreign": "one that isn't managed here",
}
_GRADES = {
    "A": "A: narrowed to this request",
    "B": "B: short-lived, scope fixed by an admin",
    "C": "C: custody only, not narrower",
}
_OUTCOMES = {
    "sent": "the request was sent",
    "not_sent": "nothing was sent",
    "unknown": "bytes were handed over, and no answer settled what became of them",
}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("why")(why)


def why(
    decision: Annotated[
        str, typer.Argument(metavar="ID|last", help="The decision_id in a refusal, or 'last'.")
    ] = "last",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain one decision: who asked for what, the verdict, the policies behind it, what to do next."""
    from exeat.cli.client import AdminClient, segment

    answer = AdminClient.of(load_settings(config)).get(f"/v1/decisions/{segment(decision)}")
    if as_json:
        emit(answer)
        return
    explain(answer["decision"], answer.get("outcome"))


def explain(decision: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> None:
    """Print one decision record, and its outcome if there is one, in words."""
    verdict = str(decision.get("decision", ""))
    style = "green" if verdict == "permit" else "red"
    where = f"{decision.get('method', '')} {decision.get('host', '')}{decision.get('path', '')}"
    line(f"{paint(printable(verdict or 'unknown').upper(), style)}  {printable(where)}")
    title, hint = _texts(str(decision.get("code") or ""))
    if title:
        line(f"{printable(title)} ({printable(decision.get('code'))})")
    line()
    credential = decision.get("credential")
    credential = credential if isinstance(credential, dict) else {"state": credential}
    pairs(
        {
            "agent": decision.get("agent"),
            "mission": decision.get("mission"),
            "environment": decision.get("environment"),
            "operation": decision.get("action"),
            "on": decision.get("resource"),
            "policies": decision.get("policies"),
            "detail": decision.get("detail"),
            "credential": _CREDENTIALS.get(str(credential.get("state")), credential.get("state")),
            "grade": _GRADES.get(str(credential.get("grade")), ""),
            "token": credential.get("token", credential.get("id")),
            "approvers": decision.get("approvers"),
            "time": decision.get("time"),
            "decision": decision.get("decision_id"),
            "outcome": _outcome(outcome),
        }
    )
    if hint:
        line(f"\nNext: {printable(hint)}")
    if verdict != "permit" and decision.get("action"):
        line("      Policies: exeat policy check; the operation's name: exeat service show " + _service(decision))


def _texts(code: str) -> tuple[str, str]:
    from exeat.model.reason import EXPLANATIONS, Reason

    try:
        explanation = EXPLANATIONS[Reason(code)]
    except ValueError:
        return "", ""
    return explanation.title, explanation.hint


def _outcome(outcome: Mapping[str, Any] | None) -> str:
    if outcome is None:
        return "not recorded yet"
    text = _OUTCOMES.get(str(outcome.get("outcome")), str(outcome.get("outcome", "")))
    status = outcome.get("status")
    took = f" in {outcome['ms']} ms" if outcome.get("ms") is not None else ""
    return text + (f"; answered {status}{took}" if status else "")


def _service(decision: Mapping[str, Any]) -> str:
    return printable(decision.get("service") or str(decision.get("action")).partition(":")[0])
