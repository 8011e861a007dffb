"""``exeat why``: one decision in words: who, for what, what, where, the verdict, its reason, what to do next.

Must not know: how it was reached; only what was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, paint, pairs, printable, say
from exeat.errors import ExeatError, NotFoundError, UnavailableError

if TYPE_CHECKING:
    from exeat.cli.deciding import Deciding
    from exeat.config.loading import Loaded

_CREDENTIALS = {
    "none": "none was sent",
    "placeholder": "the mission's placeholder, swapped for a token",
    "shared": "the old shared credential, swapped for a token",
    "retired": "a retired shared credential",
    "foreign": "one that isn't managed here",
    "kept": "the placeholder of one that an origin handed to this mission, put back for it",
    "forwarded": "one that isn't managed here, and goes on as the service says",
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
    """Explain one decision: who asked for what, the verdict, the policies behind it, what to do next.

    Reads the audit files when the proxy isn't running.
    """
    from exeat.cli.client import AdminClient, segment
    from exeat.cli.deciding import deciding
    from exeat.cli.remedy import remedies

    loaded = load_settings(config)
    try:
        answer = AdminClient.of(loaded).get(f"/v1/decisions/{segment(decision)}")
    except UnavailableError as error:
        answer = _from_files(decision, loaded, error)
    if as_json:
        emit(answer)
        return
    record = answer["decision"]
    outcome = answer.get("outcome")
    code = _code(record, outcome)
    steps = remedies({**record, "code": code}, _mission(record, loaded), loaded) if code else []
    explain(record, outcome, deciding(record, loaded), steps)


def _code(decision: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> str:
    """Why it was refused, or why a permit could not be carried out."""
    return str(decision.get("code") or (outcome or {}).get("code") or "")


def _from_files(decision: str, loaded: Loaded, error: UnavailableError) -> dict[str, Any]:
    """A decision as the audit files hold it; raises as the proxy's answer would."""
    from exeat.audit import query

    folder = loaded.path(loaded.settings.audit.path)
    if not folder.is_dir():
        raise error
    wanted = decision
    if decision == "last":
        newest = query.last(folder)
        wanted = "" if newest is None else str(newest.get("decision_id"))
    found = query.find(folder, wanted) if wanted else []
    if not found or found[0].get("kind") != "decision":
        raise NotFoundError(f"the audit files hold no decision {decision!r}", "exeat audit tail lists the newest")
    say(f"note: read from the audit files in {folder}: {printable(error)}")
    return {"decision": found[0], "outcome": found[1] if len(found) > 1 else None}


def _mission(record: Mapping[str, Any], loaded: Loaded) -> Mapping[str, Any]:
    """The mission of a decision; empty when it can't be asked for."""
    from exeat.cli.client import AdminClient, segment

    mission = str(record.get("mission") or "")
    if not mission:
        return {}
    try:
        answer = AdminClient.of(loaded).get(f"/v1/missions/{segment(mission)}")
    except ExeatError:
        return {}
    return answer if isinstance(answer, dict) else {}


def explain(
    decision: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
    policies: Sequence[Deciding] = (),
    steps: Sequence[str] = (),
) -> None:
    """Print one decision record, its outcome if there is one, the policies behind it and what to do, in words."""
    verdict = str(decision.get("decision", ""))
    style = "green" if verdict == "permit" else "red"
    where = f"{decision.get('method', '')} {decision.get('host', '')}{decision.get('path', '')}"
    line(f"{paint(printable(verdict or 'unknown').upper(), style)}  {printable(where)}")
    code = _code(decision, outcome)
    title, hint = _texts(code)
    if title:
        line(f"{printable(title)} ({printable(code)})")
    line()
    credential = decision.get("credential")
    credential = credential if isinstance(credential, dict) else {"state": credential}
    pairs(
        {
            "agent": decision.get("agent"),
            "proved by": decision.get("evidence"),
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
    for policy in policies:
        _show_policy(policy)
    if hint:
        line(f"\nThe agent was told: {printable(hint)}")
    if steps:
        line("What to do:" if hint else "\nWhat to do:")
    for step in steps:
        line(f"  - {printable(step)}")
    if code == "policy_denied" and decision.get("action"):
        line("Policies: exeat policy check; the operation's name: exeat service show " + _service(decision))


def _show_policy(policy: Deciding) -> None:
    line(f"\n{paint(printable(policy.where or policy.label), 'bold')}")
    if policy.note:
        line(f"  ({printable(policy.note)})")
    for text in policy.text.splitlines():
        line(f"    {printable(text.expandtabs(4))}")


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
