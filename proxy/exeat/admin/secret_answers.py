"""The shapes of answers about secrets, for the description alone, as in ``answers``.

Must not know: how an answer is made, any secret.
"""

from __future__ import annotations

from exeat.admin.answers import Shape, Time


class SecretShape(Shape):
    """A secret in the store; never its value. ``used_by`` are the places of the configuration that name it."""

    name: str
    version: int
    changed_at: Time
    changed_by: str
    previous_until: Time | None
    used_by: list[str]


class SecretList(Shape):
    """Every secret, by name."""

    secrets: list[SecretShape]


class SecretRemoved(Shape):
    """A secret that is gone."""

    name: str
    used_by: list[str]


class SecretsResealed(Shape):
    """How many secrets were sealed anew."""

    resealed: int
