"""The anthropic SDK."""

from anthropic import Anthropic
from cells import API, KEY, UPLOAD, Outcome, paced, run

client = Anthropic(api_key=KEY, base_url=API, max_retries=0)
ASKED = {"model": "probe", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


def message() -> Outcome:
    return 200, client.messages.create(**ASKED).content[0].text


def upload() -> Outcome:
    with UPLOAD.open("rb") as file:
        return 200, client.beta.files.upload(file=("upload.bin", file, "application/octet-stream")).id


moved = Anthropic(api_key=KEY, base_url=f"{API}/moved", max_retries=0)
run(
    message,
    refused=lambda: (200, client.delete("/v1/models/probe", cast_to=object)),
    streaming=lambda: paced(client.messages.create(stream=True, **ASKED)),
    large_upload=upload,
    redirect_refused=lambda: (200, moved.models.list().data),
)
