"""Runs of one Template take turns as its policy says, whatever befalls the operator meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.env.conftest import Shared
from tests.support.burst import Burst, check_forbidden, check_turns
from tests.support.kubectl import Kubectl
from tests.support.operator_process import OperatorProcess
from tests.support.ran import Source, config_map, deployer, source, steps_document
from tests.support.soak import SOAK
from tests.support.waiting import eventually

PROCESSES = 4
EACH = 200 if SOAK else 50
KILLS = 40 if SOAK else 5
"""How often the operator is killed while a burst is worked off: every few seconds."""

REST_SECONDS = 300.0
"""How long a fifth of the burst may take; only a machine that is busy with more needs minutes."""
SOON = 10.0
UNDER_WAY = ("Running", "Waiting")

JsonObject = dict[str, Any]
Named = Callable[[str], Source]


def waits(seconds: int) -> JsonObject:
    return steps_document({"kind": "Delay", "spec": {"duration": f"{seconds}s"}})


def slow(shared: Shared, name: str, policy: str, **spec: Any) -> Source:
    """Make a Template whose Runs take an hour."""
    kubectl, namespace = shared.kubectl, shared.namespace
    return source(kubectl, namespace, name, waits(3600), concurrencyPolicy=policy, **spec)


def cancel(shop: Source, name: str) -> None:
    shop.kubectl.patch("Run", name, shop.namespace, {"spec": {"cancel": True}})


def said(shop: Source, name: str) -> tuple[str, str, str]:
    status = shop.run(name)["status"]
    return status["phase"], status["reason"], status["message"]


def wait_said(shop: Source, name: str, *expected: object) -> None:
    def there() -> bool:
        status = shop.run(name).get("status", {})
        seen = (status.get("phase"), status.get("position"), status.get("message"))
        assert seen == expected, f"{name}: {seen}"
        return True

    eventually(there, SOON, f"{name} to say {expected}")


# One test a policy, with its words


def test_allow_runs_all_at_once(shared: Shared) -> None:
    shop = slow(shared, "allow", "Allow")
    for name in ("allow-1", "allow-2", "allow-3"):
        shop.start(name)
    for name in ("allow-1", "allow-2", "allow-3"):
        shop.wait_phase(name, *UNDER_WAY)


def test_queue_tells_each_its_place_and_who_is_before_it(shared: Shared) -> None:
    shop = slow(shared, "line", "Queue")
    shop.wait_phase(shop.start("line-1"), *UNDER_WAY)
    for name in ("line-2", "line-3"):
        shop.start(name)
        shop.wait_phase(name, "Queued")
    wait_said(shop, "line-2", "Queued", 1, "Waits at place 1; line-1 is under way")
    wait_said(shop, "line-3", "Queued", 2, "Waits at place 2; line-1 is under way")
    cancel(shop, "line-1")
    shop.wait_phase("line-2", *UNDER_WAY)
    wait_said(shop, "line-3", "Queued", 1, "Waits at place 1; line-2 is under way")
    assert "position" not in shop.run("line-2")["status"]
    assert said(shop, "line-1") == ("Cancelled", "Cancelled", "Cancelled: spec.cancel is true")


def test_one_that_waits_can_be_cancelled_or_deleted(shared: Shared) -> None:
    shop = slow(shared, "leave", "Queue")
    shop.wait_phase(shop.start("leave-1"), *UNDER_WAY)
    for name in ("leave-2", "leave-3", "leave-4"):
        shop.start(name)
        shop.wait_phase(name, "Queued")
    cancel(shop, "leave-2")
    shop.wait_end("leave-2", "Cancelled")
    shop.kubectl.delete("Run", "leave-3", shop.namespace)
    eventually(
        lambda: shop.kubectl.find("Run", "leave-3", shop.namespace) is None, SOON, "it to go"
    )
    wait_said(shop, "leave-4", "Queued", 1, "Waits at place 1; leave-1 is under way")


def test_a_run_that_is_cancelled_from_the_first_never_begins(shared: Shared) -> None:
    shop = slow(shared, "never", "Allow")
    run = shop.wait_end(shop.start("never-1", cancel=True), "Cancelled")
    assert "startedAt" not in run["status"]


def test_past_the_limit_a_run_is_skipped_and_names_the_last_that_waits(shared: Shared) -> None:
    shop = slow(shared, "full", "Queue", queueLimit=1)
    shop.wait_phase(shop.start("full-1"), *UNDER_WAY)
    shop.start("full-2")
    shop.wait_phase("full-2", "Queued")
    shop.wait_end(shop.start("full-3"), "Skipped")
    words = "as many Runs wait as queueLimit allows, full-2 the last of them"
    assert said(shop, "full-3") == ("Skipped", "QueueFull", words)


def test_forbid_skips_and_names_the_one_under_way(shared: Shared) -> None:
    shop = slow(shared, "forbid", "Forbid")
    shop.wait_phase(shop.start("forbid-1"), *UNDER_WAY)
    shop.wait_end(shop.start("forbid-2"), "Skipped")
    words = "forbid-1 was under way, and concurrencyPolicy is Forbid; start a Run when it has ended"
    assert said(shop, "forbid-2") == ("Skipped", "Forbidden", words)
    cancel(shop, "forbid-1")
    shop.wait_end("forbid-1", "Cancelled")
    shop.wait_phase(shop.start("forbid-3"), *UNDER_WAY)
    assert said(shop, "forbid-2")[0] == "Skipped"


def test_latest_keeps_only_the_newest_waiting(shared: Shared) -> None:
    shop = slow(shared, "latest", "Latest")
    shop.wait_phase(shop.start("latest-1"), *UNDER_WAY)
    shop.start("latest-2")
    shop.wait_phase("latest-2", "Queued")
    shop.start("latest-3")
    shop.wait_end("latest-2", "Skipped")
    words = "a newer Run was asked for: latest-3"
    assert said(shop, "latest-2") == ("Skipped", "Superseded", words)
    wait_said(shop, "latest-3", "Queued", 1, "Waits at place 1; latest-1 is under way")
    cancel(shop, "latest-1")
    shop.wait_phase("latest-3", *UNDER_WAY)


def test_replace_stops_the_one_under_way_which_names_its_successor(shared: Shared) -> None:
    shop = slow(shared, "replace", "Replace")
    shop.wait_phase(shop.start("replace-1"), *UNDER_WAY)
    shop.start("replace-2")
    shop.wait_end("replace-1", "Cancelled")
    words = "replaced by the Run replace-2"
    assert said(shop, "replace-1") == ("Cancelled", "Replaced", words)
    shop.wait_phase("replace-2", *UNDER_WAY)


def test_another_policy_holds_for_those_that_wait_already(shared: Shared) -> None:
    shop = slow(shared, "change", "Queue")
    shop.wait_phase(shop.start("change-1"), *UNDER_WAY)
    shop.wait_phase(shop.start("change-2"), "Queued")
    change = {"spec": {"concurrencyPolicy": "Allow"}}
    shop.kubectl.patch("Template", shop.name, shop.namespace, change)
    shop.wait_phase("change-2", *UNDER_WAY)


def test_a_run_that_came_before_its_template_waits_for_it(shared: Shared) -> None:
    shop = Source(shared.kubectl, shared.namespace, "late")
    shop.start("late-1")
    missing = f"there is no Template late in {shop.namespace}; create it"
    wait_said(shop, "late-1", "Pending", None, missing)
    source(shared.kubectl, shared.namespace, "late", waits(0))
    shop.wait_end("late-1")


# Bursts


def kill_while_it_works(operator: OperatorProcess, shop: Source, burst: Burst, runs: int) -> None:
    """Kill and start the operator again and again, each time when some more Runs have ended."""

    def ended() -> int:
        return sum(shop.count(phase) for phase in ("Succeeded", "Skipped"))

    for number in range(1, KILLS):
        eventually(
            lambda number=number: ended() >= runs * number // KILLS,
            REST_SECONDS,
            f"{number} of {KILLS} parts to be done",
        )
        operator.kill()
        operator.start()
    burst.wait()
    eventually(lambda: ended() == runs, REST_SECONDS, "every Run to end")


def check_rest(shop: Source) -> None:
    """Check that the queue is empty, and that nothing is kept from going."""

    def at_rest() -> bool:
        status = shop.kubectl.get("Template", shop.name, shop.namespace)["status"]
        assert not status.get("active"), status
        assert not status.get("queue"), status
        held = [r["metadata"]["name"] for r in shop.runs() if r["metadata"].get("finalizers")]
        assert not held, f"they are held: {held}"
        return True

    eventually(at_rest, SOON, "the queue to be empty")


@pytest.mark.timeout(REST_SECONDS * 5)
def test_under_queue_a_burst_runs_one_by_one_in_order_of_creation(
    cluster: ControlPlane, kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    shop = source(
        kubectl,
        namespace,
        "burst",
        steps_document(config_map("${args.NAME}", v="1"), arguments={"NAME": ""}),
        concurrencyPolicy="Queue",
        queueLimit=1000,
        history={"succeeded": 1000, "failed": 1000},
        serviceAccountName=deployer(kubectl, namespace),
    )
    with Burst(shop, cluster.kubeconfig, PROCESSES, EACH) as burst:
        kill_while_it_works(operator, shop, burst, PROCESSES * EACH)
        names = burst.wait()
    runs = shop.runs()
    assert {run["metadata"]["name"]: run["status"]["phase"] for run in runs} == dict.fromkeys(
        names, "Succeeded"
    )
    check_turns(runs)
    check_rest(shop)
    made = {thing["metadata"]["name"] for thing in kubectl.list_all("ConfigMap", namespace)}
    assert set(names) <= made


@pytest.mark.timeout(REST_SECONDS * 5)
def test_under_forbid_a_burst_leaves_nothing_that_runs_later(
    cluster: ControlPlane, kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    many = {"succeeded": 1000, "failed": 1000}
    shop = source(kubectl, namespace, "forbid", waits(2), concurrencyPolicy="Forbid", history=many)
    with Burst(shop, cluster.kubeconfig, PROCESSES, EACH) as burst:
        kill_while_it_works(operator, shop, burst, PROCESSES * EACH)
    check_forbidden(shop.runs())
    check_rest(shop)


def test_past_the_limit_a_burst_is_skipped_but_for_as_many_as_may_wait(
    cluster: ControlPlane, kubectl: Kubectl, namespace: str, operator: OperatorProcess
) -> None:
    del operator
    many = {"succeeded": 1000, "failed": 1000}
    shop = source(
        kubectl,
        namespace,
        "limit",
        waits(3600),
        concurrencyPolicy="Queue",
        queueLimit=20,
        history=many,
    )
    with Burst(shop, cluster.kubeconfig, PROCESSES, 25) as burst:
        names = burst.wait()

    def phases() -> dict[str, int]:
        seen = [run.get("status", {}).get("phase") for run in shop.runs()]
        return {phase: seen.count(phase) for phase in ("Waiting", "Queued", "Skipped")}

    wanted = {"Waiting": 1, "Queued": 20, "Skipped": len(names) - 21}
    eventually(lambda: phases() == wanted, REST_SECONDS, f"{wanted}")
    places = [run["status"].get("position") for run in shop.runs()]
    assert sorted(filter(None, places)) == list(range(1, 21))
    why = {run["status"]["reason"] for run in shop.runs() if run["status"]["phase"] == "Skipped"}
    assert why == {"QueueFull"}
