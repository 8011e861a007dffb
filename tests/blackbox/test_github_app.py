"""A GitHub App behind the proxy: every request with a token for its repository and its permission, from a strict server.

The server is our own (``servers/github_app``): it verifies the app's JWT and enforces what a token opens. The clients are
real: PyGithub and git, which hold placeholders only.
"""

from __future__ import annotations

import os
import subprocess
import time
from datetime import datetime
from pathlib import Path

import pytest

from rig.proxy import clean_environment
from rig.wire import ask
from servers.github_app.grants import CLIENT_ID
from servers.github_app.server import GitHub, make_repository

PYTHON = Path(__file__).parents[2] / ".venv-clients" / "bin" / "python"
API = "api.github.com"
ISSUE = b'{"title":"a"}'
JSON = "Content-Type: application/json"


@pytest.fixture(scope="module")
def config(config, authority, tmp_path_factory):
    """The built-in GitHub services, with an app of ours; ``github-git`` of the installation 7001 only."""
    folder = tmp_path_factory.mktemp("github")
    with GitHub(authority, folder) as github:
        key = folder / "app.pem"
        key.touch(0o600)
        key.write_text(github.grants.pem)
        app = {"kind": "github_app", "client_id": CLIENT_ID, "private_key": f"file:{key}", "api_url": github.url}
        config.tables["service"] += [
            {"name": "github", "issuer": app},
            {"name": "github-git", "issuer": {**app, "installation": 7001}},
        ]
        for host in (API, "github.com"):
            config.allow(host, local=github.tls_port)
        config.template["operations"] += ["github:*", "github-git:*"]
        config.github, config.folder = github, folder
        yield config


@pytest.fixture
def github(config):
    config.github.clear()
    return config.github


def of(github, index=-1):
    """The token that an agent's request showed at the server, as the server knows it."""
    return github.grants.tokens[github.seen[index].token]


def last_outcome(exeat, mission):
    return exeat.audit_records("outcome", mission=mission["mission"])[-1]


@pytest.mark.guard("github-repository")
def test_a_token_opens_one_repository_with_one_permission(exeat, mission, github):
    """Creating an issue needs to write issues, and the server itself refuses the same token anything wider."""
    answer = ask(exeat, mission, "POST", "/repos/Acme/Site/issues", JSON, host=API, body=ISSUE)
    assert answer.status == 201, answer.body
    token = of(github)
    assert token.value.startswith("ghs_")
    assert (token.repositories, token.permissions) == (("site",), {"metadata": "read", "issues": "write"})
    grade = last_outcome(exeat, mission)["credential"]["grade"]
    assert grade == "A"
    assert token.value.encode() not in exeat.everything_written()
    assert not token.opens("acme", "secrets")
    assert not token.allows("contents", "read")
    assert not token.allows("administration", "read")


def test_reading_gets_a_reading_token_and_the_same_one_again(exeat, mission, github):
    """One token for each operation on each repository, and the app is asked for its installation once."""
    for path in ("/repos/acme/site", "/repos/acme/site", "/repos/acme/secrets"):
        assert ask(exeat, mission, "GET", path, host=API).status == 200
    first, again, other = (of(github, index) for index in range(3))
    assert first is again
    assert (first.permissions, other.repositories) == ({"metadata": "read"}, ("secrets",))
    assert sum(path.endswith("/installation") for _, path, _ in github.asked) <= 1


def test_two_missions_never_share_a_token(exeat, mission, github):
    """Each has its own, and the end of one revokes its tokens alone, at the server."""
    other = exeat.open(agent="report-bot")
    for each in (mission, other):
        assert ask(exeat, each, "GET", "/repos/acme/site/issues", host=API).status == 200
    ours, theirs = of(github, 0), of(github, 1)
    assert ours is not theirs
    figures = exeat.end(mission, "revoke")
    assert figures["applied"]["tokens_revoked"] == 1, figures
    assert (ours.revoked, theirs.revoked) == (True, False)


def test_another_owners_installation_is_found_and_its_limits_hold(exeat, mission, github):
    """What the installation itself doesn't have can't be had by asking; where the app isn't installed, nothing can."""
    assert ask(exeat, mission, "GET", "/repos/other/site/issues", host=API).status == 200
    assert of(github).installation.owner == "other"
    before = len(github.seen)
    for method, path in (("POST", "/repos/other/site/issues"), ("GET", "/repos/nobody/site/issues")):
        refused_by(ask(exeat, mission, method, path, JSON, host=API, body=ISSUE if method == "POST" else b""))
    assert len(github.seen) == before


def refused_by(answer, code="token_unavailable"):
    """GitHub's clients show a JSON message: our refusal in that form."""
    assert answer.status == 503, (answer.status, answer.body)
    assert code in answer.body.decode()


def test_an_operation_of_unknown_permission_gets_no_token(exeat, mission, github):
    """Starring is a person's, GraphQL names nothing that a token could be narrowed to; a new repository is nobody's yet."""
    asked = [("PUT", "/user/starred/acme/site", b""), ("POST", "/graphql", b'{"query":"{viewer{login}}"}'),
             ("POST", "/orgs/acme/repos", b'{"name":"x"}')]  # fmt: skip
    for method, path, body in asked:
        refused_by(ask(exeat, mission, method, path, JSON, host=API, body=body))
    assert not github.asked
    assert not github.seen


def test_an_organisations_members_need_no_repository(exeat, mission, github):
    """Permissions that are about no repository may come without one."""
    assert ask(exeat, mission, "GET", "/orgs/acme/members", host=API).status == 200
    assert of(github).permissions == {"metadata": "read", "members": "read"}


@pytest.mark.guard("github-permissions")
@pytest.mark.parametrize("lie", ["repositories", "neighbour", "permissions", "life", "unsaid"])
def test_a_grant_wider_than_asked_is_refused_and_revoked(exeat, mission, github, lie):
    """More repositories, permissions or time than asked, or none of it said: the origin gets nothing, the token dies."""
    github.grants.lie = lie
    known = set(github.grants.tokens)
    refused_by(ask(exeat, mission, "GET", "/repos/acme/site/pulls", host=API), "token_too_wide")
    assert not github.seen
    (given,) = (token for value, token in github.grants.tokens.items() if value not in known)
    assert given.revoked
    assert last_outcome(exeat, mission)["code"] == "token_too_wide"


def test_an_expired_token_is_not_used_again(exeat, mission, github):
    """A token that is nearly over when it comes is over soon; then there is another one."""
    github.grants.life = 2.0
    assert ask(exeat, mission, "GET", "/repos/acme/site/pulls", host=API).status == 200
    time.sleep(2.1)
    assert ask(exeat, mission, "GET", "/repos/acme/site/pulls", host=API).status == 200
    assert of(github, 0) is not of(github, 1)


def test_a_server_that_is_down_or_slow_refuses_in_time(exeat, mission, github):
    """Seconds at most, nothing sent; then all is as before."""
    github.down = True
    refused_by(ask(exeat, mission, "GET", "/repos/acme/site/contents/a", host=API))
    github.down = False
    time.sleep(1.1)  # it is left alone for a second
    github.slow = 30.0
    started = time.monotonic()
    refused_by(ask(exeat, mission, "GET", "/repos/acme/site/contents/a", host=API))
    assert time.monotonic() - started < 8
    github.slow = 0.0
    time.sleep(1.1)
    assert ask(exeat, mission, "GET", "/repos/acme/site/contents/a", host=API).status == 200
    assert len(github.seen) == 1


def client_environment(mission, home, **more):
    plain = {name: value for name, value in clean_environment().items() if name not in mission["env"]}
    return {**plain, **mission["env"], "HOME": str(home), **more}


PYGITHUB = """
import os
from github import Auth, Github, GithubException
hub = Github(auth=Auth.Token(os.environ["KEY"]), retry=None, seconds_between_requests=None, seconds_between_writes=None)
repo = hub.get_repo("acme/site")
print(repo.full_name, repo.create_issue("from an agent").number, [each.number for each in repo.get_issues()])
try:
    hub.get_repo("acme/missing")
except GithubException as error:
    print(error.status, error.data.get("message", ""))
"""


@pytest.mark.skipif(not PYTHON.exists(), reason="scripts/setup-clients makes .venv-clients")
def test_pygithub_works_with_a_placeholder(exeat, mission, github, tmp_path):
    """The SDK as it is, with what opening the mission gave it; no token of the server's is in what it could read."""
    environ = client_environment(mission, tmp_path, KEY=mission["placeholders"]["github"])
    done = subprocess.run([PYTHON, "-c", PYGITHUB], env=environ, capture_output=True, text=True, timeout=40)
    said = done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == "acme/site 2 [1]", said
    assert "503" in said
    assert [token for token in github.grants.tokens if token in said] == []
    assert {token.permissions.get("issues") for token in map(github.grants.tokens.get, {s.token for s in github.seen})} == {
        None, "read", "write",
    }  # fmt: skip


def test_git_fetches_and_pushes_with_tokens_of_its_own(exeat, mission, github, config, tmp_path):
    """Over HTTPS as ``x-access-token``: a clone may read contents, a push writes them, and another repository stays shut."""
    make_repository(config.folder, "acme", "site")
    place = mission["placeholders"]["github-git"]
    environ = client_environment(mission, tmp_path, GIT_TERMINAL_PROMPT="0", GIT_CONFIG_NOSYSTEM="1")
    remote = f"https://x-access-token:{place}@github.com/acme/site.git"

    def git(*arguments):
        who = ["-c", "user.name=rig", "-c", "user.email=rig@example.test"]
        return subprocess.run(["git", *who, *arguments], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=40)  # fmt: skip

    cloned = git("clone", "-q", remote, "here")
    assert cloned.returncode == 0, cloned.stderr
    assert {of(github, index).permissions["contents"] for index in range(len(github.seen))} == {"read"}
    assert git("-C", "here", "commit", "-q", "--allow-empty", "-m", "second").returncode == 0
    pushed = git("-C", "here", "push", "-q", "origin", "HEAD:refs/heads/agent")
    assert pushed.returncode == 0, pushed.stderr
    assert of(github).permissions["contents"] == "write"
    assert of(github).repositories == ("site",)
    assert place.encode() not in b"".join(seen.token.encode() for seen in github.seen)
    stolen = os.fsencode(of(github).value)
    assert not any(stolen in file.read_bytes() for file in (tmp_path / "here").rglob("*") if file.is_file())
    assert git("clone", "-q", remote.replace("site.git", "missing.git"), "there").returncode != 0


def test_what_cant_be_revoked_is_named_with_its_end(exeat, mission, github):
    """GitHub is down when the mission ends: the token is dropped, and the answer says which one lives on and until when."""
    assert ask(exeat, mission, "GET", "/repos/acme/site", host=API).status == 200
    github.down = True
    applied = exeat.end(mission, "close")["applied"]
    assert applied["tokens_revoked"] == 0
    (left,) = applied["tokens_left"]
    assert left["service"] == "github"
    assert abs(datetime.fromisoformat(left["expires_at"]).timestamp() - of(github).expires_at) < 5
