"""PyGithub, which sends ``Authorization: token``."""

import os

from cells import UPLOAD, Outcome, host, run
from github import Auth, Github

client = Github(
    base_url=f"https://{host('repos')}",
    auth=Auth.Token(os.environ["REPOS_KEY"]),
    retry=None,
    seconds_between_requests=None,
)


def get(name: str = "acme/site") -> Outcome:
    return 200, client.get_repo(name).full_name


def upload() -> Outcome:
    release = client.get_repo("acme/site").get_release(1)
    return 200, release.upload_asset(str(UPLOAD), content_type="application/octet-stream").name


run(
    get,
    refused=lambda: (200, client.get_repo("acme/site").delete()),
    large_upload=upload,
)
