"""``/metrics``: counts in Prometheus' text format. Nobody is named: no agent, mission, host or path is a label.

Must not know: who counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from exeat.admin.call import Call
from exeat.admin.roles import Permission
from exeat.admin.route import Answer, Route, get
from exeat.counting import Counts, Labels


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a metric's numbers are."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


METRICS: Mapping[str, Meaning] = {
    "exeat_decisions_total": Meaning("counter", "Requests judged.", ("verdict", "reason", "service")),
    "exeat_decision_duration_seconds": Meaning(
        "histogram", "decide: from a request's head to its record; mint: waiting for a new token.", ("stage",)
    ),
    "exeat_upstream_request_duration_seconds": Meaning(
        "histogram", "From a request that may leave to the end of its answer.", ("service", "status_class")
    ),
    "exeat_credentials_seen_total": Meaning(
        "counter",
        "Requests by what credential they brought.",
        ("state", "service"),
    ),
    "exeat_credentials_issued_total": Meaning("counter", "Tokens minted.", ("issuer",)),
    "exeat_credential_failures_total": Meaning("counter", "Mints that failed or were refused.", ("issuer", "reason")),
    "exeat_credential_revocations_total": Meaning(
        "counter", "Tokens to be revoked at their issuers, and what became of that.", ("issuer", "outcome")
    ),
    "exeat_credentials_held": Meaning("gauge", "Tokens in memory.", ("issuer",)),
    "exeat_credential_oldest_seconds": Meaning("gauge", "Age of the oldest token in memory.", ("issuer",)),
    "exeat_credential_cache_hits_total": Meaning("counter", "Tokens used again.", ("issuer",)),
    "exeat_audit_append_failures_total": Meaning("counter", "Records that couldn't be written.", ("sink",)),
    "exeat_audit_last_append_timestamp_seconds": Meaning("gauge", "When a record was last written.", ("sink",)),
    "exeat_policy_bundle_info": Meaning("gauge", "The policies in force.", ("version",)),
    "exeat_policy_reload_failures_total": Meaning("counter", "Changed policies that were refused."),
    "exeat_fail_closed_total": Meaning("counter", "Requests refused for a fault of ours or of an issuer.", ("cause",)),
    "exeat_active_missions": Meaning("gauge", "Missions that are open or suspended."),
    "exeat_ca_expiry_timestamp_seconds": Meaning("gauge", "When the interception authority expires."),
    "exeat_approvals_pending": Meaning("gauge", "Requests that wait for a human."),
    "exeat_approval_wait_seconds": Meaning("histogram", "How long requests waited for a human."),
    "exeat_evaluations_total": Meaning("counter", "Questions answered without a request.", ("decision",)),
    "exeat_admin_refused_logins_total": Meaning("counter", "Calls without a valid token."),
}
"""Every metric there is; one that isn't here isn't shown."""


@final
class _Collector:
    """Numbers as the library takes them."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Every metric, also one without numbers yet."""
        for name, meaning in METRICS.items():
            values = self._counts.get(name, {} if meaning.labels else {(): 0})
            if meaning.kind == "histogram":
                yield self._histogram(name, meaning)
                continue
            kind = CounterMetricFamily if meaning.kind == "counter" else GaugeMetricFamily
            family = kind(name, meaning.help, labels=meaning.labels)
            for labels, number in values.items():
                family.add_metric(labels, number)
            yield family

    def _histogram(self, name: str, meaning: Meaning) -> HistogramMetricFamily:
        family = HistogramMetricFamily(name, meaning.help, labels=meaning.labels)
        rows: dict[Labels, list[tuple[str, float]]] = defaultdict(list)
        for (*labels, bound), number in self._counts.get(f"{name}_bucket", {}).items():
            rows[tuple(labels)].append((bound, number))
        sums = self._counts.get(f"{name}_sum", {})
        for row, buckets in rows.items():
            family.add_metric(row, _cumulative(buckets), sums.get(row, 0.0))
        return family


def _cumulative(buckets: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    total = 0.0
    found = []
    for bound, number in sorted(buckets, key=lambda bucket: float(bucket[0])):
        total += number
        found.append((bound, total))
    return found


def render(counts: Counts) -> bytes:
    """Return the text; names that :data:`METRICS` doesn't have are left out."""
    registry = CollectorRegistry()
    registry.register(_Collector(counts))
    return generate_latest(registry)


@final
class MetricCalls:
    """The handler of the figures."""

    def __init__(self, counts: Callable[[], Awaitable[Counts]]) -> None:
        self._counts = counts

    def routes(self) -> list[Route]:
        """Return its route."""
        text = "text/plain"
        return [get("/metrics", self.read, Permission.SCRAPE, "Counts in Prometheus' text format", media=text)]

    async def read(self, _call: Call) -> Answer:
        """Return what was counted."""
        return web.Response(body=render(await self._counts()), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})
