"""``service.credential.signature``: how requests are signed where ``in = "hmac"``.

Must not know: keys, how anything is signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from string import Formatter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from exeat.config.values import Size, Table
from exeat.model.signing import SignatureForm, Template

_SIGNED = frozenset({"method", "host", "path", "query", "target", "date", "digest"})
_WRITTEN = frozenset({"signature", "key_id", "date", "digest"})


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    for literal, name, form, conversion in Formatter().parse(text):
        if form or conversion or (name is not None and not name.isidentifier()):
            raise ValueError("write names in braces, and nothing more: {date}")
        yield literal, name or ""


def _template(text: str, known: frozenset[str], needed: str) -> Template:
    pieces = tuple(_pieces(text))
    names = {name for _, name in pieces if name}
    if unknown := names - known:
        raise ValueError(f"no {{{min(unknown)}}} here: write some of {', '.join(sorted(known))}")
    if needed not in names:
        raise ValueError(f"must hold {{{needed}}}")
    return pieces


def _signed(text: str) -> str:
    _template(text, _SIGNED, "method")
    return text


def _written(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII")
    _template(text, _WRITTEN, "signature")
    return text


Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]


class SignatureTable(Table):
    """A signature over each request (HMAC, RFC 2104) with a key that the service knows too."""

    header: Header = "X-Signature"
    """The field that carries the signature."""
    value: Annotated[str, AfterValidator(_written)] = "{signature}"
    """What stands in it, of ``{signature}``, ``{key_id}``, ``{date}`` and ``{digest}``: ``HMAC {key_id}:{signature}``."""
    sign: Annotated[str, AfterValidator(_signed)] = "{method}\n{path}\n{query}\n{date}\n{digest}"
    """What is signed, of ``{method}``, ``{host}``, ``{path}``, ``{query}``, ``{target}`` (path and query), ``{date}`` and ``{digest}``
    (SHA-256 of the body, for which it is read whole before it leaves)."""
    algorithm: Literal["sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    """Of signature and digest."""
    date: Literal["unix", "unix_ms", "http", "iso"] = "unix"
    """How a time is written: seconds or milliseconds since 1970, as in HTTP's Date, or as in RFC 3339."""
    date_header: Header | Literal[""] = "X-Date"
    """The field that carries the time; empty for none."""
    digest_header: Header | Literal[""] = ""
    """The field that carries the body's digest; empty for none."""
    max_body: Annotated[Size, Field(ge=1)] = 1024 * 1024
    """The largest body that is read to be signed."""

    def form(self) -> SignatureForm:
        """The same, read once."""
        return SignatureForm(
            header=self.header.lower(),
            value=_template(self.value, _WRITTEN, "signature"),
            text=_template(self.sign, _SIGNED, "method"),
            algorithm=self.algorithm,
            encoding=self.encoding,
            date=self.date,
            date_header=self.date_header.lower(),
            digest_header=self.digest_header.lower(),
            max_body=self.max_body,
        )
