"""Health: the rules of kstatus for each kind, and words that say what to look at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebbflow.domain.health import Current, Failed, InProgress, Terminating, health
from ebbflow.domain.health_of_kinds import RULES
from ebbflow.domain.health_verdict import MAX_MESSAGE
from tests.support.live_objects import (
    BALANCER,
    CRD,
    PDB,
    SNAPSHOT,
    daemons,
    deployment,
    job,
    made,
    replicas,
    route,
    state,
    stateful,
)


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        # any kind
        pytest.param(made("v1 ConfigMap"), Current(), id="a kind without a status is current"),
        pytest.param(
            made("v1 ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z", finalizers=["a/b"]),
            Terminating("it is being deleted; it waits for a/b"),
            id="what is being deleted says what holds it",
        ),
        pytest.param(
            made("x.dev/v1 Thing", status={"observedGeneration": 1}),
            InProgress("its controller has not seen the latest change yet"),
            id="an old observedGeneration",
        ),
        pytest.param(
            made("x.dev/v1 Thing", status={"conditions": [state("Stalled", "True", "Bad", "no")]}),
            Failed("no"),
            id="stalled",
        ),
        pytest.param(
            made("x.dev/v1 Thing", status={"conditions": [state("Reconciling", "True", "Busy")]}),
            InProgress("Busy"),
            id="reconciling",
        ),
        pytest.param(
            made("x.dev/v1 Thing", status={"conditions": [state("Ready", "False", "No", "wait")]}),
            InProgress("wait"),
            id="not ready",
        ),
        pytest.param(
            made("x.dev/v1 Thing", status={"conditions": [state("Ready", "Unknown", "New")]}),
            InProgress("New"),
            id="ready is unknown",
        ),
        pytest.param(
            made("x.dev/v1 Thing", status={"conditions": [state("Ready", "True")]}),
            Current(),
            id="ready",
        ),
        # Deployment
        pytest.param(deployment(), Current("3 of 3 replicas are ready"), id="deployment: done"),
        pytest.param(
            made("apps/v1 Deployment", {"replicas": 3}),
            InProgress("0 of 3 replicas are updated"),
            id="deployment: just made",
        ),
        pytest.param(
            deployment(readyReplicas=2),
            InProgress("2 of 3 replicas are ready"),
            id="deployment: one is not ready",
        ),
        pytest.param(
            deployment(
                updatedReplicas=1,
                conditions=[state("ReplicaFailure", "True", "FailedCreate", "exceeded quota")],
            ),
            InProgress("1 of 3 replicas are updated; exceeded quota"),
            id="deployment: pods cannot be made",
        ),
        pytest.param(
            deployment(replicas=4),
            InProgress("1 old replicas are still to be stopped"),
            id="deployment: an old one is left",
        ),
        pytest.param(
            deployment(availableReplicas=0),
            InProgress("0 of 3 replicas are available"),
            id="deployment: ready but not for long enough",
        ),
        pytest.param(
            deployment(conditions=[state("Available", "False", "Min", "below the minimum")]),
            InProgress("below the minimum"),
            id="deployment: not available",
        ),
        pytest.param(
            deployment(
                updatedReplicas=0,
                conditions=[state("Progressing", "False", "ProgressDeadlineExceeded", "timed out")],
            ),
            Failed("timed out"),
            id="deployment: out of time",
        ),
        # StatefulSet
        pytest.param(stateful(), Current("3 of 3 replicas are ready"), id="stateful set: done"),
        pytest.param(
            stateful(replicas=1),
            InProgress("1 of 3 replicas are made"),
            id="stateful set: still being made",
        ),
        pytest.param(
            stateful(readyReplicas=2),
            InProgress("2 of 3 replicas are ready"),
            id="stateful set: one is not ready",
        ),
        pytest.param(
            stateful(replicas=4),
            InProgress("1 replicas are still to be stopped"),
            id="stateful set: too many",
        ),
        pytest.param(
            stateful(updatedReplicas=1, currentRevision="a"),
            InProgress("1 of 3 replicas are updated"),
            id="stateful set: rolling",
        ),
        pytest.param(
            stateful(currentRevision="a"),
            InProgress("its latest revision is not in use everywhere yet"),
            id="stateful set: the revision is not settled",
        ),
        pytest.param(
            stateful(
                {"updateStrategy": {"rollingUpdate": {"partition": 2}}},
                updatedReplicas=1,
                currentRevision="a",
            ),
            Current("3 of 3 replicas are ready"),
            id="stateful set: all beyond the partition",
        ),
        pytest.param(
            stateful({"updateStrategy": {"type": "OnDelete"}}, readyReplicas=0),
            Current("its pods are updated when somebody deletes them (OnDelete)"),
            id="stateful set: on delete",
        ),
        # DaemonSet, ReplicaSet
        pytest.param(daemons(), Current("2 of 2 pods are ready"), id="daemon set: done"),
        pytest.param(
            made("apps/v1 DaemonSet"),
            InProgress("its controller has not counted the nodes yet"),
            id="daemon set: just made",
        ),
        pytest.param(
            daemons(updatedNumberScheduled=1),
            InProgress("1 of 2 pods are updated"),
            id="daemon set: rolling",
        ),
        pytest.param(replicas(), Current("2 of 2 replicas are ready"), id="replica set: done"),
        pytest.param(
            replicas(conditions=[state("ReplicaFailure", "True", "FailedCreate", "no quota")]),
            InProgress("no quota"),
            id="replica set: pods cannot be made",
        ),
        pytest.param(
            replicas(replicas=3),
            InProgress("1 replicas are still to be stopped"),
            id="replica set: too many",
        ),
        # Job
        pytest.param(job(), InProgress("the job has not started"), id="job: just made"),
        pytest.param(
            job(startTime="t", active=1, failed=2),
            InProgress("the job runs: 1 pods are active, 2 failed"),
            id="job: under way",
        ),
        pytest.param(
            job(startTime="t", succeeded=1, conditions=[state("Complete", "True")]),
            Current("1 pods succeeded"),
            id="job: done",
        ),
        pytest.param(
            job(failed=3, conditions=[state("Failed", "True", "BackoffLimitExceeded", "gave up")]),
            Failed("gave up; 3 pods failed: read their logs"),
            id="job: failed",
        ),
        pytest.param(job({"suspend": True}), Current("it is suspended"), id="job: suspended"),
        # the rest
        pytest.param(
            made("v1 PersistentVolumeClaim", status={"phase": "Bound"}),
            Current("bound"),
            id="claim: bound",
        ),
        pytest.param(
            made("v1 PersistentVolumeClaim", status={"phase": "Lost"}),
            Failed("its volume is lost: restore the PersistentVolume, or make the claim anew"),
            id="claim: lost",
        ),
        pytest.param(made("v1 Service", {"type": "ClusterIP"}), Current(), id="service: plain"),
        pytest.param(
            made("v1 Service", BALANCER),
            InProgress(
                "it has no address yet; the cluster needs a load balancer that gives it one"
            ),
            id="service: no address",
        ),
        pytest.param(
            made("v1 Service", BALANCER, {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}),
            Current("its address is 10.0.0.9"),
            id="service: an address",
        ),
        pytest.param(made("networking.k8s.io/v1 Ingress"), Current(), id="ingress: no address"),
        pytest.param(
            route(state("Accepted", "True"), state("ResolvedRefs", "True")),
            Current("taken by 1 gateways"),
            id="route: taken",
        ),
        pytest.param(
            route(gateway="other"),
            InProgress("gateway web has not looked at it yet"),
            id="route: not looked at",
        ),
        pytest.param(
            route(gateway="web", namespace="elsewhere"),
            InProgress("gateway web has not looked at it yet"),
            id="route: not looked at by the one of its own namespace",
        ),
        pytest.param(
            route(
                state("Accepted", "True") | {"observedGeneration": 2},
                state("ResolvedRefs", "True") | {"observedGeneration": 1},
            ),
            InProgress("gateway web has not looked at its last change yet"),
            id="route: taken as it was before",
        ),
        pytest.param(
            route(state("Accepted", "False", "NotAllowed", "not allowed by listeners")),
            InProgress("gateway web: not allowed by listeners"),
            id="route: refused",
        ),
        pytest.param(
            made(CRD, status={"conditions": [state("Established", "True")]}),
            Current("established"),
            id="definition: established",
        ),
        pytest.param(
            made(CRD, status={"conditions": [state("Established", "False", "Installing", "soon")]}),
            InProgress("soon"),
            id="definition: being installed",
        ),
        pytest.param(
            made(CRD, status={"conditions": [state("NamesAccepted", "False", "Taken", "taken")]}),
            Failed("taken"),
            id="definition: its names are taken",
        ),
        pytest.param(
            made(PDB, status={"currentHealthy": 1, "desiredHealthy": 2}),
            InProgress("1 of 2 pods are healthy"),
            id="disruption budget: too few",
        ),
        pytest.param(
            made(PDB), InProgress("its pods have not been counted yet"), id="disruption budget: new"
        ),
        pytest.param(
            made(SNAPSHOT, status={"readyToUse": True}),
            Current("ready to use"),
            id="snapshot: done",
        ),
        pytest.param(
            made(SNAPSHOT, status={"error": {"message": "no space"}}),
            InProgress("tried again after: no space"),
            id="snapshot: an error",
        ),
        pytest.param(
            made("v1 Namespace", status={"phase": "Active"}), Current(), id="namespace: active"
        ),
        pytest.param(
            made("v1 Namespace", status={"phase": "Terminating"}),
            Terminating("it is being deleted"),
            id="namespace: being deleted",
        ),
        pytest.param(
            made(
                "apiregistration.k8s.io/v1 APIService",
                status={"conditions": [state("Available", "False", "Down", "no endpoints")]},
            ),
            InProgress("no endpoints"),
            id="api service: down",
        ),
    ],
)
def test_an_object_is_judged_by_the_rules_of_its_kind(live: dict[str, Any], expected: Any) -> None:
    assert health(live) == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["conditions", "phase", "replicas", "containerStatuses", "parents", "loadBalancer", "error"]
)


@pytest.mark.hypothesis
@given(
    kind=st.sampled_from([*sorted(RULES), ("x.dev", "Thing")]),
    status=JSON_VALUES | st.dictionaries(FIELDS, JSON_VALUES),
    spec=JSON_VALUES,
)
def test_no_status_is_strange_enough_to_fail_on(kind: tuple[str, str], status: Any, spec: Any):
    live = {"apiVersion": f"{kind[0]}/v1".lstrip("/"), "kind": kind[1], "metadata": {"name": "x"}}
    assert isinstance(health(live | {"spec": spec, "status": status}).message, str)


def test_a_message_is_one_bounded_line() -> None:
    long = state("Ready", "False", "No", "a\nb\x1b[31m" + "x" * 100_000)
    verdict = health(made("x.dev/v1 Thing", status={"conditions": [long]}))
    assert verdict.message.startswith("a b [31mx")
    assert len(verdict.message) == MAX_MESSAGE
