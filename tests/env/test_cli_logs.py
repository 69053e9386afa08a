"""`ebbflow logs` with pods that really run: followed over attempts, one node, containers, and no pods."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.command_line import CommandLine
from tests.support.job_runs import END_SECONDS, Place, node, place_on
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def place(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[Place]:
    with place_on(node_cluster, tmp_path_factory.mktemp("logs"), process_group) as made:
        yield made


@pytest.fixture(scope="module")
def ebbflow(place: Place) -> CommandLine:
    return CommandLine(place.cluster.kubeconfig, place.namespace)


def test_following_shows_every_attempt_and_ends_with_the_run(
    place: Place, ebbflow: CommandLine
) -> None:
    retried = {"maxAttempts": 2, "backoff": {"delay": 1}}
    step = node("echo on $HOSTNAME; sleep 2; echo over; exit 3") | {"settings": retried}
    _, name = place.start(step)
    said = ebbflow("logs", name, "-f", code=1)
    assert [line.split(" on ")[0] for line in said.lines] == ["job |", "job | over"] * 2
    first, second = (line for line in said.lines if " on " in line)
    assert first != second


def test_following_a_run_that_succeeds_ends_with_0(place: Place, ebbflow: CommandLine) -> None:
    _, name = place.start(node("for i in 1 2 3; do echo $i; sleep 1; done"))
    assert ebbflow("logs", name, "-f").lines == ["job | 1", "job | 2", "job | 3"]
    assert ebbflow("logs", name).lines == ["1", "2", "3"]
    assert ebbflow("logs", name, "job", "--tail", "1").lines == ["3"]


def test_a_node_can_be_followed_before_it_has_begun(place: Place, ebbflow: CommandLine) -> None:
    later = node("echo later") | {"ref": "later"}
    _, name = place.start(node("echo first; sleep 2"), later)
    assert ebbflow("logs", name, "later", "-f").lines == ["later"]


def test_a_template_stands_for_its_newest_run(place: Place, ebbflow: CommandLine) -> None:
    source = place.document(node("echo hello"))
    source.start(f"{source.name}-run")
    source.wait_end(f"{source.name}-run")
    assert ebbflow("logs", source.name).lines == ["hello"]


def test_nodes_side_by_side_are_told_apart(place: Place, ebbflow: CommandLine) -> None:
    steps = [node(f"echo {ref}") | {"ref": ref} for ref in ("one", "two")]
    parallel = {"kind": "Workflow", "spec": {"type": "parallel", "steps": steps}}
    run = place.run(parallel)
    name = run["metadata"]["name"]
    assert sorted(ebbflow("logs", name).lines) == ["one | one", "two | two"]
    assert ebbflow("logs", name, "two").lines == ["two"]
    assert "no node three" in ebbflow("logs", name, "three", code=1).err


def test_pods_that_have_gone_leave_the_message_of_the_node(
    place: Place, ebbflow: CommandLine
) -> None:
    run = place.run(node("echo no such table; exit 7"), phase="Failed")
    name = run["metadata"]["name"]
    place.kubectl.run("delete", "jobs,pods", "-n", place.namespace, "-l", f"ebbflow.dev/run={name}")
    eventually(lambda: not place.pods(name), END_SECONDS, "the pod to go")
    said = ebbflow("logs", name, code=1).err
    assert "has no pods any more" in said
    assert "no such table" in said


def test_a_container_that_is_not_there_is_said_to_be_missing(
    place: Place, ebbflow: CommandLine
) -> None:
    run = place.run(node("true"))
    said = ebbflow("logs", run["metadata"]["name"], "-c", "sidecar", code=1).err
    assert "sidecar" in said
