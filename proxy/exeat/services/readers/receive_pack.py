"""A git push: which refs it creates, moves and deletes stands at the beginning of its body, before the objects.

    request  = *command-line flush-pkt [packfile]        command = old-id SP new-id SP ref [NUL capabilities]

Cites: git's gitprotocol-pack(5), gitprotocol-common(5). Signed pushes and options after the commands are refused: they would
have to be read too. Must not know: repositories, policies, what the objects hold.
"""

from __future__ import annotations

import re
from typing import final

from exeat.model.request import CanonicalRequest
from exeat.services.readers.media import check_type
from exeat.services.readers.reading import Asked, UnreadableError, bounded, one_asked

TYPE = "application/x-git-receive-pack-request"
_COMMAND = re.compile(rb"(?P<old>[0-9a-f]{40}|[0-9a-f]{64}) (?P<new>[0-9a-f]{40}|[0-9a-f]{64}) (?P<ref>[^\x00\n]+)")
# git-check-ref-format(1): what a ref may be called, one component after the other.
_REF = re.compile(r"refs(?:/(?!\.)(?!@?\{)[^\x00-\x20\x7f~^:?*\[\\/]+(?<!\.)(?<!\.lock)){1,32}")
_HEX = re.compile(rb"[0-9a-f]{4}")


def read_receive_pack(request: CanonicalRequest, beginning: bytes) -> tuple[Asked, ...]:
    """Return what a push does to each ref, as ``create:REF``, ``update:REF`` or ``delete:REF``; raise UnreadableError.

    ``beginning`` may go on after the commands: objects are not read. A push of nothing, by which git asks whether its
    credentials hold, is ``probe``.
    """
    check_type(request, TYPE)
    lines = _lines(beginning)
    if lines is None:
        raise UnreadableError("the commands of the push have no end")
    if not lines:
        return (one_asked("probe", {}),)
    asked, refs = [], set()
    for number, line in enumerate(lines):
        command, _, capabilities = line.partition(b"\0")
        if (number and capabilities) or b"push-options" in capabilities.split() or b"push-cert" in command:
            raise UnreadableError("a push with options, a certificate, or capabilities in its midst")
        if command.startswith(b"shallow "):
            continue
        found = _COMMAND.fullmatch(command.removesuffix(b"\n"))
        ref = "" if found is None else _text(found["ref"])
        if found is None or ".." in ref or "@{" in ref or not _REF.fullmatch(ref) or ref in refs:
            raise UnreadableError("a command of the push that has no one reading")
        refs.add(ref)
        asked.append(one_asked(f"{_kind(found['old'], found['new'])}:{ref}", {"ref": ref}))
    return bounded(asked)


@final
class CommandsEnd:
    """Looks for the end of a push's commands as its body comes; of what it has seen it keeps the line that isn't over."""

    def __init__(self) -> None:
        self._line = bytearray()

    def __call__(self, piece: bytes) -> bool:
        """Whether the commands are all there, or can't become any: then waiting for more changes nothing."""
        self._line += piece
        at = 0
        try:
            while length := _length(self._line, at):
                at += length
        except UnreadableError:
            return True
        del self._line[:at]
        return length is not None


def _text(ref: bytes) -> str:
    try:
        return ref.decode()
    except UnicodeDecodeError:
        raise UnreadableError("a ref that is not UTF-8") from None


def _kind(old: bytes, new: bytes) -> str:
    nothing_before, nothing_after = not old.strip(b"0"), not new.strip(b"0")
    if nothing_before and nothing_after:
        raise UnreadableError("a command of the push that does nothing")
    return "create" if nothing_before else "delete" if nothing_after else "update"


def _lines(beginning: bytes) -> list[bytes] | None:
    """The pkt-lines up to the first flush-pkt; None while there is none."""
    lines: list[bytes] = []
    at = 0
    while length := _length(beginning, at):
        lines.append(beginning[at + 4 : at + length])
        at += length
    return None if length is None else lines


def _length(body: bytes | bytearray, at: int) -> int | None:
    """Bytes of the pkt-line that begins at ``at``, 0 for a flush-pkt; None while it isn't all there."""
    head = body[at : at + 4]
    if len(head) < 4:
        return None
    if not _HEX.fullmatch(head) or 0 < (length := int(head, 16)) <= 4:
        raise UnreadableError("not the lines of a push")
    return length if len(body) >= at + length else None
