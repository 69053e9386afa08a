"""What a document must look like: its keys, its nodes, the names of their kinds.

The `spec` of a node that is no workflow is free here; each kind checks its own when it runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ebbflow.domain.document.invalid import shortened, shown
from ebbflow.domain.document.kinds import KINDS, WORKFLOWS
from ebbflow.domain.document.path import Step
from ebbflow.domain.document.syntax import Json

API_VERSIONS = ("v1.2", "ebbflow.dev/v1")

MAX_REF = 253
"""Characters of a node's ref, as the status of a Run can hold it."""

_Steps = tuple[Step, ...]


class Misfit(ValueError):
    """A structural fault at `steps`; `at_key`: the key is wrong, not what it holds."""

    def __init__(self, message: str, steps: _Steps, *, at_key: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.steps = steps
        self.at_key = at_key


@dataclass(slots=True)
class _Check:
    """The refs seen so far, since they are unique within a document."""

    refs: dict[str, _Steps] = field(default_factory=dict)


_Rule = Callable[[Json, _Steps, _Check], None]


def check_structure(document: Json) -> None:
    """Check a whole document. Raises Misfit at the first fault."""
    if not isinstance(document, dict):
        raise Misfit("a document is an object with the key apiVersion", ())
    if "argumentOverrides" in document:
        raise Misfit(
            "overrides do not belong in a document; put them into spec.argumentOverrides of the "
            "custom resource",
            ("argumentOverrides",),
            at_key=True,
        )
    _fields(document, (), _Check(), _DOCUMENT, required=("apiVersion",))


def _fields(
    value: Json,
    steps: _Steps,
    check: _Check,
    rules: Mapping[str, _Rule],
    required: Iterable[str] = (),
) -> None:
    """Check an object with known keys."""
    _object(value, steps, check)
    for key in value:
        if key not in rules:
            raise Misfit(f"unknown key {shown(key)}{_hint(key, rules)}", (*steps, key), at_key=True)
    for key in required:
        if key not in value:
            raise Misfit(f"the key {key} is missing", steps)
    for key, item in value.items():
        rules[key](item, (*steps, key), check)


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(shortened(word), known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _free(_value: Json, _steps: _Steps, _check: _Check) -> None:
    """Anything."""


def _object(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, dict):
        raise Misfit(f"must be an object, not {shown(value)}", steps)


def _array(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, list):
        raise Misfit(f"must be an array, not {shown(value)}", steps)


def _string(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, str):
        raise Misfit(f"must be a string, not {shown(value)}", steps)


def _boolean(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, bool):
        raise Misfit(f"must be true or false, not {shown(value)}", steps)


def _number_or_reference(value: Json, steps: _Steps, _check: _Check) -> None:
    """A number, or a string that spells one or refers to one."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Misfit(f"must be a number, not {shown(value)}", steps)


def _boolean_or_string(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, bool | str):
        raise Misfit(f"must be true, false or an expression, not {shown(value)}", steps)


def _collection(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, dict | list):
        raise Misfit(f"must be an object or an array, not {shown(value)}", steps)


def _strings(value: Json, steps: _Steps, check: _Check) -> None:
    _array(value, steps, check)
    for index, item in enumerate(value):
        _string(item, (*steps, index), check)


def _iterations(value: Json, steps: _Steps, _check: _Check) -> None:
    if not isinstance(value, list | str):
        raise Misfit(f"must be an array or an expression, not {shown(value)}", steps)


def _one_of(*allowed: str, any_case: bool = False) -> _Rule:
    def check(value: Json, steps: _Steps, _check: _Check) -> None:
        given = value.lower() if any_case and isinstance(value, str) else value
        if given not in allowed:
            raise Misfit(f"must be {' or '.join(allowed)}, not {shown(value)}", steps)

    return check


def _object_with(rules: Mapping[str, _Rule], required: Iterable[str] = ()) -> _Rule:
    def check(value: Json, steps: _Steps, seen: _Check) -> None:
        _fields(value, steps, seen, rules, required)

    return check


def _ref(value: Json, steps: _Steps, check: _Check) -> None:
    _string(value, steps, check)
    if not value:
        raise Misfit("must not be empty", steps)
    if len(value) > MAX_REF:
        raise Misfit(f"has {len(value)} characters; a ref may have {MAX_REF}", steps)
    if value in check.refs:
        raise Misfit(f"the ref {shown(value)} is there twice", steps)
    check.refs[value] = steps


def _kind(value: Json, steps: _Steps, check: _Check) -> None:
    _string(value, steps, check)
    if value not in KINDS:
        raise Misfit(f"unknown kind {shown(value)}{_hint(value, KINDS)}", steps)


def _node(value: Json, steps: _Steps, check: _Check) -> None:
    """Check a node and, if it is a workflow, the nodes below it."""
    _fields(value, steps, check, _NODE, required=("kind",))
    if value["kind"] in WORKFLOWS:
        _workflow(value, steps, check)


def _workflow(value: Json, steps: _Steps, check: _Check) -> None:
    loop = value["kind"] == "LoopWorkflow"
    if "spec" not in value:
        raise Misfit("the key spec is missing", steps)
    _fields(
        value["spec"],
        (*steps, "spec"),
        check,
        _LOOP_SPEC if loop else _WORKFLOW_SPEC,
        required=("iterations", "steps") if loop else ("steps",),
    )


def _workflow_node(value: Json, steps: _Steps, check: _Check) -> None:
    """Check the outermost node, which is always a Workflow."""
    _object(value, steps, check)
    if value.get("kind", "Workflow") != "Workflow":
        raise Misfit(
            f"must be a node of kind Workflow, not {shown(value['kind'])}", (*steps, "kind")
        )
    _node(value, steps, check)


def _nodes(value: Json, steps: _Steps, check: _Check) -> None:
    _array(value, steps, check)
    for index, item in enumerate(value):
        _node(item, (*steps, index), check)


_NODE: Mapping[str, _Rule] = {
    "kind": _kind,
    "ref": _ref,
    "condition": _one_of("success", "running", "none"),
    "when": _string,
    "onFailure": _one_of("fail", "continue"),
    "timeoutDuration": _number_or_reference,
    "timeout": _string,
    "settings": _object_with(
        {
            "maxAttempts": _number_or_reference,
            "backoff": _object_with({"type": _string, "delay": _number_or_reference}),
        }
    ),
    "skipNodeExecution": _boolean_or_string,
    "runNodeOnce": _boolean_or_string,
    "spec": _object,
}

_WORKFLOW_SPEC: Mapping[str, _Rule] = {
    "type": _one_of("sequential", "parallel"),
    "context": _object,
    "steps": _nodes,
}

_LOOP_SPEC: Mapping[str, _Rule] = {
    **_WORKFLOW_SPEC,
    "iterations": _iterations,
    "parallelism": _number_or_reference,
}


_DOCUMENT: Mapping[str, _Rule] = {
    "$schema": _string,
    "apiVersion": _one_of(*API_VERSIONS),
    "name": _string,
    "description": _string,
    "arguments": _object,
    "sensitiveArguments": _strings,
    "options": _object_with(
        {
            "autorun": _boolean,
            "concurrencyPolicy": _one_of(
                "allow", "queue", "forbid", "latest", "replace", any_case=True
            ),
            "runOnCreation": _boolean,
            "runOnCreationArgumentOverrides": _object,
            "paused": _boolean,
            "runOnUpdate": _boolean,  # an old name of autorun that stands in a Northflank guide
        }
    ),
    "gitops": _free,
    "spec": _workflow_node,
    "triggers": _collection,
    "richInputs": _collection,
    "teardownSpec": _object_with(
        {"spec": _workflow_node, "failurePolicy": _one_of("ignore", "block")}, required=("spec",)
    ),
}
