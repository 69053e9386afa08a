"""The nodes of a Run as its status has them, and whether a change is worth a write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from ebbflow.api.run import NodeStatus, RunStatus
from ebbflow.domain.runs.states import MESSAGES_BUDGET, NodeState, path_key, write_states
from ebbflow.domain.times import read_time

MESSAGE_EVERY: Final = timedelta(seconds=5)
"""How often a status is written for nothing but the words of nodes that are under way."""


class NodeStatuses:
    """What `status.nodes` of one Run is to be. Nodes that did not change are not made anew: a Run of
    500 nodes is written 500 times.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[NodeState, NodeStatus]] = {}

    def of(self, states: Mapping[str, NodeState]) -> tuple[NodeStatus, ...] | None:
        """Return the nodes by path, None if there are none."""
        if sum(len(state.message) for state in states.values()) > MESSAGES_BUDGET:
            # How much of each message stays depends on all of them.
            written = write_states(states.values())
            return tuple(NodeStatus.model_validate(node) for node in written)
        for path, state in states.items():
            known = self._made.get(path)
            if known is None or known[0] is not state:
                (written_state,) = write_states((state,))
                self._made[path] = (state, NodeStatus.model_validate(written_state))
        for path in self._made.keys() - states.keys():
            del self._made[path]
        return tuple(self._made[path][1] for path in sorted(states, key=path_key)) or None


def worth_writing(old: RunStatus, new: RunStatus, now: datetime) -> datetime | None:
    """Tell from when on a status is worth a write; None: it says nothing new.

    That is `now`, but for other words about nodes that are still under way: those are written
    every few seconds only.
    """
    if _without_words(old) != _without_words(new):
        return now
    before, after = old.nodes or (), new.nodes or ()
    if len(before) != len(after):
        return now
    pairs = zip(before, after, strict=True)
    changed = [(one, other) for one, other in pairs if one is not other and one != other]
    if any(_silent(one) != _silent(other) for one, other in changed):
        return now
    if not changed and (old.message, old.conditions) == (new.message, new.conditions):
        return None
    return max(now, _last_written(old.started_at, before) + MESSAGE_EVERY)


def _without_words(status: RunStatus) -> RunStatus:
    return status.model_copy(update={"nodes": None, "message": None, "conditions": ()})


def _silent(node: NodeStatus) -> NodeStatus:
    return node.model_copy(update={"message": None})


def _last_written(started_at: str | None, nodes: Iterable[NodeStatus]) -> datetime:
    times = [t for n in nodes for t in (n.started_at, n.attempt_at, n.finished_at) if t]
    return max(map(read_time, [started_at or "1970-01-01T00:00:00Z", *times]))
