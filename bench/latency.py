"""How long one change takes to get to the other side, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure
from bench.stage import NAMESPACE, REPOSITORY, Stage, document, is_ready, seconds_until, stage

RUNS = 20
PATH = "apps/one/template.yaml"


def measure() -> Iterator[Figure]:
    """Measure both directions with one Template."""
    with stage("1h") as running:
        running.git.create_repository(REPOSITORY, {PATH: document("v0")})
        running.link("one", PATH, "1h")
        seconds_until(lambda: running.ready() == 1)
        yield from _nudge(running)
        yield from _edit(running)
    with stage("1s") as running:
        running.git.create_repository(REPOSITORY, {PATH: document("v0")})
        running.link("one", PATH, "1s")
        seconds_until(lambda: running.ready() == 1)
        yield from _poll(running)


def _nudge(running: Stage) -> Iterator[Figure]:
    seconds, requests = [], []
    for n in range(RUNS):
        running.git.commit(REPOSITORY, {PATH: document(f"n{n}")})
        mark = running.audit.mark()
        running.kubectl.annotate("Template", "one", NAMESPACE, requested_at=f"n{n}")
        seconds.append(seconds_until(lambda n=n: running.value("one") == f"n{n}"))
        _settle(running)
        requests.append(len(running.requests(mark)))
    yield Figure("nudge (requested-at) → document in the object", "s", tuple(seconds))
    yield Figure("… API requests of the operator", "requests", tuple(requests))


def _poll(running: Stage) -> Iterator[Figure]:
    seconds = []
    for n in range(RUNS):
        running.git.commit(REPOSITORY, {PATH: document(f"p{n}")})
        seconds.append(seconds_until(lambda n=n: running.value("one") == f"p{n}"))
    yield Figure("push → document in the object, polled each 1s", "s", tuple(seconds))


def _edit(running: Stage) -> Iterator[Figure]:
    commit, in_step, requests, git = [], [], [], []
    for n in range(RUNS):
        _settle(running)
        head = running.git.head(REPOSITORY)
        mark = running.audit.mark()
        running.git.reset_counts()
        began = time.monotonic()
        patch = {"spec": {"document": {"arguments": {"value": f"e{n}"}}}}
        running.kubectl.patch("Template", "one", NAMESPACE, patch)
        seconds_until(lambda head=head: running.git.head(REPOSITORY) != head)
        commit.append(time.monotonic() - began)
        seconds_until(lambda: is_ready(running.kubectl.get("Template", "one", NAMESPACE)))
        in_step.append(time.monotonic() - began)
        requests.append(len(running.requests(mark)))
        git.append(running.git.counts.total())
    yield Figure("edit → commit in Git", "s", tuple(commit))
    yield Figure("edit → in step again", "s", tuple(in_step))
    yield Figure("… API requests of the operator", "requests", tuple(requests))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(git))


def _settle(running: Stage) -> None:
    seconds_until(lambda: is_ready(running.kubectl.get("Template", "one", NAMESPACE)))
