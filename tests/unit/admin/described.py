"""Answers held against the served description, so that it can't say anything else than the code does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator


def check(description: Mapping[str, Any], method: str, target: str, status: int, kind: str, body: Any) -> None:
    """Fail unless an answer is one that its call is described with; what isn't a call is left alone."""
    path = target.partition("?")[0]
    for pattern, calls in description["paths"].items():
        call = calls.get(method.lower())
        if call is None or not re.fullmatch(re.sub(r"{\w+}", "[^/]+", pattern), path):
            continue
        assert str(status) in call["responses"], f"{method} {pattern} isn't described to answer {status}"
        content = call["responses"][str(status)]["content"]
        assert kind.partition(";")[0] in content, (method, pattern, status, kind)
        schema = content[kind.partition(";")[0]].get("schema", {})
        whole = {**schema, "components": description["components"]}
        errors = [error.message for error in Draft202012Validator(whole).iter_errors(body)]
        assert not errors, (method, pattern, status, errors)
        return
