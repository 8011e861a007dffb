"""The openai SDK."""

from cells import API, KEY, UPLOAD, Outcome, paced, run
from openai import OpenAI

client = OpenAI(api_key=KEY, base_url=f"{API}/v1", max_retries=0)
ASKED = {"model": "probe", "messages": [{"role": "user", "content": "hello"}]}


def chat() -> Outcome:
    return 200, client.chat.completions.create(**ASKED).choices[0].message.content


def upload() -> Outcome:
    with UPLOAD.open("rb") as file:
        return 200, client.files.create(file=file, purpose="batch").id


moved = OpenAI(api_key=KEY, base_url=f"{API}/moved", max_retries=0)
run(
    chat,
    refused=lambda: (200, client.models.delete("probe")),
    streaming=lambda: paced(client.chat.completions.create(stream=True, **ASKED)),
    large_upload=upload,
    redirect_refused=lambda: (200, moved.models.list().data),
)
