"""The metrics: what they count, and that the reference page has them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ebbflow.adapters.metrics import QUEUE_BUCKETS, Metrics

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
LABELS = {"name": "template", "controller": "template"}


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics(clock: Clock) -> Metrics:
    return Metrics(clock)


def value(metrics: Metrics, metric: str, /, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(metric, labels)


def exercised() -> Metrics:
    metrics = Metrics()
    metrics.max_workers("Template", 16)
    metrics.queue_added("Template")
    metrics.queue_depth("Template", 1)
    metrics.queue_taken("Template", 0.1)
    metrics.workers("Template", 1)
    metrics.retried("Template")
    metrics.pass_finished("Template", "error", 0.2)
    metrics.git_operation("push", "ok", 0.1)
    metrics.sync("to-git")
    metrics.trigger_verdict("Push", "Fired", "RulesMet")
    metrics.rest_request("200", "GET", "127.0.0.1:6443", 0.01)
    metrics.leader("ebbflow", leads=True)
    metrics.admission_review("recorded", 0.001)
    metrics.admission_up(up=True)
    metrics.webhook("git", "taken", 0.001)
    return metrics


def test_the_page_has_every_metric_with_its_type_and_labels_and_no_other() -> None:
    page = PAGE.read_text()
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| ([a-z]+ \| [^|]+?) \|", page, re.MULTILINE))
    made = {}
    for family in exercised().registry.collect():
        if family.name.startswith("process_"):
            continue
        labels = list(dict.fromkeys(key for sample in family.samples for key in sample.labels))
        name = f"{family.name}_total" if family.type == "counter" else family.name
        made[name] = (family.type, {label for label in labels if label != "le"})
    listed = {
        name: (row.split(" | ")[0], set(re.findall(r"`([a-z]+)`", row)))
        for name, row in rows.items()
    }
    assert listed == made


def test_the_page_has_the_process_metrics() -> None:
    names = {
        sample.name
        for family in Metrics().registry.collect()
        for sample in family.samples
        if sample.name.startswith("process_")
    }
    assert names
    assert all(f"`{name}`" in PAGE.read_text() for name in names)


def test_a_kind_begins_at_zero(metrics: Metrics) -> None:
    metrics.max_workers("Template", 16)
    name = "controller_runtime_reconcile_total"
    for result in ("success", "error", "requeue", "requeue_after"):
        assert value(metrics, name, controller="template", result=result) == 0
    assert value(metrics, "workqueue_depth", **LABELS, priority="") == 0
    assert value(metrics, "workqueue_adds_total", **LABELS) == 0
    assert (
        value(metrics, "controller_runtime_max_concurrent_reconciles", controller="template") == 16
    )


@pytest.mark.parametrize(("result", "errors"), [("error", 1), ("success", 0), ("requeue", 0)])
def test_a_pass_is_counted_by_its_result(metrics: Metrics, result: str, errors: int) -> None:
    metrics.max_workers("Template", 1)
    metrics.pass_finished("Template", result, 0.2)
    name = "controller_runtime_reconcile_total"
    assert value(metrics, name, controller="template", result=result) == 1
    name = "controller_runtime_reconcile_errors_total"
    assert value(metrics, name, controller="template") == errors
    name = "ebbflow_reconcile_duration_seconds_sum"
    assert value(metrics, name, kind="Template", result=result) == 0.2


def test_passes_under_way_are_known_by_their_age(metrics: Metrics, clock: Clock) -> None:
    unfinished = "workqueue_unfinished_work_seconds"
    longest = "workqueue_longest_running_processor_seconds"
    metrics.queue_taken("Template", 0)
    clock.now += 10
    metrics.queue_taken("Template", 0)
    clock.now += 1
    assert value(metrics, unfinished, **LABELS) == 12
    assert value(metrics, longest, **LABELS) == 11
    metrics.pass_finished("Template", "success", 1)
    assert value(metrics, unfinished, **LABELS) == 11
    assert value(metrics, longest, **LABELS) == 11
    metrics.pass_finished("Template", "success", 11)
    assert value(metrics, unfinished, **LABELS) == 0
    assert value(metrics, longest, **LABELS) == 0


def test_changes_are_counted_by_their_direction(metrics: Metrics) -> None:
    metrics.sync("from-git")
    metrics.sync("from-git")
    metrics.sync("to-git")
    metrics.trigger_verdict("Push", "Fired", "RulesMet")
    assert value(metrics, "ebbflow_sync_total", direction="from-git") == 2
    assert value(metrics, "ebbflow_sync_total", direction="to-git") == 1


def test_leading_is_a_gauge(metrics: Metrics) -> None:
    for leads in (True, False):
        metrics.leader("ebbflow", leads=leads)
        assert value(metrics, "leader_election_master_status", name="ebbflow") == float(leads)


def test_the_queues_buckets_are_controller_runtimes() -> None:
    assert QUEUE_BUCKETS[0] == pytest.approx(10e-9)
    assert len(QUEUE_BUCKETS) == 12
    assert QUEUE_BUCKETS[-1] == pytest.approx(1000)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "text/plain", id="by default"),
        pytest.param("application/openmetrics-text; version=1.0.0", "openmetrics", id="asked for"),
    ],
)
def test_the_page_is_rendered_as_asked(accept: str, content_type: str) -> None:
    body, given = exercised().render(accept)
    assert content_type in given
    assert b"rest_client_requests_total{" in body
    assert b"_created" not in body


def test_two_registries_do_not_meet(metrics: Metrics) -> None:
    Metrics().sync("to-git")
    assert value(metrics, "ebbflow_sync_total", direction="to-git") is None
