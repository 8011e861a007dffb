"""``exeat login``: a session of one's own account, for whoever has no token.

The person logs in in a browser, on any machine, and carries the code that it shows over to this terminal; so nobody who
merely makes somebody open a link gets a session. Must not know: the provider, what a session is worth.
"""

from __future__ import annotations

import sys

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, printable, say


def login(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Log in with your own account; the session is kept in a file that only you can read.

    It is used wherever there is no admin.token_file, until it ends.
    """
    import secrets

    from exeat.admin.login.sessions import challenge_of
    from exeat.cli.client import AdminClient, login_file
    from exeat.config.endpoints import parse_listener
    from exeat.files import private_folder, write_private
    from exeat.model.secret import Secret

    settings = load_settings(config).settings
    listener = parse_listener(settings.admin.listen)
    verifier = Secret(secrets.token_urlsafe(32))
    where = (settings.admin.url or settings.admin.listen).rstrip("/")
    say(f"open {where}/login?terminal={challenge_of(verifier)}\nlog in there, and type the code that it shows:")
    code = sys.stdin.readline().strip()
    answer = AdminClient(listener, None).post("/v1/login", {"verifier": verifier.reveal(), "code": code or "-"})
    file = login_file(listener)
    private_folder(file.parent)
    write_private(file, f"{answer.pop('token')}\n".encode())
    if as_json:
        emit(answer)
    else:
        line(
            f"logged in as {printable(answer['name'])}, {printable(answer['role'])}, for {answer['seconds'] // 60} min"
        )


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("login")(login)
