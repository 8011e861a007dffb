"""What a run found, as JSON values and as tables. Figures are medians over the rounds."""

from __future__ import annotations

import os
import platform
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.target import SCENARIOS

Row = dict[str, float]
Measured = dict[str, dict[str, list[Row]]]
"""target → scenario → one row a round."""
BASES = ("minimal", "mitmdump")


def machine() -> dict[str, str]:
    """What it ran on."""
    processor = ""
    if (info := Path("/proc/cpuinfo")).exists():
        processor = next(
            (line.partition(": ")[2] for line in info.read_text().splitlines() if "model name" in line), ""
        )
    packages = {}
    for name in ("mitmproxy", "cedarpy"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "?"
    return {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **packages,
    }


def summary(measured: Measured) -> dict[str, dict[str, Row]]:
    """Medians."""
    return {
        name: {
            scenario: {key: round(statistics.median(row[key] for row in rows), 3) for key in rows[0]}
            for scenario, rows in scenarios.items()
            if rows
        }
        for name, scenarios in measured.items()
    }


def ratios(measured: Measured) -> dict[str, dict[str, dict[str, list[float]]]]:
    """CPU per request beside each base, round by round: [median, least, most]."""
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for base in BASES:
        for name, scenarios in measured.items():
            for scenario, rows in scenarios.items():
                beside = measured.get(base, {}).get(scenario, [])
                pairs = [
                    a["cpu_us"] / b["cpu_us"] for a, b in zip(rows, beside, strict=False) if b["cpu_us"] and a["cpu_us"]
                ]
                if pairs:
                    three = [round(number, 3) for number in (statistics.median(pairs), min(pairs), max(pairs))]
                    found.setdefault(base, {}).setdefault(name, {})[scenario] = three
    return found


def render(result: dict[str, Any]) -> str:
    """Three tables and the notes."""
    lines: list[str] = []
    scenarios = list(result["scenarios"])
    for base, rows in result["ratios"].items():
        lines += [f"CPU per request beside {base} (median of the rounds' ratios; lower is better)", _head(scenarios)]
        for name in result["targets"]:
            cells = (_ratio(rows.get(name, {}).get(scenario)) for scenario in scenarios)
            lines.append(f"{name:<18}" + "".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip())
        lines.append("")
    lines += ["CPU µs per request · requests/s · p50 / p99 ms", _head(scenarios)]
    for name, measured in result["targets"].items():
        cells = (_figures(measured.get(scenario)) for scenario in scenarios)
        lines.append(f"{name:<18}" + "".join(f"{cell:<{_WIDTH}}" for cell in cells).rstrip())
    lines += ["", f"{'':<18}{'MiB':<8}{'errors':<8}what it does"]
    for name, facts in result["facts"].items():
        lines.append(f"{name:<18}{facts['rss_mib']:<8.0f}{facts['errors']:<8.0f}{facts['note']}")
        lines += [f"{'':<34}{scenario}: {why}" for scenario, why in facts["why_not"].items()]
    lines += [f"{name:<18}skipped: {why}" for name, why in result["skipped"].items()]
    lines += ["", "; ".join(f"{key} {value}" for key, value in result["machine"].items() if value)]
    return "\n".join(lines)


_WIDTH = 32


def _head(scenarios: list[str]) -> str:
    return f"{'':<18}" + "".join(f"{f'{key}: {SCENARIOS[key]}':<{_WIDTH}}" for key in scenarios).rstrip()


def _ratio(three: list[float] | None) -> str:
    return "-" if three is None else "{:.2f} [{:.2f}-{:.2f}]".format(*three)


def _figures(row: Row | None) -> str:
    return "-" if row is None else "{cpu_us:.0f} · {rate:.0f} · {p50_ms:.1f} / {p99_ms:.1f}".format(**row)


BEGIN, END = "<!-- begin: scripts/bench.py --docs -->", "<!-- end -->"


def markdown(result: dict[str, Any], day: str) -> str:
    """The same for ``docs/performance.md``."""
    scenarios = list(result["scenarios"])
    heads = " | ".join(f"{key}: {SCENARIOS[key]}" for key in scenarios)
    rule = "| --- |" + " --- |" * len(scenarios)
    about = "; ".join(f"{key} {value}" for key, value in result["machine"].items() if value)
    rounds, seconds = result["arguments"]["rounds"], result["arguments"]["seconds"]
    lines = [BEGIN, f"Measured {day}, {rounds} rounds of {seconds} s. {about}."]
    for base, rows in result["ratios"].items():
        lines += ["", f"CPU per request, {base} = 1 (median of the rounds' ratios [least-most]; lower is better):", ""]
        lines += [f"| target | {heads} |", rule]
        for name in result["targets"]:
            cells = " | ".join(_ratio(rows.get(name, {}).get(scenario)) for scenario in scenarios)
            lines.append(f"| {name} | {cells} |")
    lines += ["", "CPU µs per request · requests/s · p50 / p99 ms:", "", f"| target | {heads} | MiB |", rule + " --- |"]
    for name, measured in result["targets"].items():
        cells = " | ".join(_figures(measured.get(scenario)) for scenario in scenarios)
        lines.append(f"| {name} | {cells} | {result['facts'][name]['rss_mib']:.0f} |")
    lines.append("")
    for name, facts in result["facts"].items():
        why = "".join(f"; {scenario}: {text}" for scenario, text in facts["why_not"].items())
        lines.append(f"* **{name}**: {facts['note']}{why}")
    lines += [f"* **{name}**: skipped: {why}" for name, why in result["skipped"].items()]
    return "\n".join([*lines, END])


def write_docs(path: Path, result: dict[str, Any], day: str) -> None:
    """Put the tables between the two markers of a page."""
    text = path.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or END not in rest:
        raise ValueError(f"{path} has no place for the tables")
    path.write_text(before + markdown(result, day) + after)
