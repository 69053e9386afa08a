"""The world of runs, as most tests of kinds of nodes find it."""

from __future__ import annotations

import pytest

from tests.support.memory_pods import Kubelet
from tests.support.run_stage import RunWorld


@pytest.fixture
def world() -> RunWorld:
    return RunWorld()


@pytest.fixture
def kubelet(world: RunWorld) -> Kubelet:
    return Kubelet(world.objects, world.pod_logs)
