"""A policy bundle: every file of a folder, the built-in policies and the schema, used as one or refused as one.

Must not know: the configuration file, live traffic.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from exeat.decision.engine import Engine, EngineSchema
from exeat.decision.engine_rule import Rule
from exeat.errors import Finding, PolicyError
from exeat.model.reason import Reason
from exeat.model.service import Service
from exeat.policy import canary
from exeat.policy.annotations import check_ids
from exeat.policy.lint import Known, lint
from exeat.policy.parse import SCHEMA_FILE, Parsed, read_builtin, read_folder
from exeat.policy.schema import build_schema
from exeat.policy.validate import validate
from exeat.policy.values import Bundle, ParsedPolicy, PolicyInfo, SchemaNames

__all__ = ["Bundle", "PolicyInfo", "SchemaNames", "assemble", "folder_signature", "load_bundle"]

_GRANT = 'run exeat init, or copy this: @id("mission-operations") permit (principal, action, resource) when { action in principal.operations };'
REQUIRED = (
    "environment-separation", "read-only-mission", "foreign-credential", "retired-credential",
    "critical-needs-grade-a-or-approval", "critical-needs-owner",
)  # fmt: skip
"""The built-in forbids that no bundle may lack."""


def load_bundle(folder: Path | None, services: Sequence[Service], names: SchemaNames) -> Bundle:
    """Read and check a bundle; without a folder, the built-in policies alone.

    Raise PolicyError with everything that is wrong, each with its place and, where there is one, the fix.
    """
    bundle, findings = assemble(folder, services, names)
    if bundle is None:
        raise PolicyError([finding for finding in findings if not finding.warning])
    return bundle


def assemble(
    folder: Path | None, services: Sequence[Service], names: SchemaNames
) -> tuple[Bundle | None, tuple[Finding, ...]]:
    """The bundle, or None when any finding is an error, and every finding, warnings included."""
    parsed = _gather(folder)
    policies, findings = parsed.policies, parsed.findings
    approvers = {policy.info.annotations["approval"] for policy in policies if policy.info.annotations.get("approval")}
    schema, wrong = build_schema(
        services, replace(names, approvers=names.approvers | approvers), parsed.schema, parsed.schema_path
    )
    findings.extend(wrong)
    engine = None
    if schema is not None:
        known = Known(frozenset(service.name for service in services), schema.folded, names.approvers)
        findings.extend(finding for policy in policies for finding in lint(policy, known))
        try:
            findings.extend(validate(policies, schema))
            if _sound(findings):
                engine = _engine(policies, schema, findings)
        except ValueError as error:
            findings.append(Finding(str(folder or ""), f"the bundle can't be used: {error}"))
    ordered = tuple(sorted(findings, key=lambda finding: (finding.warning, finding.file, finding.line, finding.column)))
    if engine is None or schema is None or not _sound(findings):
        return None, ordered
    infos = tuple(policy.info for policy in policies)
    return Bundle(engine, engine.version, infos, ordered, schema.text), ordered


def _sound(findings: Sequence[Finding]) -> bool:
    return all(finding.warning for finding in findings)


def _gather(folder: Path | None) -> Parsed:
    """The built-in policies and the folder's, which may replace some of them."""
    base = read_builtin("base.cedar")
    site = read_builtin("grant.cedar") if folder is None else read_folder(folder)
    findings = [*base.findings, *site.findings, *check_ids(site.policies)]
    own = {policy.info.id: policy for policy in site.policies}
    for policy in base.policies:
        if (replacement := own.get(policy.info.id)) is None:
            continue
        if replacement.info.effect != "forbid":
            findings.append(replacement.finding("replaces a built-in forbid by a permit", fix="give it another @id"))
        findings.append(replacement.finding("replaces the built-in policy", warning=True))
    if not any(policy.info.effect == "permit" for policy in site.policies) and _sound(findings):
        findings.append(Finding(str(folder or ""), "no policy permits anything", fix=_GRANT))
    kept = [policy for policy in base.policies if policy.info.id not in own]
    policies = [*kept, *site.policies]
    if missing := set(REQUIRED) - {policy.info.id for policy in policies}:
        findings.append(
            Finding("base.cedar", f"built-in policies are missing: {', '.join(sorted(missing))}", fix="reinstall Exeat")
        )
    return Parsed(policies, findings, site.schema, site.schema_path)


def _engine(policies: Sequence[ParsedPolicy], schema: EngineSchema, findings: list[Finding]) -> Engine:
    """The engine, once it has answered the canaries; what it answered wrongly joins the findings."""
    rules = {policy.info.id: _rule(policy) for policy in policies}
    engine = Engine(list(rules.values()), schema)
    base = [
        (policy.info.id, rules[policy.info.id]) for policy in policies if policy.builtin and policy.info.id in REQUIRED
    ]
    fix = "this is a fault of the engine or of a schema addition; the bundle is not used"
    findings.extend(Finding("", message, field="canary", fix=fix) for message in canary.failures(engine, base, schema))
    return engine


def _rule(policy: ParsedPolicy) -> Rule:
    notes = policy.info.annotations
    reason = Reason(notes.get("reason", Reason.POLICY_DENIED))
    return Rule(policy.info.label, policy.json, reason, notes.get("advice", ""), notes.get("approval", ""))


def folder_signature(folder: Path | None) -> str:
    """Something that changes when a file of the bundle does: names, sizes, times and inodes. Never raises."""
    digest = hashlib.sha256()
    try:
        for path in sorted(folder.iterdir()) if folder is not None else ():
            if path.suffix == ".cedar" or path.name == SCHEMA_FILE:
                status = path.stat()
                facts = (path.name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
                digest.update(repr(facts).encode())
    except OSError as error:
        digest.update(repr(error.errno).encode())
    return digest.hexdigest()
