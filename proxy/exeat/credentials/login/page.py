"""The login form in a page: where it leads, and what has to be sent with it (HTML Living Standard §4.10).

Must not know: HTTP, secrets.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(slots=True)
class Form:
    """One form: where it leads, as written, and its inputs' values by name; ``password`` says whether it asks for one."""

    action: str = ""
    method: str = "get"
    hidden: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    password: bool = False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in reversed(attrs)}  # of two the first counts
        if tag == "form" and self._open is None:
            self._open = Form(said.get("action", "").strip(), said.get("method", "get").strip().lower())
            self.forms.append(self._open)
        elif tag in ("input", "select", "textarea") and self._open is not None and (name := said.get("name")):
            kind = said.get("type", "text").lower()
            self._open.names.add(name)
            self._open.password |= kind == "password"
            if kind == "hidden":
                self._open.hidden[name] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def forms_in(text: str) -> list[Form]:
    """Every form of a page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.forms


def login_form(text: str, names: Collection[str]) -> Form | None:
    """The one form that has all these inputs and is sent by POST; None when there is none, or more than one."""
    fitting = [form for form in forms_in(text) if form.names.issuperset(names) and form.method == "post"]
    return fitting[0] if len(fitting) == 1 else None


def asks_for_password(text: str) -> bool:
    """Whether a page is (still) a login page."""
    return any(form.password for form in forms_in(text))
