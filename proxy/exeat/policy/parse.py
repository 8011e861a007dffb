"""From files to policies: everything in the folder is read, and whatever is not understood is a finding.

A file or policy that got lost on the way would be a forbid that silently doesn't apply; so nothing is skipped without a
word, and what this reader counted is compared with what Cedar counts. Must not know: schemas, what policies mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import cedarpy
import orjson

from exeat.decision.engine_expressions import UnknownSyntaxError
from exeat.decision.engine_rule import read_scope
from exeat.errors import Finding
from exeat.policy.annotations import check_annotations
from exeat.policy.source import Chunk, mentioned, offending, position, split_policies, tokens
from exeat.policy.values import ParsedPolicy, PolicyInfo

SCHEMA_FILE = "schema.cedarschema"
_BUILTIN = files("exeat.policy") / "builtin"


@dataclass(slots=True)
class Parsed:
    """What one or more files hold, and what is wrong with them."""

    policies: list[ParsedPolicy] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    schema: str = ""
    """The site's own schema text."""
    schema_path: str = ""


def read_builtin(name: str) -> Parsed:
    """The policies of one built-in file."""
    parsed = Parsed()
    _parse(parsed, name, name, (_BUILTIN / name).read_text("utf-8"), builtin=True)
    return parsed


def read_folder(folder: Path) -> Parsed:
    """The policies of a site's folder in the order of their file names, and its schema text."""
    parsed = Parsed()
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        fix = "run exeat init, or correct [policy] path"
        parsed.findings.append(Finding(str(folder), f"the policy folder can't be read: {error.strerror}", fix=fix))
        return parsed
    for path in entries:
        if path.name.startswith("."):
            if path.suffix == ".cedar":
                parsed.findings.append(Finding(str(path), "a hidden file is not read", warning=True))
        elif path.is_dir():
            parsed.findings.extend(
                Finding(str(inner), "a policy in a folder of its own is not read", fix=f"move it to {folder}")
                for inner in sorted(path.rglob("*.cedar"))
            )
        elif path.suffix == ".cedar" and (text := _read(path, parsed)) is not None:
            _parse(parsed, str(path), path.name, text, builtin=False)
        elif path.name == SCHEMA_FILE:
            parsed.schema, parsed.schema_path = _read(path, parsed) or "", str(path)
        elif path.suffix == ".cedarschema":
            fix = f"put its text into {SCHEMA_FILE}"
            parsed.findings.append(Finding(str(path), "this schema file is not read", fix=fix))
    return parsed


def _read(path: Path, parsed: Parsed) -> str | None:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        parsed.findings.append(Finding(str(path), f"not UTF-8 at byte {error.start}", fix="save the file as UTF-8"))
    except OSError as error:
        parsed.findings.append(Finding(str(path), f"the file can't be read: {error.strerror}"))
    return None


def _parse(parsed: Parsed, path: str, name: str, text: str, *, builtin: bool) -> None:
    chunks = split_policies(text)
    before = len(parsed.findings)
    if not chunks:
        parsed.findings.append(Finding(path, "the file holds no policy", warning=True))
    for chunk in chunks:
        line, column = position(text, chunk.start)
        try:
            json = _json_of(chunk.text)
        except ValueError as error:
            parsed.findings.append(_syntax_finding(path, text, chunk, str(error)))
            continue
        if json is None:
            fix = 'name the entity, as in principal in Exeat::MissionTemplate::"refunds"'
            parsed.findings.append(
                Finding(path, "templates with ?principal or ?resource are not used", line, column, fix=fix)
            )
            continue
        annotations = {key: value or "" for key, value in json.get("annotations", {}).items()}
        info = PolicyInfo(annotations.get("id", ""), json["effect"], name, line, annotations, chunk.text)
        policy = ParsedPolicy(info, path, json, builtin, column)
        parsed.findings.extend(check_annotations(policy))
        try:
            read_scope(json)
        except UnknownSyntaxError as error:
            parsed.findings.append(policy.finding(f"the scope can't be filed: {error}", fix="write it more simply"))
            continue
        parsed.policies.append(policy)
    if all(finding.warning for finding in parsed.findings[before:]) and _count(text) != len(chunks):
        parsed.findings.append(Finding(path, "Cedar counts another number of policies in this file than Exeat does"))


def _json_of(text: str) -> dict[str, Any] | None:
    """Cedar's JSON of exactly one policy, None for a template; raise ValueError with Cedar's message."""
    document = orjson.loads(cedarpy.policies_to_json_str(text))
    static = list(document["staticPolicies"].values())
    if document["templates"]:
        return None
    if len(static) != 1:
        raise ValueError(f"{len(static)} policies where one was expected")
    policy: dict[str, Any] = static[0]
    return policy


def _count(text: str) -> int:
    return len(orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"])


def _syntax_finding(path: str, text: str, chunk: Chunk, message: str) -> Finding:
    if not chunk.complete and "unexpected end of input" in message:
        line, column = position(text, chunk.start)
        return Finding(path, "the policy that begins here has no end", line, column, fix="end it with a semicolon")
    offset = offending(chunk.text, cedarpy.policies_to_json_str)
    if offset is None:
        offset = mentioned(message, chunk.text, tokens(chunk.text))
    line, column = position(text, chunk.start + (offset or 0))
    return Finding(path, message, line, column)
