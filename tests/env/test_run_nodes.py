"""What the settings of nodes mean on a real API server, and what Runs of many nodes leave there."""

from __future__ import annotations

import time
from json import dumps
from typing import Any

import pytest

from tests.env.conftest import Shared
from tests.support.ran import Source, config_map, deployer, source, steps_document

JsonObject = dict[str, Any]

KIBIBYTE = 1024
ANSWER_SECONDS = 5.0  # of the operator's probes, while it is busy


def many(prefix: str, count: int) -> list[JsonObject]:
    return [config_map(f"{prefix}-{number}", v=str(number)) for number in range(count)]


def reading(prefix: str, count: int) -> list[JsonObject]:
    """Nodes that each read what the one before has made."""
    steps = many(prefix, count)
    for number, step in enumerate(steps[1:]):
        data = step["spec"]["manifest"]["data"]
        data["before"] = f"${{refs.{prefix}-{number}.metadata.uid}}"
    return steps


def workflow(*steps: JsonObject, type: str = "sequential", **spec: Any) -> JsonObject:  # noqa: A002 - the document's word
    return {"kind": "Workflow", "spec": {"type": type, "steps": list(steps), **spec}}


def loop(iterations: list[Any], *steps: JsonObject, **spec: Any) -> JsonObject:
    inner = {"type": "sequential", "iterations": iterations, "steps": list(steps), **spec}
    return {"kind": "LoopWorkflow", "spec": inner}


def settings_of_all_kinds() -> tuple[JsonObject, ...]:
    """A document with one node for each thing that is looked at below."""
    refused = config_map("Not a Name", v="1") | {"ref": "refused"}
    backoff = {"maxAttempts": 2, "backoff": {"type": "exponential", "delay": 1}}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fired"},
        "spec": {
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{"name": "c", "image": "example.invalid/none"}],
                }
            }
        },
    }
    inner = config_map("l-${refs.outer.data.v}-${loop.item}", v="${loop.index}") | {"ref": "inner"}
    outer = config_map("l-${loop.item}", v="${loop.item}") | {"ref": "outer"}
    labels = {"team": "a", "count": 3}
    return (
        refused | {"settings": backoff, "onFailure": "continue"},
        config_map("left-out", v="1") | {"when": "args.ENV == 'test'"},
        config_map("left-out-too", v="1") | {"skipNodeExecution": "${fn.eq(args.ENV, 'prod')}"},
        {"kind": "Manifest", "spec": {"manifest": job}, "condition": "none"},
        workflow(
            *(config_map(f"p-{number}", v="1") for number in range(3)),
            type="parallel",
            context={"labels": labels, "annotations": {"note": "${args.ENV}"}},
        ),
        loop(["x", "y"], outer, loop([1, 2], inner, parallelism=2)),
    )


@pytest.fixture(scope="module")
def robot(shared: Shared) -> str:
    return deployer(shared.kubectl, shared.namespace)


@pytest.fixture(scope="module")
def runs(shared: Shared, robot: str) -> dict[str, Source]:
    """All Runs of this file, under way side by side."""
    documents = {
        "settings": steps_document(*settings_of_all_kinds(), arguments={"ENV": "prod"}),
        "hundred": steps_document(*reading("h", 100)),
        "five-hundred": steps_document(*many("f", 500), type="parallel"),
    }
    made = {
        name: source(shared.kubectl, shared.namespace, name, document, serviceAccountName=robot)
        for name, document in documents.items()
    }
    for name, one in made.items():
        one.start(name)
    return made


def test_a_run_of_few_nodes_is_not_held_up_by_runs_of_many(
    shared: Shared, robot: str, runs: dict[str, Source]
) -> None:
    small = source(
        shared.kubectl,
        shared.namespace,
        "small",
        steps_document(config_map("small", v="1")),
        serviceAccountName=robot,
    )
    runs["five-hundred"].wait_phase("five-hundred", "Running", "Succeeded")
    begun = time.monotonic()
    shared.operator.metrics_text()
    assert time.monotonic() - begun < ANSWER_SECONDS
    small.wait_end(small.start("small"))


def test_settings_mean_what_the_document_says(shared: Shared, runs: dict[str, Source]) -> None:
    run = runs["settings"].wait_end("settings")
    nodes = {node["path"]: node for node in run["status"]["nodes"]}
    phases = {path: node["phase"] for path, node in nodes.items() if "." not in path}
    assert phases == {
        "0": "Failed",
        **dict.fromkeys("12", "Skipped"),
        **dict.fromkeys("345", "Succeeded"),
    }
    assert nodes["0"]["attempt"] == 2
    assert "RFC 1123" in nodes["0"]["message"]
    metadata = shared.kubectl.get("ConfigMap", "p-1", shared.namespace)["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["count"] == "3"
    assert metadata["annotations"]["note"] == "prod"
    for item in "xy":
        for index, number in enumerate((1, 2)):
            name = f"l-{item}-{number}"
            made = shared.kubectl.get("ConfigMap", name, shared.namespace)
            assert made["data"] == {"v": str(index)}


def test_a_finished_run_of_a_hundred_nodes_has_less_than_100_kib(runs: dict[str, Source]) -> None:
    run = runs["hundred"].wait_end("hundred")
    assert len(run["status"]["nodes"]) == 100
    assert len(dumps(run)) < 100 * KIBIBYTE


def test_a_finished_run_of_five_hundred_nodes_is_far_from_etcds_limit(
    runs: dict[str, Source],
) -> None:
    run = runs["five-hundred"].wait_end("five-hundred")
    assert len(run["status"]["nodes"]) == 500
    assert len(dumps(run)) < 300 * KIBIBYTE
