"""Many Templates on one repository: the first sync, one commit to one or to all, doing nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figures import Figure
from bench.operator_process import Launch
from bench.stage import REPOSITORY, Stage, Usage, document, stage

POLL = "1m"
MINUTE = 60.0


def measure(count: int, runs: int, minutes: int, launch: Launch) -> Iterator[Figure]:
    """Measure with `count` Templates; a change of all of them `runs` times, idling for `minutes`."""
    with stage(POLL, launch=launch) as running:
        paths = {f"t{n:05}": f"apps/t{n:05}/template.yaml" for n in range(count)}
        running.git.create_repository(REPOSITORY, dict.fromkeys(paths.values(), document("v0")))
        yield from _first_sync(running, paths)
        yield from _one_changes(running, paths)
        yield from _all_change(running, paths, runs)
        yield from idle(running, f"{count:,} Templates", minutes)


def _first_sync(running: Stage, paths: dict[str, str]) -> Iterator[Figure]:
    n = len(paths)
    templates = [running.template(name, path) for name, path in paths.items()]
    with running.usage() as used:
        began = time.monotonic()
        created = running.create(templates)
        ready = running.seen.wait_all(n) - began
        spent = used()
    yield Figure(f"{n:,} Templates: first created → all Ready", "s", (ready,))
    yield Figure("… of which creating them, by 8 connections", "s", (created,))
    yield Figure("… last created → all Ready", "s", (ready - created,))
    yield Figure("… API requests a Template", "requests", (len(spent.api) / n,))
    yield Figure("… HTTP requests to the Git server", "requests", (spent.git,))
    yield Figure("… CPU of the operator", "s", (spent.cpu,))
    yield from _memory(running)


def _memory(running: Stage) -> Iterator[Figure]:
    yield Figure("… memory of the operator", "MiB", (running.resident_mib(),))
    yield Figure("… memory of the operator at most, so far", "MiB", (running.peak_mib(),))


def _one_changes(running: Stage, paths: dict[str, str]) -> Iterator[Figure]:
    name, path = list(paths.items())[len(paths) // 2]
    seconds, spent = [], list[Usage]()
    for n in range(20):
        running.git.commit(REPOSITORY, {path: document(f"one{n}")})
        with running.usage() as used:
            began = time.monotonic()
            running.nudge(name, f"one{n}")
            reached = running.seen.wait_value(name, f"one{n}")
            seconds.append(reached - began)
            running.seen.wait_all(len(paths))
            spent.append(used())
    yield Figure(f"one of {len(paths):,} files changed, nudge → its object", "s", tuple(seconds))
    yield Figure("… API requests", "requests", tuple(len(each.api) for each in spent))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(s.git for s in spent))


def _all_change(running: Stage, paths: dict[str, str], runs: int) -> Iterator[Figure]:
    n = len(paths)
    noticed, seconds, spent = [], [], list[Usage]()
    for run in range(runs):
        value = f"all{run}"
        with running.usage() as used:
            began = time.monotonic()
            running.git.commit(REPOSITORY, dict.fromkeys(paths.values(), document(value)))
            first = running.seen.wait_first(value)
            done = running.seen.wait_all(n, value)
            noticed.append(first - began)
            seconds.append(done - first)
            spent.append(used())
    yield Figure(f"all {n:,} files changed: first object changed → all Ready", "s", tuple(seconds))
    yield Figure(f"… commit → first object changed (polled each {POLL})", "s", tuple(noticed))
    yield Figure("… API requests a Template", "requests", tuple(len(s.api) / n for s in spent))
    yield Figure("… CPU of the operator", "s", tuple(s.cpu for s in spent))


def idle(running: Stage, what: str, minutes: int) -> Iterator[Figure]:
    """Measure minutes in which nothing happens."""
    spent = list[Usage]()
    for _ in range(minutes):
        with running.usage() as used:
            time.sleep(MINUTE)
            spent.append(used())
    asked = f"a minute of nothing, {what}, polled each {POLL}"
    writes = tuple(len(each.api.writes()) for each in spent)
    yield Figure(f"{asked}: API writes but the Lease", "requests", writes)
    yield Figure("… API requests but the Lease", "requests", tuple(len(s.api) for s in spent))
    yield Figure("… HTTP requests to the Git server", "requests", tuple(s.git for s in spent))
    yield Figure("… CPU of the operator", "s", tuple(each.cpu for each in spent))
    yield from _memory(running)
