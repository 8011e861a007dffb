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
    for base, rows in result["ratios"].items():
        lines += [f"CPU per request beside {base} (median of the rounds' ratios; lower is better)", *_head()]
        lines += [
            f"{name:<18}"
            + "".join(_cell(rows.get(name, {}).get(scenario), "{0:.2f} [{1:.2f}-{2:.2f}]") for scenario in SCENARIOS)
            for name in result["targets"]
        ]
        lines.append("")
    lines += ["CPU µs per request · requests/s · p50 / p99 ms", *_head()]
    for name, scenarios in result["targets"].items():
        cells = []
        for scenario in SCENARIOS:
            row = scenarios.get(scenario)
            shape = "{cpu_us:.0f} · {rate:.0f} · {p50_ms:.1f} / {p99_ms:.1f}"
            cells.append(f"{shape.format(**row) if row else '-':<{_WIDTH}}")
        lines.append(f"{name:<18}" + "".join(cells))
    lines += ["", f"{'':<18}{'MiB':<8}{'errors':<8}what it does"]
    for name, facts in result["facts"].items():
        lines.append(f"{name:<18}{facts['rss_mib']:<8.0f}{facts['errors']:<8.0f}{facts['note']}")
        lines += [f"{'':<34}{scenario}: {why}" for scenario, why in facts["why_not"].items()]
    lines += [f"{name:<18}skipped: {why}" for name, why in result["skipped"].items()]
    lines += ["", "; ".join(f"{key} {value}" for key, value in result["machine"].items() if value)]
    return "\n".join(lines)


_WIDTH = 32


def _head() -> list[str]:
    return [f"{'':<18}" + "".join(f"{f'{key}: {what}':<{_WIDTH}}" for key, what in SCENARIOS.items())]


def _cell(three: list[float] | None, shape: str) -> str:
    return f"{shape.format(*three) if three else '-':<{_WIDTH}}"
