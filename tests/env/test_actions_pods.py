"""Commands in pods that really run: how they end, what they write, and that none runs twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ebbflow.devcluster.cluster import ControlPlane
from tests.support.job_runs import END_SECONDS, IMAGE, NOBODY, Place, message, place_on
from tests.support.ran import config_map, deployer
from tests.support.waiting import eventually

JsonObject = dict[str, Any]

API = {"app": "api"}
BURST = "yes 0123456789abcdef | head -c 20000000; echo; echo the end"
NOISE = "head -c 4096 /dev/urandom; printf '\\033[31mred\\033[0m\\n'; echo last"


@pytest.fixture(scope="module")
def place(
    node_cluster: ControlPlane, tmp_path_factory: pytest.TempPathFactory, process_group: int
) -> Iterator[Place]:
    with place_on(node_cluster, tmp_path_factory.mktemp("pods"), process_group) as made:
        made.kubectl.create(deployment(made.namespace))
        yield made


def deployment(namespace: str) -> JsonObject:
    """A service that does nothing, in two containers."""
    idle = "trap 'exit 0' TERM; while true; do sleep 1; done"
    containers = [
        {"name": name, "image": IMAGE, "command": ["sh", "-c", idle]} for name in ("web", "side")
    ]
    pod = {"containers": containers, "securityContext": NOBODY, "terminationGracePeriodSeconds": 1}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "api", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": API},
            "template": {"metadata": {"labels": API}, "spec": pod},
        },
    }


def execute(*command: str, **spec: Any) -> JsonObject:
    target = {"kind": "Deployment", "name": "api"}
    given = {"type": "execute", "target": target, "command": list(command), **spec}
    return {"kind": "Action", "ref": "did", "timeout": "50s", "spec": given}


def output(place: Place, script: str, **spec: Any) -> str:
    """Run a script in the container; what the node hands on."""
    keep = config_map("seen", code="${refs.did.exitCode}", said="${refs.did.output}")
    place.run(execute("sh", "-c", script, **spec), keep)
    data: dict[str, str] = place.kubectl.get("ConfigMap", "seen", place.namespace)["data"]
    return data["said"]


def test_what_a_command_writes_to_both_streams_is_handed_on(place: Place) -> None:
    assert sorted(output(place, "echo out; echo err >&2").split("\n")) == ["err", "out"]


def test_no_shell_reads_the_arguments(place: Place) -> None:
    keep = config_map("seen", said="${refs.did.output}")
    place.run(execute("echo", "$HOME; `id`", "&& x"), keep)
    seen = place.kubectl.get("ConfigMap", "seen", place.namespace)
    assert seen["data"]["said"] == "$HOME; `id` && x"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param(("sh", "-c", "echo why; exit 3"), "exit code 3; it wrote: why", id="code"),
        pytest.param(("sh", "-c", "nosuch"), "exit code 127; it wrote: sh: nosuch", id="in shell"),
        pytest.param(("sh", "-c", "kill -9 $$"), "exit code 137", id="killed"),
        pytest.param(("nosuch",), "nosuch", id="no program"),
    ],
)
def test_a_command_that_fails_says_how(place: Place, command: tuple[str, ...], words: str) -> None:
    assert words in message(place.run(execute(*command), phase="Failed"))


def test_another_container_and_another_code_can_be_right(place: Place) -> None:
    assert (
        output(place, "hostname >/dev/null; echo hi; exit 4", container="side", expect=[4]) == "hi"
    )


def test_of_much_output_the_end_is_kept(place: Place) -> None:
    said = output(place, BURST)
    assert said.endswith("\nthe end")
    assert 1024 < len(said) < 4096


def test_binary_output_is_made_readable(place: Place) -> None:
    said = output(place, NOISE)
    assert said.endswith("red\nlast")
    assert all(c.isprintable() or c == "\n" for c in said)


def test_a_container_that_is_not_there_is_told(place: Place) -> None:
    run = place.run(execute("true", container="db"), phase="Failed")
    assert "has no container db; it has web, side" in message(run)


def test_a_pod_that_is_not_ready_is_waited_for(place: Place) -> None:
    name = "late"
    late = deployment(place.namespace)
    late["metadata"]["name"] = name
    late["spec"]["selector"] = {"matchLabels": {"app": name}}
    late["spec"]["template"]["metadata"]["labels"] = {"app": name}
    late["spec"]["replicas"] = 0
    place.kubectl.create(late)
    made, run = place.start(execute("true", target={"kind": "Deployment", "name": name}))
    place.wait(made, run, "Waiting")
    place.kubectl.patch("Deployment", name, place.namespace, {"spec": {"replicas": 1}})
    place.wait(made, run, "Succeeded")


def test_an_account_without_the_right_is_told_how_to_get_it(place: Place) -> None:
    resources = ("deployments", "pods")
    weak = deployer(place.kubectl, place.namespace, "weak", resources)
    run = place.run(execute("true"), phase="Failed", serviceAccountName=weak)
    assert "may not create pods/exec in namespace" in message(run)
    assert "--resource=pods/exec" in message(run)


def test_a_command_that_takes_too_long_ends_with_the_nodes_timeout_and_may_go_on(
    place: Place,
) -> None:
    place.run(execute("true"))  # the pod may not be ready before
    run = place.run(execute("sleep", "301") | {"timeout": "5s"}, phase="Failed")
    assert "it took longer than 5s" in message(run)
    assert "it may go on in its container until the pod ends" in message(run)
    assert output(place, "ps | grep -c 'sleep 30[1]'") == "1"


def test_cancelling_waits_for_no_command(place: Place) -> None:
    made, run = place.start(execute("sleep", "300"))
    began(place, made.namespace, run)
    place.kubectl.patch("Run", run, made.namespace, {"spec": {"cancel": True}})
    place.wait(made, run, "Cancelled")


def began(place: Place, namespace: str, run: str) -> None:
    """Wait until the command of a Run is under way."""

    def says() -> bool:
        nodes = place.kubectl.get("Run", run, namespace).get("status", {}).get("nodes", ())
        return [node.get("message") for node in nodes] == ["the command runs"]

    eventually(says, END_SECONDS, "the command to run")


def test_a_killed_operator_never_runs_a_command_twice(place: Place) -> None:
    script = "echo x >> /tmp/ran; sleep 300"
    made, run = place.start(execute("sh", "-c", script))
    began(place, made.namespace, run)
    place.operator.kill()
    place.operator.restart()
    ended = place.wait(made, run, "Failed")
    assert "the command may have run, and nobody knows how it ended" in message(ended)
    assert output(place, "cat /tmp/ran") == "x"
