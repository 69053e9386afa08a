"""What a running operator tells: probes, metrics, logs, and the answer to a request for a pass."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from tests.env.conftest import Shared
from tests.support.apifaults import Answer, matching
from tests.support.apiproxy import ApiProxy
from tests.support.canary import Canary
from tests.support.gitserver import FaultyGitServer
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.operators import Operators
from tests.support.synced import SHOP, Scene, link
from tests.support.waiting import eventually

FIVE = SHOP.replace(b'"2"', b'"5"')
ABOUT = ("kind", "namespace", "name")

OF_DASHBOARDS = [
    "controller_runtime_reconcile_total",
    "controller_runtime_reconcile_errors_total",
    "controller_runtime_reconcile_time_seconds_bucket",
    "controller_runtime_reconcile_time_seconds_sum",
    "controller_runtime_active_workers",
    "controller_runtime_max_concurrent_reconciles",
    "workqueue_depth",
    "workqueue_adds_total",
    "workqueue_queue_duration_seconds_bucket",
    "workqueue_work_duration_seconds_bucket",
    "workqueue_retries_total",
    "workqueue_unfinished_work_seconds",
    "workqueue_longest_running_processor_seconds",
    "rest_client_requests_total",
    "rest_client_request_duration_seconds_bucket",
    "leader_election_master_status",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "ebbflow_build_info",
    "ebbflow_reconcile_duration_seconds_bucket",
    "ebbflow_git_operations_total",
    "ebbflow_git_operation_duration_seconds_bucket",
    "ebbflow_sync_total",
]


@pytest.fixture
def scene(kubectl: Kubectl, git: FaultyGitServer, namespace: str, account: str) -> Scene:
    return Scene(kubectl, git, namespace, account)


@pytest.mark.parametrize("page", ["healthz", "readyz"])
def test_a_healthy_operator_answers_ok(shared: Shared, page: str) -> None:
    with urlopen(f"http://{shared.operator.addresses().health}/{page}", timeout=5) as answer:
        assert (answer.status, answer.read().strip()) == (200, b"ok")


def test_the_metrics_have_what_stock_dashboards_ask_for(shared: Shared) -> None:
    shop = link(shared, "measured")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    names = {name.partition("{")[0] for name in shared.operator.metrics()}
    assert [name for name in OF_DASHBOARDS if name not in names] == []


def test_the_metrics_count_what_happened(shared: Shared) -> None:
    operator = shared.operator
    shop = link(shared, "counted")

    def counted() -> dict[str, float]:
        return {
            "passes": operator.metric("controller_runtime_reconcile_total", controller="template"),
            "adds": operator.metric("workqueue_adds_total", controller="template"),
            "taken": operator.metric(
                "workqueue_queue_duration_seconds_count", controller="template"
            ),
            "commits": operator.metric("ebbflow_sync_total", direction="to-git"),
            "pushes": operator.metric("ebbflow_git_operations_total", operation="push"),
            "requests": operator.metric("rest_client_requests_total", code="200"),
        }

    before = counted()
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    shop.wait_commit(shop.head())

    def not_counted() -> list[str]:
        now = counted()
        return [name for name in now if now[name] <= before[name]]

    # The status is written before the pass ends.
    eventually(lambda: not_counted() == [], 5, "everything to be counted")
    after = counted()
    assert (after["commits"], after["pushes"]) == (before["commits"] + 1, before["pushes"] + 1)
    assert operator.metric("leader_election_master_status") == 1
    assert operator.metric("controller_runtime_max_concurrent_reconciles", controller="run") == 16
    eventually(lambda: operator.metric("workqueue_depth") == 0, 10, "the queue to be empty")
    eventually(
        lambda: operator.metric("controller_runtime_active_workers") == 0, 10, "the workers to rest"
    )


def test_a_request_for_a_pass_is_answered_in_the_status(shared: Shared) -> None:
    shop = link(shared, "requested")
    before = shared.operator.metric("controller_runtime_reconcile_total", controller="template")
    seen = shop.look_now()
    assert seen["status"]["observedGeneration"] == seen["metadata"]["generation"]
    after = shared.operator.metric("controller_runtime_reconcile_total", controller="template")
    assert after > before


def test_every_line_of_the_log_is_json_and_says_when_how_bad_and_what(shared: Shared) -> None:
    link(shared, "logged")
    lines = shared.operator.log.read_text().splitlines()
    for record in map(json.loads, lines):
        assert {"ts", "level", "logger", "msg"} <= record.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["ts"])
        assert record["level"] in ("debug", "info", "warning", "error", "critical")


def test_lines_about_an_object_name_it_and_tell_what_happened_to_it(shared: Shared) -> None:
    shop = link(shared, "named")
    shop.edit(REPLICAS="5")
    shop.wait_file(FIVE)
    begin, commit = shared.git.log("named")[1].sha, shop.head()

    def about() -> list[dict[str, Any]]:
        found = [r for r in shared.operator.records() if r.get("name") == "named"]
        assert len(found) >= 2
        return found

    records = eventually(about, 10, "two lines about the Template")
    assert [r["msg"] for r in records] == [
        f"taken from main at {begin[:7]}",
        f"written to main as {commit[:7]}",
    ]
    assert {tuple(r[key] for key in ABOUT) for r in records} == {
        ("Template", shared.namespace, "named")
    }


def test_a_pass_that_the_api_server_refuses_is_logged_and_tried_again(
    scene: Scene, proxy: ApiProxy, operators: Operators
) -> None:
    operator = operators(through=proxy)
    proxy.before(
        matching(resource="templates/status", writes=True), Answer(500, "no room"), times=2
    )
    link(scene, "refused")
    refused = [r for r in operator.records() if "trying again" in r["msg"]]
    assert len(refused) == 2
    assert [refused[0][key] for key in ABOUT] == ["Template", scene.namespace, "refused"]
    assert "no room" in refused[0]["msg"]
    assert operator.metric("workqueue_retries_total", controller="template") == 2
    assert operator.metric("controller_runtime_reconcile_errors_total", controller="template") == 2


def token_of(operator: OperatorProcess) -> str:
    config = yaml.safe_load(operator.kubeconfig.read_text())
    token: str = config["users"][0]["user"]["token"]
    return token


@pytest.mark.parametrize(
    ("status", "reason"),
    [(401, "AuthenticationFailed"), (500, "GitUnreachable")],
)
def test_no_credential_is_logged_even_when_the_git_server_repeats_it(
    scene: Scene, operators: Operators, canary: Canary, status: int, reason: str
) -> None:
    operator = operators("--log-level=debug")
    shop = link(scene, "shop")
    scene.git.fail(status, times=None, words=f"refused: {canary.value}")
    shop.edit(REPLICAS="5")
    seen = shop.wait("False", reason)
    text = operator.log.read_text() + json.dumps(seen)
    assert reason in text
    assert canary.value not in text
    assert token_of(operator) not in text
    scene.git.calm()
    shop.wait_file(FIVE)
