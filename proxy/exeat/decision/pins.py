"""The models a mission is pinned to: what a call names must be one of them, and what answers must be too.

A pin is a model's exact name, or with ``*`` at its end every name that begins so. Must not know: policies, bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from exeat.decision.classify import Classified
from exeat.model.decision import Deny, Question
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import Group
from exeat.services.resources import MODEL

_LOOKS = frozenset({"GET", "HEAD"})
"""Methods by which a model is looked up, not used."""
_EDITION = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|\d{3})")
"""How vendors name the edition that stands behind a name: gpt-4o-2024-08-06, claude-opus-4-1-20250805, gpt-4-0613, gemini-1.5-pro-002."""
_NEWEST = "-latest"


@dataclass(frozen=True, slots=True)
class Unpinned(Deny):
    """A request names a model that isn't pinned."""

    model: str = ""


def is_pinned(pins: Iterable[str], model: str) -> bool:
    """Whether a model is one of the pinned ones. Names are compared as they are written, as vendors do."""
    return any(model.startswith(pin[:-1]) if pin.endswith("*") else model == pin for pin in pins)


def may_answer(pins: Iterable[str], model: str) -> bool:
    """Whether an answer may be from this model: a pinned one, or the dated edition of one."""
    model = model.removeprefix("models/")
    return is_pinned(pins, model) or any(
        model.startswith(name) and _EDITION.fullmatch(model, len(name)) is not None
        for name in (pin.removesuffix(_NEWEST) for pin in pins)
    )


def check_pins(pins: Sequence[str], request: CanonicalRequest, meanings: Sequence[Classified]) -> Deny | None:
    """Return why a request may not go to the models it names, or None; ``pins`` aren't empty.

    At a service that has models, what is in the group admin and names none may run any (batches do), so it isn't allowed.
    """
    if request.verb in _LOOKS:
        return None
    for each in meanings:
        service = each.service
        if service is None:
            continue
        question = Question(service.name, each.action, each.resource.uid)
        if each.model:
            if not is_pinned(pins, each.model):
                return Unpinned(Reason.MODEL_NOT_ALLOWED, question, detail="not a pinned model", model=each.model)
        elif each.group is Group.ADMIN and any(kind.name == MODEL for kind in service.resources):
            return Deny(Reason.MODEL_NOT_ALLOWED, question, detail="it names no model and may run any")
    return None
