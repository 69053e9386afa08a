"""Answers what only expressions can tell about nodes: whether they run, how long, how often."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Final

from typing_extensions import override

from ebbflow.domain.cel import CelCompiler, CelError
from ebbflow.domain.document.path import steps_of
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import (
    Budget,
    ExpressionError,
    SecretNotFound,
    references,
    render,
)
from ebbflow.domain.objects import tainted_texts
from ebbflow.domain.runs.around import around
from ebbflow.domain.runs.node_settings import (
    Invalid,
    Iterations,
    Settings,
    read_iterations,
    read_settings,
)
from ebbflow.domain.runs.plan import Judge
from ebbflow.domain.runs.states import States
from ebbflow.domain.runs.tree import Loop, Node, Place
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.kind import Context
from ebbflow.services.run_memory import RunMemory

CEL_VARIABLES: Final = ("args", "refs", "loop")


class RunJudge(Judge):
    """Judges by what is known at one moment.

    `wanted` collects Secrets that an answer needed and that were not read yet: read them, and ask
    again.
    """

    def __init__(self, memory: RunMemory, states: States, now: datetime, cel: CelCompiler) -> None:
        self._memory = memory
        self._states = states
        self._now = now
        self._cel = cel
        self.wanted: set[str] = set()

    @override
    def skips(self, node: Node, place: Place) -> bool | Invalid:
        envelope = node.envelope
        try:
            skip = self._resolve(envelope.skip, place)
            if isinstance(skip, Tainted):
                return Invalid("skipNodeExecution must not depend on a secret")
            if skip not in (None, False, "", "false", 0):
                return True
            if envelope.when is None:
                return False
            condition = self._cel.compile(envelope.when, CEL_VARIABLES)
            return not condition.holds(self._variables(place))
        except CelError as error:
            return Invalid(f"when: {error}")
        except ExpressionError as error:
            return Invalid(f"skipNodeExecution: {error}")

    @override
    def settings(self, node: Node, place: Place) -> Settings | Invalid:
        return read_settings(node.envelope, lambda value: self._resolve(value, place))

    @override
    def iterations(self, loop: Loop, place: Place) -> Iterations | Invalid:
        try:
            items = self._memory.items.get(place.path)
            if items is None:
                found = self._resolve(loop.iterations, place)
                if not isinstance(found, list):
                    return read_iterations(loop, found, lambda value: value)
                items = self._memory.items[place.path] = found
        except ExpressionError as error:
            return Invalid(f"iterations: {error}")
        return read_iterations(loop, items, lambda value: self._resolve(value, place))

    def context(self, path: str, namespace: str) -> Context:
        """Return the defaults for the node at a path: inner workflows' win over outer ones'.

        Raises ExpressionError.
        """
        context = Context(namespace)
        for workflow, place in around(self._memory.tree, path):
            known = self._memory.contexts.get(place.path)
            if known is None:
                steps = (*steps_of(workflow.envelope.where), "spec", "context")
                if references(workflow.context, steps).secrets:
                    raise ExpressionError("context: a secret cannot be a default for other nodes")
                given = self._resolve(workflow.context, place)
                if tainted_texts(given):
                    raise ExpressionError("context: a secret cannot be a default for other nodes")
                known = self._memory.contexts[place.path] = _merged(context, given)
            context = known
        return context

    def _resolve(self, value: Json, place: Place) -> Json:
        if value is None or isinstance(value, bool | int | float):
            return value
        try:
            return render(value, self._memory.scope(place, self._states, self._now), Budget())
        except SecretNotFound as error:
            if error.name not in self._memory.secrets:
                self.wanted.add(error.name)
            raise

    def _variables(self, place: Place) -> dict[str, Json]:
        scope = self._memory.scope(place, self._states, self._now)
        loop = scope.loop
        return {
            "args": dict(scope.args),
            "refs": _readable(scope.refs),
            "loop": {"item": loop.item, "index": loop.index} if loop else {},
        }


def _readable(refs: Mapping[str, Json]) -> dict[str, Json]:
    """Return the refs that have outputs by now; CEL's `has()` tells the others."""
    found: dict[str, Json] = {}
    for ref in refs:
        with suppress(KeyError):
            found[ref] = refs[ref]
    return found


def _merged(outer: Context, given: Json) -> Context:
    if not isinstance(given, dict):
        return outer
    namespace = given.get("namespace", given.get("projectId"))
    return replace(
        outer,
        namespace=namespace if isinstance(namespace, str) and namespace else outer.namespace,
        labels={**outer.labels, **_texts(given.get("labels"))},
        annotations={**outer.annotations, **_texts(given.get("annotations"))},
        account=str(given["serviceAccountName"])
        if given.get("serviceAccountName")
        else outer.account,
    )


def _texts(value: Json) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}
