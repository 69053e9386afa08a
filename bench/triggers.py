"""Many GitTriggers on many repositories: what a poll costs, and a push to one of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.figures import Figure
from bench.many import idle
from bench.operator_process import Launch
from bench.stage import ACCOUNT, CONNECTIONS, NAMESPACE, Stage, Usage, seconds_until, stage
from ebbflow.api.base import API_VERSION
from tests.support.kubectl import FIELD_MANAGER, KINDS

POLL = "1m"
TARGET = "shop"
PUSHES = 20
LOOKED = 5.0
"""Seconds between two looks at how many triggers are ready."""


def measure(count: int, repositories: int, minutes: int, launch: Launch) -> Iterator[Figure]:
    """Measure with `count` triggers, spread over repositories; idle for `minutes`."""
    with stage(POLL, launch=launch) as running:
        names = [f"r{n:04}" for n in range(repositories)]
        for name in names:
            running.git.create_repository(name, {"README.md": name.encode()})
        running.kubectl.create(_target())
        yield from _first_look(running, names, count)
        yield from idle(running, f"{count:,} triggers on {repositories} repositories", minutes)
        yield from _pushes(running, names, count)


def _target() -> Mapping[str, Any]:
    workflow = {"kind": "Workflow", "spec": {"type": "sequential", "steps": []}}
    return {
        "apiVersion": API_VERSION,
        "kind": "Template",
        "metadata": {"name": TARGET, "namespace": NAMESPACE},
        "spec": {"document": {"apiVersion": "ebbflow.dev/v1", "spec": workflow}},
    }


def _trigger(number: int, url: str) -> Mapping[str, Any]:
    return {
        "apiVersion": API_VERSION,
        "kind": "GitTrigger",
        "metadata": {"name": f"t{number:05}", "namespace": NAMESPACE},
        "spec": {
            "type": "Push",
            "git": {"accountRef": {"name": ACCOUNT}, "repository": url},
            "branches": ["main", "release/*"],
            "targets": [{"kind": "Template", "name": TARGET}],
        },
    }


def _first_look(running: Stage, names: list[str], count: int) -> Iterator[Figure]:
    wanted = [_trigger(n, running.git.url_of(names[n % len(names)])) for n in range(count)]
    path, query = KINDS["GitTrigger"].path(NAMESPACE), {"fieldManager": FIELD_MANAGER}

    def create(thing: Mapping[str, Any]) -> None:
        status, _ = running.kubectl.api.raw("POST", path, dict(thing), query=query)
        if status != 201:
            raise RuntimeError(f"the API server answered {status} to a new GitTrigger")

    with running.usage() as used:
        began = time.monotonic()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(create, wanted))
        seconds_until(lambda: _ready(running) == count, LOOKED)
        took, spent = time.monotonic() - began, used()
    yield Figure(f"{count:,} triggers: first created → all Ready", "s", (took,))
    yield Figure("… API requests a trigger", "requests", (len(spent.api) / count,))
    yield Figure("… HTTP requests to the Git server", "requests", (spent.git,))
    yield Figure("… CPU of the operator", "s", (spent.cpu,))


def _ready(running: Stage) -> int:
    found = running.kubectl.list_all("GitTrigger", NAMESPACE)
    return sum(one.get("status", {}).get("heads") is not None for one in found)


def _pushes(running: Stage, names: list[str], count: int) -> Iterator[Figure]:
    """Push to one repository after another, and have one of its triggers look at once."""
    seconds, spent = [], list[Usage]()
    each = count // len(names)
    for number in range(PUSHES):
        name = names[number % len(names)]
        commit = running.git.commit(name, {"app": str(number).encode()}, "Change")
        with running.usage() as used:
            began = time.monotonic()
            running.kubectl.annotate(
                "GitTrigger", f"t{number % len(names):05}", NAMESPACE, requested_at=commit
            )
            seconds_until(lambda commit=commit: _started(running, commit) == each, 0.05)  # type: ignore[misc] # bound now
            seconds.append(time.monotonic() - began)
            spent.append(used())
    yield Figure(f"a push that {each} triggers follow: nudge → all Runs made", "s", tuple(seconds))
    yield Figure("… API requests a Run", "requests", tuple(len(s.api) / each for s in spent))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(s.git for s in spent))
    yield Figure("… CPU of the operator", "s", tuple(s.cpu for s in spent))


def _started(running: Stage, commit: str) -> int:
    runs = running.kubectl.list_all("Run", NAMESPACE)
    return sum(
        commit in one["metadata"]["annotations"].get("ebbflow.dev/trigger", "") for one in runs
    )
