"""Every metric that the gateway exports: name, kind, labels and what it counts; docs/metrics.md is held to this.

Labels come from the config and from fixed sets alone, never from a path or a header: the number of series is known
when the config is. A request that a route sends to one fixed upstream has feature `none` and side `fixed`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Owner(StrEnum):
    """Which process writes it: workers into files that outlive them, control from what live workers report."""

    WORKER = "worker"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Definition:
    """`help` of a worker's metric is repeated in the key of each of its values in the files: keep it short."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    help: str
    owner: Owner


BUCKETS = (
    *(0.0025, 0.005, 0.0075),
    *(0.01, 0.0125, 0.016, 0.02, 0.025, 0.032, 0.04, 0.05, 0.063, 0.08),
    *(0.1, 0.125, 0.16, 0.2, 0.25, 0.32, 0.4, 0.5, 0.63, 0.8),
    *(1.0, 1.25, 1.6, 2.0, 5.0, 30.0),
)
"""Seconds; with +Inf 30 buckets. Ten to a decade (the R10 preferred numbers) from 10 ms to 2 s, where the p95 of web
requests lie: there, a p95 that is 10 % higher reads 5 to 15 % higher by `histogram_quantile`. Coarse outside."""

REQUESTS = Definition(
    "gateway_requests_total",
    Kind.COUNTER,
    ("feature", "side", "status"),
    "Clients' requests, each once, by the side that answered.",
    Owner.WORKER,
)
REQUEST_DURATION = Definition(
    "gateway_request_duration_seconds",
    Kind.HISTOGRAM,
    ("feature", "side"),
    "Whole requests, without upgrades and streams.",
    Owner.WORKER,
)
ATTEMPTS = Definition(
    "gateway_attempts_total",
    Kind.COUNTER,
    ("feature", "side", "cohort", "outcome"),
    "Tries at an upstream, by the side assigned.",
    Owner.WORKER,
)
ATTEMPT_DURATION = Definition(
    "gateway_attempt_duration_seconds",
    Kind.HISTOGRAM,
    ("feature", "side", "cohort"),
    "Tries at an upstream, to the first byte.",
    Owner.WORKER,
)
DECISIONS = Definition(
    "gateway_decisions_total",
    Kind.COUNTER,
    ("feature", "side", "reason"),
    "Decisions, by the rule that applied.",
    Owner.WORKER,
)
UPSTREAM_ERRORS = Definition(
    "gateway_upstream_errors_total",
    Kind.COUNTER,
    ("upstream", "kind"),
    "Failures of upstreams, by what happened.",
    Owner.WORKER,
)
RETRIES = Definition(
    "gateway_retries_total",
    Kind.COUNTER,
    ("upstream", "result"),
    "Attempts that could be made again: made, or refused by the budget.",
    Owner.WORKER,
)
FALLBACKS = Definition(
    "gateway_fallbacks_total",
    Kind.COUNTER,
    ("feature", "cause"),
    "Requests that legacy answered because new had failed.",
    Owner.WORKER,
)

CONNECTIONS_REFUSED = Definition(
    "gateway_connections_refused_total",
    Kind.COUNTER,
    ("cause",),
    "Clients' connections that ended before a request could be read.",
    Owner.WORKER,
)
TLS_HANDSHAKES = Definition(
    "gateway_tls_handshakes_total",
    Kind.COUNTER,
    ("version",),
    "Complete TLS handshakes with clients.",
    Owner.WORKER,
)
CERTIFICATE_RELOADS = Definition(
    "gateway_certificate_reloads_total",
    Kind.COUNTER,
    ("result",),
    "Changes of certificates' files, by what became of them; each worker counts its own.",
    Owner.WORKER,
)

FLAG_PERCENT = Definition(
    "gateway_flag_percent",
    Kind.GAUGE,
    ("feature",),
    "The share of keys on new, in percent: the largest that a live worker holds.",
    Owner.CONTROL,
)
SHADOW_PERCENT = Definition(
    "gateway_shadow_percent",
    Kind.GAUGE,
    ("feature",),
    "The share of requests that may be shadowed which is, in percent: the largest that a live worker holds.",
    Owner.CONTROL,
)
FLAG_ENABLED = Definition(
    "gateway_flag_enabled",
    Kind.GAUGE,
    ("feature",),
    "0 when every live worker holds the feature's kill, else 1.",
    Owner.CONTROL,
)
FLAG_DIVERGENCE = Definition(
    "gateway_flag_divergence",
    Kind.GAUGE,
    ("feature",),
    "Percentage points between the largest and the smallest share in force among live workers; 0 when they agree.",
    Owner.CONTROL,
)
FLAG_STORE_UP = Definition(
    "gateway_flag_store_up",
    Kind.GAUGE,
    (),
    "1 when every live worker is connected to Redis, else 0; absent when none is configured.",
    Owner.CONTROL,
)
FLAG_LAST_SYNC = Definition(
    "gateway_flag_last_sync_timestamp_seconds",
    Kind.GAUGE,
    (),
    "When the worker that is furthest behind last knew its flags to be current; 0 for never.",
    Owner.CONTROL,
)
IN_FLIGHT = Definition(
    "gateway_requests_in_flight",
    Kind.GAUGE,
    ("feature", "side"),
    "Requests being served now, by all live workers.",
    Owner.CONTROL,
)
BREAKER_OPEN = Definition(
    "gateway_breaker_open",
    Kind.GAUGE,
    ("upstream",),
    "Live workers whose breaker for the upstream is open or half-open.",
    Owner.CONTROL,
)
TARGET_UP = Definition(
    "gateway_target_up",
    Kind.GAUGE,
    ("upstream", "target"),
    "1 while every live worker sends requests to the URL, 0 where one leaves it out.",
    Owner.CONTROL,
)
QUEUED = Definition(
    "gateway_upstream_queued",
    Kind.GAUGE,
    ("upstream",),
    "Requests that wait for a place at an upstream with max_in_flight, in all live workers.",
    Owner.CONTROL,
)
CERTIFICATE_NOT_AFTER = Definition(
    "gateway_certificate_not_after_timestamp_seconds",
    Kind.GAUGE,
    ("file",),
    "Until when a certificate for clients is valid: the earliest that a live worker holds.",
    Owner.CONTROL,
)
BUILD_INFO = Definition(
    "gateway_build_info",
    Kind.GAUGE,
    ("version", "python"),
    "Always 1; its labels say what runs.",
    Owner.CONTROL,
)
WORKERS = Definition(
    "gateway_workers",
    Kind.GAUGE,
    ("state",),
    "Worker processes by state, up or down.",
    Owner.CONTROL,
)
TASKS = Definition(
    "gateway_tasks",
    Kind.GAUGE,
    ("slot",),
    "asyncio tasks of each live worker: a few at rest, and one for each request in flight.",
    Owner.CONTROL,
)
CONFIG_RELOADS = Definition(
    "gateway_config_reloads_total",
    Kind.COUNTER,
    ("result",),
    "Edits of routes.yaml that were read, by what became of them.",
    Owner.CONTROL,
)
PROCESS_DEATHS = Definition(
    "gateway_process_deaths_total",
    Kind.COUNTER,
    ("process", "how"),
    "Processes that ended unasked and were replaced: they died, or hung and were killed.",
    Owner.CONTROL,
)
SCRAPE_DAMAGED = Definition(
    "gateway_scrape_damaged_files",
    Kind.GAUGE,
    (),
    "Counter files that could not be read at this scrape.",
    Owner.CONTROL,
)

WORKER_METRICS = (
    REQUESTS,
    REQUEST_DURATION,
    ATTEMPTS,
    ATTEMPT_DURATION,
    DECISIONS,
    UPSTREAM_ERRORS,
    RETRIES,
    FALLBACKS,
    CONNECTIONS_REFUSED,
    TLS_HANDSHAKES,
    CERTIFICATE_RELOADS,
)
CONTROL_METRICS = (
    FLAG_PERCENT,
    SHADOW_PERCENT,
    FLAG_ENABLED,
    FLAG_DIVERGENCE,
    FLAG_STORE_UP,
    FLAG_LAST_SYNC,
    IN_FLIGHT,
    BREAKER_OPEN,
    TARGET_UP,
    QUEUED,
    CERTIFICATE_NOT_AFTER,
    BUILD_INFO,
    WORKERS,
    TASKS,
    CONFIG_RELOADS,
    PROCESS_DEATHS,
    SCRAPE_DAMAGED,
)
METRICS = WORKER_METRICS + CONTROL_METRICS
