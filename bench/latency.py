"""How long one change takes to get to the other side, and what it costs."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator

from bench.figures import Figure
from bench.operator_process import Launch
from bench.stage import NAMESPACE, REPOSITORY, USER, WINDOW, Stage, document, stage

RUNS = 20
PATH = "apps/one/template.yaml"
ONE = "one"


def measure(launch: Launch) -> Iterator[Figure]:
    """Measure both directions with one Template."""
    with stage("1h", launch=launch) as running:
        _begin(running)
        yield from _nudge(running)
        yield from _git_alone(running)
        yield from _edit(running)
    with stage("1s", launch=launch) as running:
        _begin(running)
        yield from _poll(running)


def _begin(running: Stage) -> None:
    running.git.create_repository(REPOSITORY, {PATH: document("v0")})
    running.create([running.template(ONE, PATH)])
    _settle(running)


def _settle(running: Stage) -> None:
    running.seen.wait_ready(ONE)


def _nudge(running: Stage) -> Iterator[Figure]:
    seconds, requests, git = [], [], []
    for n in range(RUNS):
        running.git.commit(REPOSITORY, {PATH: document(f"n{n}")})
        with running.usage() as used:
            began = time.monotonic()
            running.nudge(ONE, f"n{n}")
            reached = running.seen.wait_value(ONE, f"n{n}")
            seconds.append(reached - began)
            _settle(running)
            requests.append(len(used().api))
            git.append(used().git)
    yield Figure("nudge (`requested-at`) → document in the object", "s", tuple(seconds))
    yield Figure("… API requests of the operator", "requests", tuple(requests))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(git))


def _git_alone(running: Stage) -> Iterator[Figure]:
    """Fetch such commits by the real git, for what the same work takes without any operator."""
    address = running.git.url_of(REPOSITORY).replace("//", f"//{USER}:{running.password}@", 1)
    seconds = []
    with tempfile.TemporaryDirectory(prefix="ebbflow-bench-") as clone:
        subprocess.run(["git", "init", "--quiet", "--bare", clone], check=True)
        for n in range(RUNS):
            running.git.commit(REPOSITORY, {PATH: document(f"g{n}")})
            began = time.monotonic()
            fetch = ["git", "-C", clone, "fetch", "--quiet", "--depth=1", address, "main"]
            subprocess.run(fetch, check=True)
            seconds.append(time.monotonic() - began)
    running.nudge(ONE, "git")
    running.seen.wait_value(ONE, f"g{RUNS - 1}")
    yield Figure("for comparison: `git fetch` of such a commit", "s", tuple(seconds))


def _edit(running: Stage) -> Iterator[Figure]:
    commit, in_step, requests, git = [], [], [], []
    for n in range(RUNS):
        _settle(running)
        head = running.git.head(REPOSITORY)
        with running.usage() as used:
            began = time.monotonic()
            patch = {"spec": {"document": {"arguments": {"value": f"e{n}"}}}}
            running.kubectl.patch("Template", ONE, NAMESPACE, patch)
            commit.append(running.wait_for_another_head(head) - began - WINDOW)
            in_step.append(running.seen.wait_ready(ONE, f"e{n}") - began - WINDOW)
            requests.append(len(used().api))
            git.append(used().git)
    less = f", less the window of {WINDOW:g} s"
    yield Figure(f"edit → commit in Git{less}", "s", tuple(commit))
    yield Figure(f"edit → in step again{less}", "s", tuple(in_step))
    yield Figure("… API requests of the operator", "requests", tuple(requests))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(git))


def _poll(running: Stage) -> Iterator[Figure]:
    seconds = []
    for n in range(RUNS):
        began = time.monotonic()
        running.git.commit(REPOSITORY, {PATH: document(f"p{n}")})
        seconds.append(running.seen.wait_value(ONE, f"p{n}") - began)
    yield Figure("push → document in the object, polled each 1 s", "s", tuple(seconds))
