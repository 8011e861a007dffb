"""From a TOML file and ``EXEAT_…`` variables to settings: everything wrong is found at once, with its line and a fix.

Must not know: what any setting does.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from exeat.config.checks import cross_check
from exeat.config.fields import name
from exeat.config.locate import locate
from exeat.config.overrides import Overridden, override
from exeat.config.plain_words import explain
from exeat.config.positions import Positions, positions
from exeat.config.service_files import include
from exeat.config.settings import Settings
from exeat.config.tables.issuers import MARK
from exeat.errors import ConfigurationError, Finding

DEFAULT = Path("exeat.toml")
_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings with the file they came from; ``warnings`` are strange but harmless."""

    settings: Settings
    file: Path
    base: Path
    warnings: tuple[Finding, ...] = ()

    def path(self, path: Path) -> Path:
        """A path of the settings made absolute: relative ones start at the file's folder."""
        return self.base / path

    def locate(self, findings: Sequence[Finding]) -> tuple[Finding, ...]:
        """Findings about named services, with their lines in the file."""
        return locate(findings, self.file, [service.name for service in self.settings.service])


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the configuration: ``path``, else ``$EXEAT_CONFIG``, else ``./exeat.toml``.

    Raise ConfigurationError with every finding: unreadable file, TOML syntax, unknown keys, wrong values, wrong
    variables, contradictions between fields.
    """
    environ = os.environ if environ is None else environ
    file = path or Path(environ.get("EXEAT_CONFIG") or DEFAULT)
    text = _text(file, named=path is not None, variable="EXEAT_CONFIG" in environ)
    values, file_findings = include(_toml(text, str(file)), file.absolute().parent)
    overridden = override(values, environ)
    blame = _Blame(str(file), positions(text), overridden)
    findings = [*overridden.findings, *file_findings]
    try:
        settings = Settings.model_validate(overridden.values)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            place = tuple(part for part in problem["loc"] if part != "[key]" and not str(part).startswith(MARK))
            message, fix = explain(problem["type"], place, problem.get("ctx", {}), problem["msg"])
            findings.append(blame.finding(place, message, fix))
        raise ConfigurationError(_in_order(findings)) from None
    findings += [blame.finding(problem.path, problem.message, problem.fix) for problem in cross_check(settings)]
    if findings:
        raise ConfigurationError(_in_order(findings))
    return Loaded(settings, file.absolute(), file.absolute().parent, overridden.warnings)


def _text(file: Path, *, named: bool, variable: bool) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        fix = "run exeat init to make one, or name one with -c FILE or $EXEAT_CONFIG"
        if named or variable:
            fix = "check the path after -c" if named else "check the path in $EXEAT_CONFIG"
            fix += ", or run exeat init to make a configuration"
        raise ConfigurationError([Finding(str(file), "there is no such configuration file", fix=fix)]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigurationError([Finding(str(file), "isn't UTF-8 text", line=line, fix="save it as UTF-8")]) from None
    except OSError as error:
        raise ConfigurationError([Finding(str(file), f"can't be read: {error.strerror}")]) from None


def _toml(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        match = _AT.search(message)
        words = _AT.sub("", message)
        line, column = (int(match[1]), int(match[2])) if match and match[1] else (text.count("\n") + 1, 0)
        finding = Finding(file, f"isn't valid TOML: {words[:1].lower()}{words[1:]}", line, column)
    except RecursionError:
        finding = Finding(file, "isn't usable TOML: too deeply nested")
    raise ConfigurationError([finding])


@dataclass(frozen=True, slots=True)
class _Blame:
    """Finds who is to blame for a path: a variable, or a line of the file."""

    file: str
    positions: Positions
    overridden: Overridden

    def finding(self, path: tuple[str | int, ...], message: str, fix: str = "") -> Finding:
        for length in range(len(path), 0, -1):
            variable = self.overridden.origins.get(path[:length])
            if variable is not None:
                return Finding(f"${variable}", message, field=name(path), fix=fix)
        line, column = self.positions.find(path)
        for origin, variable in self.overridden.origins.items():
            if not line and origin[: len(path)] == path:  # the variable alone made this table
                return Finding(f"${variable}", message, field=name(path), fix=fix)
        return Finding(self.file, message, line, column, name(path), fix)


def _in_order(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (finding.file, finding.line, finding.column))
