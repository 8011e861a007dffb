"""Calls of models by their provider's SDK, as an agent would write them: ``call_model.py openai|anthropic MODEL[+stream] …``."""

import sys

if sys.argv[1] == "openai":
    from openai import OpenAI

    client = OpenAI(max_retries=0)
else:
    from anthropic import Anthropic

    client = Anthropic(max_retries=0)


def ask(model: str, stream: str) -> str:
    asked = {"model": model, "messages": [{"role": "user", "content": "How is it?"}]}
    if sys.argv[1] == "openai":
        if not stream:
            return client.chat.completions.create(**asked).choices[0].message.content
        chunks = client.chat.completions.create(stream=True, **asked)
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    if not stream:
        return client.messages.create(max_tokens=9, **asked).content[0].text
    with client.messages.stream(max_tokens=9, **asked) as answer:
        return answer.get_final_text()


for call in sys.argv[2:]:
    name, _, how = call.partition("+")
    try:
        print("ANSWERED", ask(name, how))
    except Exception as error:
        print("RAISED", type(error).__name__, error)
