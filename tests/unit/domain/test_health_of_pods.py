"""Health of pods: what holds one up, in words that say what to look at."""

from __future__ import annotations

from typing import Any

import pytest

from ebbflow.domain.health import Current, Failed, InProgress, health
from tests.support.live_objects import (
    CRASHED,
    made,
    pod,
    state,
    waiting,
)

OUT_OF_MEMORY = {"exitCode": 137, "reason": "OOMKilled"}


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        pytest.param(
            pod("Running", conditions=[state("Ready", "True")]), Current("ready"), id="ready"
        ),
        pytest.param(pod("Succeeded"), Current("it has ended well"), id="ended"),
        pytest.param(pod("Failed", reason="Evicted"), Failed("Evicted"), id="evicted"),
        pytest.param(
            pod("Failed", {"name": "app", "state": {"terminated": {"exitCode": 3}}}),
            Failed("container app ended with exit code 3; its log: kubectl logs x -c app"),
            id="failed",
        ),
        pytest.param(
            pod("Running", CRASHED),
            Failed(
                "container app: CrashLoopBackOff after 4 restarts: container app ended with exit "
                "code 2: no database"
            ),
            id="crashes",
        ),
        pytest.param(
            made(
                "v1 Pod",
                {"restartPolicy": "Always"},
                {"containerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 0}}}]},
            ),
            InProgress(
                "container app ended with exit code 0, and is to run on; its log: kubectl logs x "
                "-c app"
            ),
            id="ends though it is to run on",
        ),
        pytest.param(
            {
                **pod("Failed", {"name": "app", "state": {"terminated": OUT_OF_MEMORY}}),
                "metadata": {"name": "x", "namespace": "shop"},
            },
            Failed(
                "container app was killed because it used more memory than its limit (OOMKilled, "
                "exit code 137): raise its resources.limits.memory, or have it use less"
            ),
            id="out of memory",
        ),
        pytest.param(
            pod("Running", waiting("RunContainerError", "nosuch: not found in $PATH")),
            InProgress("container app: RunContainerError: nosuch: not found in $PATH"),
            id="its command is missing",
        ),
        pytest.param(
            pod("Pending", waiting("ContainerCreating", "")),
            InProgress("its phase is Pending"),
            id="its container is being made",
        ),
        pytest.param(
            pod("Pending", waiting("ImagePullBackOff", "no such image")),
            InProgress("container app: ImagePullBackOff: no such image"),
            id="the image is missing",
        ),
        pytest.param(
            pod("Pending", waiting("CreateContainerConfigError", "secret not found")),
            InProgress("container app: CreateContainerConfigError: secret not found"),
            id="its configuration is missing",
        ),
        pytest.param(
            pod("Pending", conditions=[state("PodScheduled", "False", "Unschedulable", "0/1")]),
            InProgress("no node takes it: 0/1"),
            id="unschedulable",
        ),
        pytest.param(pod("Pending"), InProgress("its phase is Pending"), id="pending"),
        pytest.param(
            made(
                "v1 Pod",
                {"nodeName": "n1"},
                {
                    "phase": "Running",
                    "conditions": [state("Ready", "False"), state("ContainersReady", "True")],
                },
            ),
            InProgress(
                "its node n1 does not answer, so nobody knows how it is; repair the node, or, if it "
                "is gone for good, delete it (kubectl delete node n1)"
            ),
            id="its node is silent",
        ),
    ],
)
def test_a_pod_is_judged_by_what_its_containers_do(live: dict[str, Any], expected: Any) -> None:
    assert health(live) == expected
