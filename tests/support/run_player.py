"""Plays a Run's plan against nodes that end as they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ebbflow.domain.runs.node_settings import (
    Invalid,
    Iterations,
    LeftOut,
    Settings,
    read_iterations,
    read_settings,
)
from ebbflow.domain.runs.plan import Over, Plan, RunView, plan
from ebbflow.domain.runs.states import NodeState, failed, succeeded, waiting
from ebbflow.domain.runs.tree import Loop, Node, Place, Workflow, build_tree

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


class Words:
    """A judge that takes every word of a document as it stands; `when: "false"` is false."""

    def skips(self, node: Node, place: Place) -> LeftOut | Invalid | None:
        when = node.envelope.when
        if when == "?":
            return Invalid("when: unknown name")
        return LeftOut("when is false") if when == "false" else None

    def settings(self, node: Node, place: Place) -> Settings | Invalid:
        return read_settings(node.envelope, lambda value: value)

    def iterations(self, loop: Loop, place: Place) -> Iterations | Invalid:
        return read_iterations(loop, loop.iterations, lambda value: value)


def tree(*steps: Any, parallel: bool = False, version: str = "ebbflow.dev/v1") -> Workflow:
    return build_tree({"apiVersion": version, "spec": group(*steps, parallel=parallel)})


def group(*steps: Any, parallel: bool = False, **fields: Any) -> dict[str, Any]:
    kind = "parallel" if parallel else "sequential"
    return {"kind": "Workflow", "spec": {"type": kind, "steps": list(steps)}, **fields}


def loop(items: int, *steps: Any, parallelism: int = 1, **fields: Any) -> dict[str, Any]:
    spec = {"iterations": list(range(items)), "parallelism": parallelism, "steps": list(steps)}
    return {"kind": "LoopWorkflow", "spec": spec, **fields}


def node(kind: str = "Delay", **fields: Any) -> dict[str, Any]:
    return {"kind": kind, "spec": {}, **fields}


class Player:
    """One Run. `ends` tells how nodes end by path: ok (the default), fail, wait, or stay."""

    def __init__(self, nodes: Workflow, ends: Mapping[str, str] | None = None, **run: Any) -> None:
        self.root = nodes
        self.ends = dict(ends or {})
        self.run = RunView(NOW, **run)
        self.now = NOW
        self.states: dict[str, NodeState] = {}
        self.running: dict[str, Settings] = {}
        self.started: list[str] = []
        self.most = 0

    def plan(self) -> Plan:
        """Plan, and do as the plan says, without any node ending."""
        made = plan(self.root, self.states, self.run, self.now, Words())
        self.states = made.applied(self.states)
        for start in made.start:
            assert start.place.path not in self.running
            self.running[start.place.path] = start.settings
            self.started.append(start.place.path)
        for stop in made.stop:
            self.running.pop(stop.path, None)
            self.states[stop.path] = stop.then
        self.most = max(self.most, len(self.running))
        return made

    def end_one(self) -> bool:
        """End the node that began first, of those that end."""
        for path, settings in list(self.running.items()):
            end = self.ends.get(path, "ok")
            if end == "stay" or (end == "wait" and self.states[path].phase == "Waiting"):
                continue
            state = self.states[path]
            if end == "wait":
                self.states[path] = waiting(state, "1 of 2 approved")
                return True
            del self.running[path]
            fails = end == "fail" or (end.isdigit() and state.attempt <= int(end))
            self.states[path] = (
                failed(state, settings, self.now, "it broke")
                if fails
                else succeeded(state, self.now, {"of": path})
            )
            return True
        return False

    def play(self) -> Plan:
        """Go on until the Run is over or nothing ends any more; time goes by only where it must."""
        made = self.plan()
        for _ in range(100_000):
            if isinstance(made.verdict, Over):
                return made
            if not self.end_one() and not made.stop:
                if made.wake is None or self.running:
                    return made
                self.now = made.wake
            made = self.plan()
        raise AssertionError("the Run never ends")

    def wait(self, seconds: float) -> Plan:
        self.now += timedelta(seconds=seconds)
        return self.plan()

    def cancel(self, by: str | None = None) -> None:
        self.run = replace(self.run, cancel=True, replaced_by=by)

    def phases(self) -> dict[str, str]:
        return {path: state.phase for path, state in sorted(self.states.items())}


def ended(player: Player) -> Over:
    """Play to the end, and return it."""
    verdict = player.play().verdict
    assert isinstance(verdict, Over)
    assert player.running == {}
    return verdict
