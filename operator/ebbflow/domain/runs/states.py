"""How nodes stand: the values between the status of a Run and the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Final

from ebbflow.api.base import JsonObject
from ebbflow.api.run import IterationCounts, NodePhase, NodeStatus, RunStatus
from ebbflow.domain.conditions import clip
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.runs.node_settings import Settings
from ebbflow.domain.times import format_micro_time, read_time

MAX_MESSAGE: Final = 1024
MESSAGES_BUDGET: Final = 128 * 1024
"""Characters of all messages of a status; beyond it each is cut to what is left for it."""

MAX_LAST_WORDS: Final = MAX_MESSAGE * 3 // 4
"""Characters of a message that what an attempt said at last may take; the rest says why it ended."""

FINAL_NODE_PHASES: Final[frozenset[NodePhase]] = frozenset(
    ("Succeeded", "Failed", "Cancelled", "Skipped")
)


@dataclass(frozen=True, slots=True)
class NodeState:
    """How one node stands; without a state it has not begun. `finished_at` of one that is Retrying
    is when its last attempt failed. `iterations`, of a loop: (how many, how many of the first done).
    """

    path: str
    kind: str
    phase: NodePhase
    ref: str | None = None
    attempt: int = 0
    message: str = ""
    started_at: datetime | None = None
    attempt_at: datetime | None = None
    finished_at: datetime | None = None
    iterations: tuple[int, int] | None = None
    outputs: Json = None

    @property
    def over(self) -> bool:
        """Whether the node has ended."""
        return self.phase in FINAL_NODE_PHASES

    @property
    def under_way(self) -> bool:
        """Whether somebody works on it, or it waits for something."""
        return self.phase in ("Running", "Waiting")


States = Mapping[str, NodeState]
"""States by path."""


def succeeded(
    state: NodeState, now: datetime, outputs: Json = None, message: str = ""
) -> NodeState:
    """Return the state of a node whose attempt succeeded."""
    return replace(state, phase="Succeeded", finished_at=now, outputs=outputs, message=message)


def waiting(state: NodeState, message: str) -> NodeState:
    """Return the state of a node that waits for people or for a condition."""
    return replace(state, phase="Waiting", message=message)


def failed(
    state: NodeState, settings: Settings, now: datetime, message: str, *, again: bool = True
) -> NodeState:
    """Return the state of a node whose attempt failed: Retrying if another one will be made.

    `again` is False if another attempt could not end otherwise.
    """
    retry = again and state.attempt < settings.attempts
    phase: NodePhase = "Retrying" if retry else "Failed"
    return replace(state, phase=phase, finished_at=now, message=message)


def cancelled(state: NodeState, now: datetime, message: str) -> NodeState:
    """Return the state of a node that was stopped."""
    return replace(state, phase="Cancelled", finished_at=now, message=message)


def with_last_words(state: NodeState, words: str) -> NodeState:
    """Return the state with more words at the end of its message, which is cut for them if need be."""
    if not words:
        return state
    end = f"; {clip(words, MAX_LAST_WORDS)}"
    return replace(state, message=clip(state.message, MAX_MESSAGE - len(end)) + end)


def read_states(status: RunStatus) -> dict[str, NodeState]:
    """Return the states that a Run's status holds, by path."""
    return {node.path: _read(node) for node in status.nodes or ()}


def write_states(states: Iterable[NodeState]) -> list[JsonObject]:
    """Return `status.nodes` in wire form, by path, as small as it can be."""
    ordered = sorted(states, key=lambda state: path_key(state.path))
    room = max(64, MESSAGES_BUDGET // max(1, len(ordered)))
    total = sum(len(state.message) for state in ordered)
    limit = MAX_MESSAGE if total <= MESSAGES_BUDGET else min(MAX_MESSAGE, room)
    return [_write(state, limit) for state in ordered]


@lru_cache(maxsize=8192)
def path_key(path: str) -> tuple[int, ...]:
    """Return what sorts paths as the document has them: 0.2 before 0.10, setup before teardown."""
    numbers = path.removeprefix("teardown.").replace("[", ".").replace("]", "").split(".")
    return (int(path.startswith("teardown")), *(int(number) for number in numbers))


def carry_over(earlier: States) -> dict[str, NodeState]:
    """Return the states from which a Run goes on that retries an earlier one of the same document.

    What succeeded or was skipped stays, with its outputs. What failed, was stopped or was under way
    begins anew; finished iterations of a loop stay finished.
    """
    kept: dict[str, NodeState] = {}
    for path, state in earlier.items():
        if state.phase in ("Succeeded", "Skipped"):
            kept[path] = state
        elif state.iterations is not None:
            kept[path] = replace(state, phase="Running", message="", finished_at=None)
    return kept


def _read(node: NodeStatus) -> NodeState:
    counts = node.iterations
    return NodeState(
        path=node.path,
        kind=node.kind,
        phase=node.phase,
        ref=node.ref,
        attempt=node.attempt,
        message=node.message or "",
        started_at=_moment(node.started_at),
        attempt_at=_moment(node.attempt_at),
        finished_at=_moment(node.finished_at),
        iterations=None if counts is None else (counts.total, counts.done),
        outputs=node.outputs,
    )


def _moment(text: str | None) -> datetime | None:
    return read_time(text) if text else None


def _write(state: NodeState, limit: int) -> JsonObject:
    counts = state.iterations
    node = NodeStatus(
        path=state.path,
        ref=state.ref,
        kind=state.kind,
        phase=state.phase,
        attempt=state.attempt,
        message=clip(state.message, limit) or None,
        started_at=_text(state.started_at),
        attempt_at=_text(state.attempt_at),
        finished_at=_text(state.finished_at),
        iterations=None if counts is None else IterationCounts(total=counts[0], done=counts[1]),
    )
    out = node.dump()
    if not state.attempt:
        del out["attempt"]
    if state.outputs is not None:
        out["outputs"] = state.outputs
    return out


def _text(moment: datetime | None) -> str | None:
    return format_micro_time(moment) if moment else None
