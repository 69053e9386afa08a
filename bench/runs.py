"""Runs: many Templates whose updates start one each, and single Runs of many nodes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from bench.figures import Figure
from bench.operator_process import Launch
from bench.seen_runs import SeenRuns
from bench.stage import NAMESPACE, PATIENCE, REPOSITORY, Stage, Usage, stage
from ebbflow.api.base import API_VERSION
from tests.support.audit import Requests
from tests.support.builders import template
from tests.support.kubectl import KINDS
from tests.support.ran import config_map, deployer, steps_document

POLL = "1m"
OBJECTS = 4
ONES = 10
SHAPES = ((100, "parallel"), (100, "sequential"), (500, "parallel"), (500, "sequential"))
"""Of single Runs: how many nodes of one ConfigMap each, and how they go."""

LIMITING = ("kube-apiserver", "etcd")
"""What uses the CPUs beside the operator."""

SHOWN = 0.05
"""Requests a Template that a kind of request comes to before it has a row of its own."""


def measure(count: int, launch: Launch) -> Iterator[Figure]:
    """Measure with `count` Templates of four ConfigMaps each, then with single Runs."""
    with stage(POLL, launch=launch) as running:
        runs = SeenRuns(running.kubectl.cluster.kubeconfig, NAMESPACE, PATIENCE)
        runs.start()
        deployer(running.kubectl, NAMESPACE, resources=["configmaps"])
        names = [f"a{n:04}" for n in range(count)]
        running.git.create_repository(REPOSITORY, _files(names, "v0"))
        yield from _first(running, runs, names)
        yield from _one_changes(running, runs, names)
        yield from _all_change(running, runs, names)
        for nodes, order in SHAPES:
            yield from _single(running, runs, nodes, order)
        runs.stop()


def _files(names: list[str], value: str) -> dict[str, bytes]:
    return {_path(name): app(name, value) for name in names}


def _path(name: str) -> str:
    return f"apps/{name}/template.yaml"


def app(name: str, value: str) -> bytes:
    """Return the file of an app: four ConfigMaps side by side that hold its one argument."""
    steps = "".join(
        f"    - kind: Manifest\n      ref: cm{n}\n      spec: {{manifest: {{apiVersion: v1, "
        f"kind: ConfigMap, metadata: {{name: {name}-{n}}}, "
        f'data: {{value: "${{args.value}}"}}}}}}\n'
        for n in range(OBJECTS)
    )
    return f"""\
# What {name} is made of
apiVersion: v1.2
arguments:
  value: {value}     # changes with each release
options:
  runOnCreation: true
spec:
  kind: Workflow
  spec:
    type: parallel
    steps:
{steps}""".encode()


def _template(running: Stage, name: str) -> Mapping[str, Any]:
    thing = running.template(name, _path(name))
    spec = {**thing["spec"], "runOnUpdate": True, "serviceAccountName": "deployer"}
    return {**thing, "spec": spec}


def _first(running: Stage, runs: SeenRuns, names: list[str]) -> Iterator[Figure]:
    n = len(names)
    templates = [_template(running, name) for name in names]
    with running.usage() as used:
        began = time.monotonic()
        created = running.create(templates)
        ended = runs.wait_ended(n) - began
        _rest(running, n, "v0")
        spent = used()
    yield Figure(
        f"{n:,} Templates: first created → {OBJECTS * n:,} objects, Runs ended", "s", (ended,)
    )
    yield Figure("… of which creating them, by 8 connections", "s", (created,))
    yield from _cost(spent, n)
    yield Figure("… memory of the operator", "MiB", (running.resident_mib(),))
    yield Figure("… memory of the operator at most, so far", "MiB", (running.peak_mib(),))


def _rest(running: Stage, count: int, value: str) -> None:
    """Wait until the Templates are done too, and make sure that the objects are as they should be."""
    running.seen.wait(lambda: running.seen.count(ready=True, value=value) == count)
    running.wait_quiet()
    found = running.kubectl.list_all("ConfigMap", NAMESPACE)
    right = [one for one in found if one.get("data", {}).get("value") == value]
    if len(right) != OBJECTS * count:
        raise RuntimeError(f"{len(right)} objects hold {value}, not {OBJECTS * count}")


def _cost(spent: Usage, count: int) -> Iterator[Figure]:
    yield Figure("… API requests a Template", "requests", (len(spent.api) / count,))
    for (verb, resource), number in sorted(spent.api.counts().items(), key=lambda one: -one[1]):
        if number / count >= SHOWN:
            yield Figure(f"… … {verb} {resource}", "requests", (number / count,))
    yield Figure("… CPU of the operator", "s", (spent.cpu,))
    yield Figure("… … a Template", "ms", (1000 * spent.cpu / count,))
    for part in LIMITING:
        yield Figure(f"… CPU of {part} a Template", "ms", (1000 * spent.parts[part] / count,))


def _one_changes(running: Stage, runs: SeenRuns, names: list[str]) -> Iterator[Figure]:
    name = names[len(names) // 2]
    seconds, requests = [], []
    for n in range(ONES):
        ended = runs.number(lambda phase: phase == "Succeeded")
        running.git.commit(REPOSITORY, {_path(name): app(name, f"one{n}")})
        with running.usage() as used:
            began = time.monotonic()
            running.nudge(name, f"one{n}")
            seconds.append(runs.wait_ended(ended + 1) - began)
            running.wait_quiet()
            requests.append(len(used().api))
    what = f"one of {len(names):,} files changed, nudge → its Run ended"
    yield Figure(what, "s", tuple(seconds))
    yield Figure("… API requests", "requests", tuple(requests))


def _all_change(running: Stage, runs: SeenRuns, names: list[str]) -> Iterator[Figure]:
    n = len(names)
    ended = runs.number(lambda phase: phase == "Succeeded")
    with running.usage() as used:
        running.git.commit(REPOSITORY, _files(names, "all"))
        first = running.seen.wait_first("all")
        seconds = runs.wait_ended(ended + n) - first
        _rest(running, n, "all")
        spent = used()
    what = f"all {n:,} files changed: first Template changed → objects, Runs ended"
    yield Figure(what, "s", (seconds,))
    yield from _cost(spent, n)


def _single(running: Stage, runs: SeenRuns, nodes: int, order: str) -> Iterator[Figure]:
    name = f"{order[:3]}{nodes}"
    steps = [config_map(f"{name}-{n}", value="${args.value}") for n in range(nodes)]
    document = steps_document(*steps, type=order, arguments={"value": "single"})
    built = template(name).within(NAMESPACE).holding(document)
    running.kubectl.create(built.spec(serviceAccountName="deployer").build())
    running.seen.wait_ready(name)
    running.wait_quiet()
    with running.usage() as used:
        began = time.monotonic()
        running.kubectl.create(_run_of(name))
        seconds = runs.wait_end(f"{name}-run") - began
        running.wait_quiet()
        spent = used()
    beyond = len(_beyond(spent.api)) / nodes
    yield Figure(f"a Run of {nodes} {order} nodes: created → ended", "s", (seconds,))
    yield Figure("… API writes a node beyond its effect", "requests", (beyond,))
    yield Figure("… CPU of the operator", "s", (spent.cpu,))
    yield Figure("… size of the ended Run", "KiB", (_kib(running, f"{name}-run"),))


def _run_of(name: str) -> dict[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "Run",
        "metadata": {"name": f"{name}-run", "namespace": NAMESPACE},
        "spec": {"source": {"kind": "Template", "name": name}},
    }


def _beyond(requests: Requests) -> list[object]:
    """Return the writes that are not of the tenant's objects."""
    return [request for request in requests.writes() if request.resource != "configmaps"]


def _kib(running: Stage, name: str) -> float:
    """Return how large a Run is as JSON, which is how etcd has it."""
    stored = running.kubectl.api.call("GET", KINDS["Run"].path(NAMESPACE, name))
    return len(json.dumps(stored, separators=(",", ":"), ensure_ascii=False).encode()) / 2**10
