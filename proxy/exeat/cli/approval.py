"""``exeat approval``: what people are asked about, and their answers.

Everything an agent chose is shown with its unsafe characters escaped. Must not know: who may approve; the admin API decides.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, paint, pairs, printable, say, table, until
from exeat.errors import InvalidRequestError

app = typer.Typer(
    name="approval", help="What waits for people's approval.", no_args_is_help=True, rich_markup_mode=None
)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The approval's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the audit log.")]


@app.command("list")
def list_approvals(
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="pending, approved, denied, used, expired or all.")] = "pending",
    mission: Annotated[str, typer.Option("--mission", metavar="ID")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 50,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show what waits for an answer, newest first."""
    from exeat.cli.client import AdminClient

    wanted = "" if state == "all" else state
    answer = AdminClient.of(load_settings(config)).get("/v1/approvals", state=wanted, mission=mission, limit=limit)
    if as_json:
        emit(answer)
        return
    found = answer["approvals"]
    if not found:
        say("nothing waits for approval" if state == "pending" else "there is none")
        return
    table(
        ("APPROVAL", "STATE", "AGENT", "REQUEST", "ACTION", "ASKED", "EXPIRES"),
        [
            (
                each["approval"],
                each["state"],
                each["agent"].rpartition("/")[2],
                f"{each['request']['method']} {each['request']['url']}",
                each["action"],
                ",".join(each["groups"]),
                until(each["expires_at"]),
            )
            for each in found
        ],
    )


@app.command("show")
def show(approval: IdArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show exactly what is asked, and who has said what."""
    from exeat.cli.client import AdminClient, segment

    answer = AdminClient.of(load_settings(config)).get(f"/v1/approvals/{segment(approval)}")
    if as_json:
        emit(answer)
    else:
        _show(answer)


@app.command("approve")
def approve(
    approval: IdArgument,
    scope: Annotated[str, typer.Option("--for", metavar="SCOPE", help="once, or mission: every such action on the same resource.")] = "once",
    times: Annotated[int, typer.Option("--times", min=0, help="This very request so many times.")] = 0,
    ttl: Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long it holds: 10m, 2h.")] = "",
    reason: ReasonOption = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Agree to it. The agent's request goes on, or passes when it is sent again."""
    if scope not in ("once", "mission") or (times and scope == "mission"):
        raise InvalidRequestError("an approval is for once, for --times N, or for the mission", "--for once|mission")
    body: dict[str, Any] = {"scope": "times" if times else scope, "reason": reason}
    body |= {"times": times} if times else {}
    body |= {"ttl": ttl} if ttl else {}
    answer = _post(approval, "approve", body, config)
    if as_json:
        emit(answer)
        return
    if answer["missing"]:
        who = ", ".join(f"{count} of {name}" for name, count in answer["missing"].items())
        line(f"{printable(approval)} still needs {printable(who)}")
        return
    covers = {"once": "this request, once", "times": f"this request, {answer['times']} times"}.get(
        answer["scope"], f"{answer['action']} on {answer['resource']} in this mission"
    )
    line(
        f"{paint('approved', 'green')} {printable(approval)}: {printable(covers)}; until {until(answer['expires_at'])}"
    )


@app.command("deny")
def deny(approval: IdArgument, reason: ReasonOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:  # fmt: skip
    """Refuse it: the same request is refused for a while without asking again."""
    answer = _post(approval, "deny", {"reason": reason}, config)
    if as_json:
        emit(answer)
    else:
        line(f"{paint('denied', 'red')} {printable(approval)}; not asked again until {until(answer['expires_at'])}")


def _post(approval: str, verb: str, body: dict[str, Any], config: ConfigOption) -> Any:
    from exeat.cli.client import AdminClient, segment

    return AdminClient.of(load_settings(config)).post(f"/v1/approvals/{segment(approval)}/{verb}", body)


def _show(answer: dict[str, Any]) -> None:
    request, body = answer["request"], answer["request"]["body"]
    missing = answer["missing"]
    pairs(
        {
            "approval": answer["approval"],
            "state": answer["state"],
            "agent": answer["agent"],
            "mission": answer["mission"],
            "request": f"{request['method']} {request['url']}",
            "query": request["query"],
            "body": f"{body['bytes']} bytes {body['content_type']}" if body["bytes"] else "",
            "body sha256": body["sha256"],
            "covers": "" if request["exact"] else "the body streams and isn't read: only the action can be approved",
            "action": answer["action"],
            "resource": answer["resource"],
            "also asks for": answer["also"],
            "asked": answer["groups"],
            "still missing": ", ".join(f"{count} of {name}" for name, count in missing.items()),
            "asked at": answer["created_at"],
            "expires": f"{answer['expires_at']} ({until(answer['expires_at'])})",
            "scope": answer["scope"],
            "used": f"{answer['used']} of {answer['times'] or 'any number'}" if answer["scope"] else "",
            "over because of": answer["cause"],
            "decision": answer["decision_id"],
        }
    )
    for vote in answer["votes"]:
        why = f": {vote['reason']}" if vote["reason"] else ""
        line(f"  {printable(vote['by'])} ({printable(vote['via'])}, {printable(vote['at'])}){printable(why)}")
