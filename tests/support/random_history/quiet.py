"""What must be true when everything has come to rest, and of the whole history at its end."""

from __future__ import annotations

import json
from typing import Any

from ebbflow.domain.document import document_hash
from tests.support.random_history.ground import Ground
from tests.support.random_history.handwriting import read
from tests.support.random_history.model import GIT, Violation
from tests.support.random_history.operators import Operator
from tests.support.random_history.registers import STEPS, covers

REST_SECONDS = 200.0
SHOWN = 20


async def settle(ground: Ground, operators: list[Operator]) -> None:
    """Let the first operator do all that it would do by itself within some minutes.

    Afterwards a further pass over each object must write nothing. Raises Violation.
    """
    ground.faults.waiting.clear()
    for operator in operators[1:]:
        operator.process.alive = False
    del operators[1:]
    (operator,) = operators
    for key in ground.keys.values():
        # What the others wrote last would have woken it.
        await operator.look_at(key)
    end = ground.clock.monotonic() + REST_SECONDS
    await _work_off(ground, operator)
    while (then := operator.next_time()) is not None and then < end:
        ground.clock.advance(max(0.001, then - ground.clock.monotonic()))
        await operator.poll()
        await _work_off(ground, operator)
    ground.clock.advance(max(0.0, end - ground.clock.monotonic()))
    before = _writes(ground)
    for key in ground.keys.values():
        await operator.look_at(key)
    if _writes(ground) != before:
        raise Violation(f"a pass over a world at rest wrote: {ground.cluster.calls[-8:]}")


async def _work_off(ground: Ground, operator: Operator) -> None:
    for _ in range(60):
        due = [key for key in ground.keys.values() if operator.is_due(key)]
        if not due:
            return
        for key in due:
            await operator.look_at(key)
            ground.look()
        await operator.settled()
        ground.forget_options()
    raise Violation("the passes never end")


def _writes(ground: Ground) -> tuple[int, int]:
    calls = [call for call in ground.cluster.calls if not call.startswith("get ")]
    return len(calls), ground.git.operations["push"]


def check_quiet(ground: Ground) -> None:
    """Check each object at rest: the same as the file, or an honest reason. Raises Violation."""
    ground.look()
    for name, key in ground.keys.items():
        status = ground.cluster.template(name).status
        (ready,) = [c for c in status.conditions if c.type == "Ready"]
        _check_reason(ground, name, ready.reason, ready.message)
        if status.sync is not None and status.sync.pending_write is not None and ground.sound:
            raise Violation(f"{key}: a recorded commit is left behind")
    if not any(disagrees(ground, name) for name in ground.keys):
        ground.model.moved.clear()


def disagrees(ground: Ground, name: str) -> bool:
    """Tell whether an object and the file differ, or the file is no document."""
    if not ground.sound:
        return True
    return document_hash(ground.document(name)) != document_hash(ground.model.documents[GIT])


def _check_reason(ground: Ground, name: str, reason: str, message: str) -> None:
    match reason:
        case "InStep" if ground.sound:
            if disagrees(ground, name):
                raise Violation(f"{name} is InStep, but differs from the file")
            _check_order(ground, name)
        case "Conflict" if ground.sound:
            _check_conflict(ground, name)
        case "InvalidDocument" if not ground.sound or "zzz" in ground.document(name):
            pass
        case "FileNotFound" | "BranchNotFound" if not ground.sound:
            pass
        case _:
            raise Violation(f"{name} at rest is {reason}: {message}")


def _check_order(ground: Ground, name: str) -> None:
    """An order that one side alone changed has to be the order of both now."""
    model = ground.model
    if len(ground.keys) > 1 or len(model.moved) != 1 or ground.ever_overruled:
        return
    ((side, wanted),) = model.moved.items()
    if (now := [s["ref"] for s in ground.document(name)["spec"]["spec"]["steps"]]) != wanted:
        raise Violation(f"{side} brought the steps into the order {wanted}; they are in {now}")


def _check_conflict(ground: Ground, name: str) -> None:
    model = ground.model
    sync = ground.cluster.template(name).status.sync
    listed = {c.path: c for c in (sync.conflicts if sync else None) or ()}
    real = model.conflicts(name)
    if not listed:
        raise Violation(f"{name}: a conflict without its paths")
    if not real and STEPS not in listed and not (ground.ever_overruled and len(ground.keys) > 1):
        raise Violation(f"{name}: false conflict at {sorted(listed)}")
    for path, shown in listed.items():
        sides = (name, shown.cluster), (GIT, shown.git)
        for side, value in sides:
            _check_shown(path, value, model.held(side, path).value, side)
    if len(listed) < SHOWN:
        _check_complete(ground, name, real, listed)


def _check_shown(path: str, shown: str | None, held: str | None, side: str) -> None:
    if held is None or shown is None or shown.endswith("…"):
        return
    value = json.loads(held)
    if value not in (shown, read(shown.encode())):
        raise Violation(f"the conflict at {path} shows {shown} for {side}, which holds {held}")


def _check_complete(ground: Ground, name: str, real: list[str], listed: dict[str, Any]) -> None:
    model = ground.model
    for path in real:
        values = {model.held(side, path).value for side in (name, GIT)}
        if any(base.get(path) in values for base in model.bases):
            continue
        if len(ground.keys) == 1 and not any(covers(one, path) for one in listed):
            raise Violation(f"{name}: the conflict at {path} is not listed: {sorted(listed)}")
