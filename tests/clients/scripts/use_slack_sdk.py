"""slack_sdk's WebClient; it doesn't read the environment's trust bundle for itself, urllib's default context does."""

from cells import API, KEY, UPLOAD, Outcome, run
from slack_sdk import WebClient

client = WebClient(token=KEY, base_url=f"{API}/slack/")


def call(method: str) -> Outcome:
    return 200, client.api_call(method, json={}).data


def upload() -> Outcome:
    return 200, client.files_upload_v2(file=str(UPLOAD), filename="upload.bin", channel="C1").data


run(
    lambda: call("auth.test"),
    refused=lambda: call("chat.delete"),
    large_upload=upload,
)
