"""Cedar text: its tokens, its policies, and where in a file something is.

Cedar's own errors carry no positions, so this lexer gives them. It only cuts text apart; Cedar alone says what the text
means, and every count made here is checked against Cedar's. Must not know: what a policy or a schema says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n\r]*)
    |(?P<string>"(?:\\.|[^"\\])*")
    |(?P<broken>"(?:\\.|[^"\\])*\\?\Z)
    |(?P<name>[_A-Za-z][_A-Za-z0-9]*)
    |(?P<number>[0-9]+)
    |(?P<mark>::|==|!=|<=|>=|&&|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word of Cedar text. ``kind`` is ``string``, ``broken`` (an unterminated one), ``name``, ``number`` or ``mark``."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset just behind it."""
        return self.start + len(self.text)

    @property
    def value(self) -> str:
        """What it stands for: a string without quotes and escapes, anything else as written."""
        return unquote(self.text) if self.kind == "string" else self.text


@dataclass(frozen=True, slots=True)
class Chunk:
    """One policy in a file: ``text`` from its first token to its semicolon, or to the end when that is missing."""

    text: str
    start: int
    complete: bool


def tokens(text: str) -> list[Token]:
    """Cut text into tokens, without spaces and comments. Never fails: what is no token is a mark of one character."""
    return [
        Token(match.lastgroup, match.group(), match.start())
        for match in _TOKEN.finditer(text)
        if match.lastgroup and match.lastgroup != "skip"
    ]


def split_policies(text: str) -> list[Chunk]:
    """Cut text at the semicolons outside strings and comments; an unterminated rest is a chunk too."""
    chunks = []
    start: int | None = None
    for token in tokens(text):
        if start is None:
            start = token.start
        if token.text == ";":
            chunks.append(Chunk(text[start : token.end], start, complete=True))
            start = None
    if start is not None:
        chunks.append(Chunk(text[start:].rstrip(), start, complete=False))
    return chunks


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


def unquote(text: str) -> str:
    """The value of a Cedar string literal."""
    return _ESCAPE.sub(
        lambda match: chr(int(match[1] or match[2], 16)) if match[1] or match[2] else _PLAIN.get(match[3], match[3]),
        text[1:-1],
    )


def quote(value: str) -> str:
    """A Cedar string literal for a value."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in escaped) + '"'


def offending(text: str, parse: Callable[[str], object]) -> int | None:
    """The offset of the token at which Cedar stops understanding text that doesn't parse; None when it can't be told.

    A text cut off too early fails with "unexpected end of input" and any other error means the culprit is inside, so the
    shortest failing prefix is found by halving.
    """
    words = tokens(text)
    low, high = 0, len(words)
    while low < high:
        middle = (low + high) // 2
        if _is_cut_off(_error(text[: words[middle].end], parse)):
            low = middle + 1
        else:
            high = middle
    if low == len(words):
        return None
    if low == len(words) - 1 and not is_syntax(_error(text, parse)):
        return None  # the text was read to its end: the fault is in what it says, not in one place
    return words[low].start


def is_syntax(message: str) -> bool:
    """Whether a message of Cedar's is about a token in the wrong place, and not about what the text says."""
    return "unexpected token" in message or "invalid token" in message


def _is_cut_off(message: str) -> bool:
    return not message or "unexpected end of input" in message


def _error(text: str, parse: Callable[[str], object]) -> str:
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


_QUOTED = re.compile(r"[`']([^`']+)[`']")


def mentioned(message: str, text: str, words: Sequence[Token]) -> int | None:
    """The offset of the first thing in text that an error message quotes; None when it names none of it."""
    for name in _QUOTED.findall(message):
        for word in words:
            if name in (word.value, word.text):
                return word.start
        if "::" in name and (offset := text.find(name)) >= 0:
            return offset
    return None
