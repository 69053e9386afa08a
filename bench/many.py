"""Many Templates on one repository: the first sync, one commit to one or all, and doing nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure
from bench.stage import NAMESPACE, REPOSITORY, Stage, document, seconds_until, stage

IDLE_SECONDS = 60.0
EDITS = 100


def measure(count: int) -> Iterator[Figure]:
    """Measure with `count` Templates."""
    with stage("5s") as running:
        paths = {f"t{n:05}": f"apps/t{n:05}/template.yaml" for n in range(count)}
        running.git.create_repository(REPOSITORY, dict.fromkeys(paths.values(), document("v0")))
        yield from _first_sync(running, paths)
        yield from _one_changes(running, paths)
        yield from _all_change(running, paths)
        yield from _edits(running, paths)
        yield from _idle(running, count)


def _first_sync(running: Stage, paths: dict[str, str]) -> Iterator[Figure]:
    mark, cpu = running.audit.mark(), running.cpu_seconds()
    running.git.reset_counts()
    began = time.monotonic()
    for name, path in paths.items():
        running.link(name, path, "5s")
    created = time.monotonic() - began
    seconds_until(lambda: running.ready() == len(paths), 0.2)
    n = len(paths)
    yield Figure(f"{n} Templates: creating them alone", "s", (created,))
    yield Figure(f"{n} Templates: first created → all Ready", "s", (time.monotonic() - began,))
    yield Figure("… API requests a Template", "requests", (len(running.requests(mark)) / n,))
    yield Figure("… HTTP requests to the Git server", "requests", (running.git.counts.total(),))
    yield Figure("… CPU of the operator", "s", (running.cpu_seconds() - cpu,))
    yield Figure("… memory of the operator", "MiB", (running.resident_mib(),))


def _one_changes(running: Stage, paths: dict[str, str]) -> Iterator[Figure]:
    name, path = list(paths.items())[len(paths) // 2]
    seconds, requests = [], []
    for n in range(5):
        mark = running.audit.mark()
        running.git.commit(REPOSITORY, {path: document(f"one{n}")})
        seconds.append(seconds_until(lambda n=n: running.value(name) == f"one{n}"))
        seconds_until(lambda: running.ready() == len(paths), 0.2)
        requests.append(len(running.requests(mark)))
    yield Figure(
        f"one of {len(paths)} files changed → its object (polled each 5s)", "s", tuple(seconds)
    )
    yield Figure("… API requests of the operator", "requests", tuple(requests))


def _all_change(running: Stage, paths: dict[str, str]) -> Iterator[Figure]:
    mark, cpu = running.audit.mark(), running.cpu_seconds()
    began = time.monotonic()
    running.git.commit(REPOSITORY, dict.fromkeys(paths.values(), document("all")))
    last = list(paths)[-1]
    seconds_until(lambda: running.value(last) == "all", 0.2)
    seconds_until(lambda: running.ready() == len(paths), 0.2)
    n = len(paths)
    yield Figure(
        f"all {n} files changed → all Ready (polled each 5s)", "s", (time.monotonic() - began,)
    )
    yield Figure("… API requests a Template", "requests", (len(running.requests(mark)) / n,))
    yield Figure("… CPU of the operator", "s", (running.cpu_seconds() - cpu,))


def _edits(running: Stage, paths: dict[str, str]) -> Iterator[Figure]:
    names = list(paths)[:EDITS]
    before = len(running.git.log(REPOSITORY))
    mark = running.audit.mark()
    running.git.reset_counts()
    began = time.monotonic()
    for name in names:
        patch = {"spec": {"document": {"arguments": {"replicas": "7"}}}}
        running.kubectl.patch("Template", name, NAMESPACE, patch)
    edited = time.monotonic() - began
    seconds_until(lambda: len(running.git.log(REPOSITORY)) == before + len(names), 0.05)
    seconds_until(lambda: running.ready() == len(paths), 0.2)
    n = len(names)
    yield Figure(f"{n} objects of one branch edited: making the edits alone", "s", (edited,))
    yield Figure(f"… first edit → {n} commits, all Ready", "s", (time.monotonic() - began,))
    yield Figure("… API requests an edit", "requests", (len(running.requests(mark)) / n,))
    yield Figure("… HTTP requests to Git an edit", "requests", (running.git.counts.total() / n,))


def _idle(running: Stage, count: int) -> Iterator[Figure]:
    mark, cpu = running.audit.mark(), running.cpu_seconds()
    running.git.reset_counts()
    time.sleep(IDLE_SECONDS)
    requests = running.requests(mark)
    label = f"a minute of nothing, {count} Templates, polled each 5s"
    yield Figure(f"{label}: API writes but the Lease", "requests", (len(requests.writes()),))
    yield Figure("… API requests but the Lease", "requests", (len(requests),))
    yield Figure("… HTTP requests to the Git server", "requests", (running.git.counts.total(),))
    yield Figure("… CPU of the operator", "s", (running.cpu_seconds() - cpu,))
    yield Figure("… memory of the operator", "MiB", (running.resident_mib(),))
