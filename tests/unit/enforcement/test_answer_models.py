"""The model that an answer says it is from, read in passing from its beginning."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.enforcement.answers.models import model_reader

PLAIN = ((b"Content-Type", b"application/json; charset=utf-8"),)
EVENTS = ((b"content-type", b"text/event-stream"),)
CHAT = json.dumps({"id": "1", "model": "gpt-5", "choices": [{"message": {"content": 'say {"model": "x"}'}}]}).encode()
OPENAI = b'data: {"id": "1", "model": "gpt-5", "choices": []}\n\ndata: [DONE]\n\n'
RESPONSES = b'event: response.created\ndata: {"type": "response.created", "response": {"model": "gpt-5", "tools": [{"model": "image"}]}}\n\n'
ANTHROPIC = b'event: ping\ndata: {"type": "ping"}\n\nevent: message_start\ndata: {"type": "message_start", "message": {"model": "gpt-5"}}\n\n'
GEMINI = b'data: {"candidates": [], "modelVersion": "gpt-5"}\r\n\r\n'


def read(fields, chunks):
    told = []
    reader = model_reader(fields, told.append)
    assert reader is not None
    for chunk in (*chunks, b""):
        reader.look(chunk)
    return told


@given(st.integers(1, 40))
def test_it_is_read_however_the_answer_is_cut(size):
    for fields, text in ((PLAIN, CHAT), (EVENTS, OPENAI), (EVENTS, RESPONSES), (EVENTS, ANTHROPIC), (EVENTS, GEMINI)):
        assert read(fields, [text[at : at + size] for at in range(0, len(text), size)]) == ["gpt-5"]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (PLAIN, b'{"data": "' + b"x" * 70_000 + b'", "model": "gpt-5"}'),  # too large
        (PLAIN, b'{"choices": [{"model": "gpt-5"}]}'),  # nested deeper than anybody says it
        (PLAIN, b'{"model": {"id": "gpt-5"}}'),
        (PLAIN, b'["gpt-5"]'),
        (PLAIN, b"no json"),
        (EVENTS, b": comment\n\n" * 10_000 + OPENAI),
        (EVENTS, b'event: {"model": "gpt-5"}\n\n'),
    ],
)
def test_what_does_not_say_it_says_nothing(fields, text):
    assert read(fields, [text]) == []


@pytest.mark.parametrize(
    "fields",
    [
        ((b"content-type", b"text/plain"),),
        (),
        (*PLAIN, (b"Content-Encoding", b"gzip")),
        ((b"content-type", b"application/jsonl"),),
    ],
)
def test_other_answers_are_not_read(fields):
    assert model_reader(fields, print) is None


def test_what_is_kept_of_an_endless_line_is_bounded():
    told = []
    reader = model_reader(EVENTS, told.append)
    assert reader is not None
    for _ in range(100):
        reader.look(b"x" * 10_000)
    assert len(reader._begun) <= 64 * 1024
