"""Names of buckets and keys of objects: each in one spelling, or refused.

S3 takes a key as it is; those who stand before it, and servers that speak its protocol, fold ``//`` and dots, or decode once
more. A key that one of them would take for another is refused wherever it stands: in a path, a field or a body. Cites: Amazon
S3 User Guide, bucket naming rules, object key naming. Must not know: requests, calls.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote_to_bytes

from exeat.services.readers.reading import UnreadableError

_BUCKET = re.compile(
    r"(?!xn--|sthree-)(?!.*\.\.)(?!.*(?:-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)\Z)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
)
"""General purpose buckets; names with these endings are aliases of access points, or not of this kind."""
_ADDRESS = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_LONGEST_KEY = 1024  # bytes
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\\]|//|%[0-9A-Fa-f]{2}")
_SOURCE = re.compile(
    r"/?(?P<path>(?:[A-Za-z0-9._~!$'()*,:@&=/-]|%[0-9A-Fa-f]{2})+)(?:\?versionId=(?P<version>[A-Za-z0-9._-]+))?"
)


def check_bucket(name: str) -> str:
    """Return the name of a bucket; raise UnreadableError for what can't be one, or is another name of one."""
    if not _BUCKET.fullmatch(name) or _ADDRESS.fullmatch(name):
        raise UnreadableError("not the plain name of a bucket")
    return name


def check_key(key: str) -> str:
    """Return the key of an object; raise UnreadableError for one that some server would take for another."""
    if not key or len(key.encode("utf-8", "surrogatepass")) > _LONGEST_KEY:
        raise UnreadableError("an object's key is empty or too long")
    if key.startswith("/") or _UNFIT.search(key):
        raise UnreadableError("an object's key has an empty part, a backslash, a control character or an escape in it")
    *inner, last = key.split("/")
    for part in (*inner, last) if last else inner:
        if not part.partition(";")[0].strip(". "):
            raise UnreadableError("an object's key has a part of dots or blanks")
    if not key.isascii():
        folded = unicodedata.normalize("NFKC", key)
        if any(folded.count(sign) != key.count(sign) for sign in "/\\%"):
            raise UnreadableError("an object's key has a look-alike of a separator")
    return key


def copy_source(text: str) -> tuple[str, str]:
    """Return bucket and key of ``x-amz-copy-source``; raise UnreadableError, for an access point's ARN too.

    An encoded slash and a ``+`` are read in two ways there.
    """
    found = _SOURCE.fullmatch(text)
    if found is None or "%2f" in found["path"].lower():
        raise UnreadableError("a copy's source that has no one reading")
    bucket, slash, raw = found["path"].partition("/")
    try:
        key = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("a copy's source is not in UTF-8") from None
    if not slash:
        raise UnreadableError("a copy's source names no object")
    return check_bucket(bucket), check_key(key)
