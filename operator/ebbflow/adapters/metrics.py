"""Prometheus metrics: our own, and those that every Kubernetes controller has, by their names.

Names, labels and buckets of `controller_runtime_*`, `workqueue_*` and `leader_election_*` are
those of sigs.k8s.io/controller-runtime (pkg/internal/controller/metrics, pkg/metrics); those of
`rest_client_*` are k8s.io/component-base's, so stock dashboards and alerts work. No label has an
object's name or namespace: the number of series stays bounded. docs/reference/metrics.md lists
them all.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    exposition,
)
from typing_extensions import override

from ebbflow import __version__
from ebbflow.domain.ports import SyncMetrics

RECONCILE_BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9,
    1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50,
    60,
)  # fmt: skip
QUEUE_BUCKETS: Final = tuple(10.0 ** (exponent - 8) for exponent in range(12))
REST_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
GIT_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
REVIEW_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)

_QUEUE_LABELS: Final = ("name", "controller")


class _Passes:
    """The passes under way of one kind, by when they began."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began: list[float] = []

    def begin(self) -> None:
        self._began.append(self._now())

    def end(self, seconds: float) -> None:
        """Forget the pass that took `seconds`: the one whose beginning fits best."""
        if self._began:
            began = self._now() - seconds
            self._began.remove(min(self._began, key=lambda start: abs(start - began)))

    def unfinished(self) -> float:
        now = self._now()
        return sum(now - start for start in self._began)

    def longest(self) -> float:
        return self._now() - min(self._began) if self._began else 0.0


class Metrics(SyncMetrics):
    """Everything that is counted, in a registry of its own. One for the process.

    A `kind` is the plain kind name, such as Template; controller-runtime's labels have it in
    lower case, as its own controllers do.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        disable_created: Callable[[], None] = disable_created_metrics
        disable_created()  # it would be a second series for each counter, which nobody reads
        self.registry = CollectorRegistry()
        self._now = now
        self._passes: dict[str, _Passes] = {}
        ProcessCollector(registry=self.registry)
        self._make_own()
        self._make_admission()
        self._make_webhooks()
        self._make_controller()
        self._make_queue()
        self._make_client()

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics as text and its content type, in the format that `accept` asks for."""
        encode, content_type = exposition.choose_encoder(accept)
        return encode(self.registry), content_type

    # Ports

    @override
    def git_operation(self, operation: str, outcome: str, seconds: float) -> None:
        self._git_operations.labels(operation, outcome).inc()
        self._git_seconds.labels(operation).observe(seconds)

    @override
    def sync(self, direction: str) -> None:
        self._syncs.labels(direction).inc()

    def trigger_verdict(self, kind: str, verdict: str, reason: str) -> None:
        """Count one verdict of a trigger of a type, such as Push."""
        self._verdicts.labels(kind, verdict, reason).inc()

    def rest_request(self, code: str, method: str, host: str, seconds: float) -> None:
        """Count one request to the API server; `<error>` is the code where no answer came."""
        self._requests.labels(code, method, host).inc()
        self._request_seconds.labels(method, host).observe(seconds)

    def leader(self, name: str, leads: bool) -> None:
        """Tell whether this process leads under the Lease `name`."""
        self._leader.labels(name).set(1 if leads else 0)

    # Admission

    def admission_review(self, outcome: str, seconds: float) -> None:
        """Count an answered review; `outcome` is recorded, kept or failed."""
        self._reviews.labels(outcome).inc()
        self._review_seconds.observe(seconds)

    def webhook(self, kind: str, outcome: str, seconds: float) -> None:
        """Count an answered webhook; `kind` is git or run, `outcome` one word."""
        self._webhooks.labels(kind, outcome).inc()
        self._webhook_seconds.labels(kind).observe(seconds)

    def admission_up(self, up: bool) -> None:
        """Tell whether the admission server listens and, on the leader, is registered."""
        self._admission_up.set(1 if up else 0)

    # The work queue and its workers

    def queue_added(self, kind: str) -> None:
        """Count a key that was put into the queue."""
        self._adds.labels(*_queue(kind)).inc()

    def queue_depth(self, kind: str, n: int) -> None:
        """Tell how many keys of the kind wait now."""
        self._depth.labels(*_queue(kind), "").set(n)

    def queue_taken(self, kind: str, waited_seconds: float) -> None:
        """Count a key that a worker took after it waited so long; its pass begins."""
        self._queue_seconds.labels(*_queue(kind)).observe(waited_seconds)
        self._under_way(kind).begin()

    def retried(self, kind: str) -> None:
        """Count a key that was put back because its pass failed."""
        self._retries.labels(*_queue(kind)).inc()

    def pass_finished(self, kind: str, result: str, seconds: float) -> None:
        """Count a pass; `result` is success, error, requeue or requeue_after."""
        controller = kind.lower()
        self._under_way(kind).end(seconds)
        self._work_seconds.labels(*_queue(kind)).observe(seconds)
        self._reconcile_seconds.labels(kind, result).observe(seconds)
        self._controller_seconds.labels(controller).observe(seconds)
        self._reconciles.labels(controller, result).inc()
        if result == "error":
            self._errors.labels(controller).inc()

    def workers(self, kind: str, active: int) -> None:
        """Tell how many passes over objects of the kind are under way."""
        self._active.labels(kind.lower()).set(active)

    def max_workers(self, kind: str, most: int) -> None:
        """Tell how many passes over objects of the kind there can be at once.

        Called once at the start; the kind's other series begin at zero with it, so that a rate
        over them is right from the first pass on.
        """
        controller = kind.lower()
        self._most.labels(controller).set(most)
        self._active.labels(controller).set(0)
        self._errors.labels(controller)
        for result in ("success", "error", "requeue", "requeue_after"):
            self._reconciles.labels(controller, result)
        self._adds.labels(*_queue(kind))
        self._retries.labels(*_queue(kind))
        self._depth.labels(*_queue(kind), "").set(0)
        self._under_way(kind)

    def _under_way(self, kind: str) -> _Passes:
        if kind not in self._passes:
            passes = self._passes[kind] = _Passes(self._now)
            self._unfinished.labels(*_queue(kind)).set_function(passes.unfinished)
            self._longest.labels(*_queue(kind)).set_function(passes.longest)
        return self._passes[kind]

    def _make_own(self) -> None:
        build = Gauge(
            "ebbflow_build_info", "Always 1; the version is a label", ("version",),
            registry=self.registry,
        )  # fmt: skip
        build.labels(__version__).set(1)
        self._reconcile_seconds = self._histogram(
            "ebbflow_reconcile_duration_seconds", "How long a pass over one object took",
            ("kind", "result"), RECONCILE_BUCKETS,
        )  # fmt: skip
        self._git_operations = self._counter(
            "ebbflow_git_operations_total", "Operations on Git servers", ("operation", "outcome")
        )
        self._git_seconds = self._histogram(
            "ebbflow_git_operation_duration_seconds", "How long an operation on a Git server took",
            ("operation",), GIT_BUCKETS,
        )  # fmt: skip
        self._syncs = self._counter(
            "ebbflow_sync_total", "Changes carried to the other side", ("direction",)
        )

        self._verdicts = self._counter(
            "ebbflow_trigger_verdicts_total",
            "Verdicts of GitTriggers on what happened, by their type, the verdict and its reason",
            ("type", "verdict", "reason"),
        )

    def _make_webhooks(self) -> None:
        self._webhooks = self._counter(
            "ebbflow_webhooks_total", "Webhooks that were answered", ("kind", "outcome")
        )
        self._webhook_seconds = self._histogram(
            "ebbflow_webhook_duration_seconds", "How long answering a webhook took",
            ("kind",), REVIEW_BUCKETS,
        )  # fmt: skip

    def _make_admission(self) -> None:
        self._reviews = self._counter(
            "ebbflow_admission_reviews_total", "Admission reviews that were answered", ("outcome",)
        )
        self._review_seconds = self._histogram(
            "ebbflow_admission_review_duration_seconds", "How long answering a review took",
            (), REVIEW_BUCKETS,
        )  # fmt: skip
        self._admission_up = self._gauge(
            "ebbflow_admission_up",
            "1 while the admission server listens and, on the leader, is registered", (),
        )  # fmt: skip

    def _make_controller(self) -> None:
        self._reconciles = self._counter(
            "controller_runtime_reconcile_total",
            "Total number of reconciliations per controller", ("controller", "result"),
        )  # fmt: skip
        self._errors = self._counter(
            "controller_runtime_reconcile_errors_total",
            "Total number of reconciliation errors per controller", ("controller",),
        )  # fmt: skip
        self._controller_seconds = self._histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller", ("controller",), RECONCILE_BUCKETS,
        )  # fmt: skip
        self._active = self._gauge(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller", ("controller",),
        )  # fmt: skip
        self._most = self._gauge(
            "controller_runtime_max_concurrent_reconciles",
            "Maximum number of concurrent reconciles per controller", ("controller",),
        )  # fmt: skip

    def _make_queue(self) -> None:
        self._depth = self._gauge(
            "workqueue_depth", "Current depth of workqueue by workqueue and priority",
            (*_QUEUE_LABELS, "priority"),
        )  # fmt: skip
        self._adds = self._counter(
            "workqueue_adds_total", "Total number of adds handled by workqueue", _QUEUE_LABELS
        )
        self._queue_seconds = self._histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested",
            _QUEUE_LABELS, QUEUE_BUCKETS,
        )  # fmt: skip
        self._work_seconds = self._histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes",
            _QUEUE_LABELS, QUEUE_BUCKETS,
        )  # fmt: skip
        self._retries = self._counter(
            "workqueue_retries_total", "Total number of retries handled by workqueue", _QUEUE_LABELS
        )
        self._unfinished = self._gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work is in progress and not yet in work_duration", _QUEUE_LABELS,
        )  # fmt: skip
        self._longest = self._gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds the longest running processor has been running", _QUEUE_LABELS,
        )  # fmt: skip

    def _make_client(self) -> None:
        self._requests = self._counter(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host",
            ("code", "method", "host"),
        )
        self._request_seconds = self._histogram(
            "rest_client_request_duration_seconds",
            "Request latency in seconds, broken down by verb and host",
            ("verb", "host"), REST_BUCKETS,
        )  # fmt: skip
        self._leader = self._gauge(
            "leader_election_master_status",
            "Whether this process is master of the lease: 0 is backup, 1 is master", ("name",),
        )  # fmt: skip

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]
    ) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)


def _queue(kind: str) -> tuple[str, str]:
    """Both labels of a queue: controller-runtime names the queue for its controller."""
    return (kind.lower(), kind.lower())
