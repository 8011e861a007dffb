"""What STS answered, and whether that is what was asked for. Servers answer 200 with something else.

Cites: AWS STS API reference, AssumeRole and AssumeRoleWithWebIdentity. Must not know: networks, missions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from xml.etree import ElementTree as Xml

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.sigv4 import AwsKeys

_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
_SECRET = re.compile(r"[!-~]{16,256}")
_SESSION = re.compile(r"[!-~]{16,16384}")
_CODE = re.compile(r"[A-Za-z0-9.]{1,64}")
_SKEW = 5.0
"""Seconds by which the clock of STS may differ from ours."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a session was to be; ``arn``, ``subject`` (of our word, if one was given) and ``source_identity`` as STS is to say them back."""

    arn: str
    life: float
    subject: str = ""
    source_identity: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials as asked for; ``expires_at`` in epoch seconds."""

    keys: AwsKeys
    expires_at: float


def read_error(body: bytes) -> str:
    """The error code of an answer, for the record; never its message, which may quote what was sent."""
    try:
        codes = _texts(_parsed(body), "Code")
    except RefusalError:
        codes = []
    return codes[0] if len(codes) == 1 and _CODE.fullmatch(codes[0]) else "no error code"


def read_session(body: bytes, asked: Asked, *, sent: float, now: float) -> Session:
    """Return the session of an answer to a request of the time ``sent``.

    Raise RefusalError(TOKEN_TOO_WIDE) when it is of another role or session than asked, lives longer, or is packed beyond
    what AWS allows; RefusalError(TOKEN_UNAVAILABLE) when it can't be read in exactly one way, or is over.
    """
    document = _parsed(body)
    key_id, secret, session = (
        _one(document, name, form)
        for name, form in (("AccessKeyId", _KEY_ID), ("SecretAccessKey", _SECRET), ("SessionToken", _SESSION))
    )
    arns = [text for each in document.iter() if _name(each) == "AssumedRoleUser" for text in _texts(each, "Arn")]
    subjects = _texts(document, "SubjectFromWebIdentityToken")
    # Some servers leave the role out where they say back whom our word is about.
    if arns != [asked.arn] and (arns or not asked.subject or not subjects):
        raise _wide("another role or session than asked")
    if subjects and subjects != [asked.subject]:
        raise _wide("a session about another agent")
    if asked.source_identity and _texts(document, "SourceIdentity") != [asked.source_identity]:
        raise _wide("a session of another source identity")
    for packed in _texts(document, "PackedPolicySize"):
        if not packed.isdecimal() or int(packed) > 100:
            raise _wide("a session whose policy doesn't fit")
    end = _time(_one(document, "Expiration"))
    if not end <= sent + asked.life + _SKEW:
        raise _wide(f"a session of {end - sent:.0f} s, not {asked.life:g} s")
    end = min(end, sent + asked.life)
    if end <= now:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "STS granted a session that is over")
    return Session(AwsKeys(key_id, Secret(secret), Secret(session)), end)


def _parsed(body: bytes) -> Xml.Element:
    if b"<!" in body:  # a document type: nothing STS sends has one, and entities grow
        raise _unreadable()
    try:
        return Xml.fromstring(body)  # noqa: S314 of a configured server, bounded, without a document type
    except Xml.ParseError:
        raise _unreadable() from None


def _name(element: Xml.Element) -> str:
    return element.tag.rpartition("}")[2]


def _texts(within: Xml.Element, name: str) -> list[str]:
    return [(each.text or "").strip() for each in within.iter() if _name(each) == name]


def _one(document: Xml.Element, name: str, form: re.Pattern[str] | None = None) -> str:
    found = _texts(document, name)
    if len(found) != 1 or (form is not None and not form.fullmatch(found[0])):
        raise _unreadable()
    return found[0]


def _time(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _unreadable() from None
    if moment.tzinfo is None:
        raise _unreadable()
    return moment.timestamp()


def _unreadable() -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, "STS answered what can't be read as a session")


def _wide(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_TOO_WIDE, f"STS granted {what}")
