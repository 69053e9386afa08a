"""One pass over the tree: which nodes begin, go on, are stopped, skipped or done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Final, Literal, Protocol, assert_never

from ebbflow.api.base import format_duration
from ebbflow.api.reasons import Reason
from ebbflow.domain.runs.node_settings import Invalid, Iterations, LeftOut, Settings
from ebbflow.domain.runs.states import NodeState, States, cancelled, failed
from ebbflow.domain.runs.tree import Loop, Node, Place, Task, Wait, Workflow

STATES_FOR_LOOPS: Final = 1000
"""With so many states, loops begin no other iteration until one of theirs has ended."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_GROUPS: Final = ("Workflow", "LoopWorkflow")


class Answers(Protocol):
    """What expressions tell; `plan.Judge` describes it."""

    def skips(self, node: Node, place: Place) -> LeftOut | Invalid | None: ...
    def settings(self, node: Node, place: Place) -> Settings | Invalid: ...
    def iterations(self, loop: Loop, place: Place) -> Iterations | Invalid: ...


class Progress(Enum):
    """How far a node, or a list of them, has come."""

    AHEAD = auto()  # not begun, and not to begin
    UNDER_WAY = auto()
    PASSED = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class Closing:
    """Why nothing below begins any more and what is under way is stopped, and how that ends."""

    phase: Literal["Failed", "Cancelled"]
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True)
class Start:
    """Begin an attempt at a node; its state is among those to record. `settings` are the node's."""

    place: Place
    node: Task
    attempt: int
    settings: Settings

    @property
    def wait(self) -> Wait:
        """How far the node's work goes before it is done."""
        return self.node.envelope.wait


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop what a node does, if anything does it, and then record `then`."""

    path: str
    then: NodeState


class Walk:
    """Collects what one pass finds. The states given are not changed."""

    def __init__(self, states: States, now: datetime, judge: Answers) -> None:
        self._states = states
        self._now = now
        self._judge = judge
        self._iterations_begun = _iterations_in(states)
        self.recorded: dict[str, NodeState] = {}
        self.forgotten: list[str] = []
        self.starts: list[Start] = []
        self.stops: list[Stop] = []
        self.wake: datetime | None = None
        self.root_closing: Closing | None = None
        self.causes: list[NodeState] = []
        self._count = len(states)

    def wake_at(self, moment: datetime) -> None:
        """Plan again at `moment`, if not before."""
        self.wake = moment if self.wake is None else min(self.wake, moment)

    def after(self) -> dict[str, NodeState]:
        """Return the states as they are after this pass."""
        gone = set(self.forgotten)
        merged = {**self._states, **self.recorded}
        return {path: state for path, state in merged.items() if path not in gone}

    def root(self, tree: Workflow, place: Place, closing: Closing | None) -> Progress:
        """Visit the outermost workflow, which is the Run itself and has no state."""
        if closing is None and not self._states:
            match self._judge.skips(tree, place):
                case Invalid(message):
                    self.root_closing = Closing("Failed", Reason.NODE_FAILED, message)
                    return Progress.FAILED
                case LeftOut():
                    return Progress.PASSED
                case None:
                    pass
        return self._steps(tree, place, closing)

    def _visit(self, node: Node, place: Place, closing: Closing | None) -> Progress:
        state = self._states.get(place.path)
        if state is not None and state.over:
            return self._ended_as(node, state)
        if state is None:
            if closing is not None:
                return Progress.AHEAD
            left_out = self._judge.skips(node, place)
            if isinstance(left_out, Invalid):
                return self._fail_at_once(node, place, left_out)
            if left_out is not None:
                skipped = self._new(node, place, "Skipped")
                why = left_out.message
                return self._record(node, replace(skipped, finished_at=self._now, message=why))
        match node:
            case Task():
                return self._task(node, place, state, closing)
            case Workflow() | Loop():
                return self._group(node, place, state, closing)
            case _:
                assert_never(node)

    # Tasks

    def _task(
        self, node: Task, place: Place, state: NodeState | None, closing: Closing | None
    ) -> Progress:
        if closing is not None and state is not None:
            return self._close_task(node, state, closing)
        settings = self._judge.settings(node, place)
        if isinstance(settings, Invalid):
            return self._fail_at_once(node, place, settings)
        if state is None:
            begun = self._new(node, place, "Running")
            return self._begin(node, place, begun, settings)
        if state.phase == "Retrying":
            return self._retry(node, place, state, settings)
        return self._watch_time(state, settings)

    def _begin(self, node: Task, place: Place, before: NodeState, settings: Settings) -> Progress:
        attempt = before.attempt + 1
        state = replace(
            before,
            phase="Running",
            attempt=attempt,
            attempt_at=self._now if attempt > 1 else None,
            finished_at=None,
            message="",
        )
        self.recorded[state.path] = state
        self.starts.append(Start(place, node, attempt, settings))
        if settings.timeout is not None:
            self.wake_at(self._now + settings.timeout)
        return Progress.UNDER_WAY

    def _retry(self, node: Task, place: Place, state: NodeState, settings: Settings) -> Progress:
        due = (state.finished_at or self._now) + settings.delay_after(state.attempt)
        if due <= self._now:
            return self._begin(node, place, state, settings)
        self.wake_at(due)
        return Progress.UNDER_WAY

    def _watch_time(self, state: NodeState, settings: Settings) -> Progress:
        due = _due(state.attempt_at or state.started_at, settings.timeout)
        if due is None:
            return Progress.UNDER_WAY
        if due > self._now:
            self.wake_at(due)
            return Progress.UNDER_WAY
        at_last = f"; at last: {state.message}" if state.message else ""
        message = _took_longer(settings.timeout) + at_last
        end = failed(state, settings, self._now, message)
        self.stops.append(Stop(state.path, end))
        return Progress.UNDER_WAY

    def _close_task(self, node: Task, state: NodeState, closing: Closing) -> Progress:
        end = cancelled(state, self._now, closing.message)
        if state.phase == "Retrying":  # nothing runs
            return self._record(node, end)
        self.stops.append(Stop(state.path, end))
        return Progress.UNDER_WAY

    # Workflows and loops

    def _group(
        self,
        node: Workflow | Loop,
        place: Place,
        state: NodeState | None,
        closing: Closing | None,
    ) -> Progress:
        causes = len(self.causes)
        settings = self._judge.settings(node, place)
        if isinstance(settings, Invalid):
            return self._fail_at_once(node, place, settings)
        begun = state or self._new(node, place, "Running")
        own = None if closing else self._time_is_up(begun, settings)
        if isinstance(node, Loop):
            counted = self._counted(node, place, begun)
            if isinstance(counted, Invalid):
                return self._fail_at_once(node, place, counted)
            begun, parallelism = counted
            progress, begun = self._loop(node, place, begun, parallelism, closing or own)
        else:
            progress = self._steps(node, place, closing or own)
        if progress is Progress.UNDER_WAY:
            if begun != state:
                self.recorded[begun.path] = begun
            return progress
        inner, self.causes[causes:] = self.causes[causes:], []
        end = self._end_of_group(begun, progress, closing, own, inner)
        ended = self._record(node, end)
        if ended is Progress.FAILED and inner:
            self.causes[causes:] = inner
        return ended

    def _time_is_up(self, state: NodeState, settings: Settings) -> Closing | None:
        due = _due(state.started_at, settings.timeout)
        if due is None:
            return None
        if due <= self._now:
            message = f"{label(state)}: {_took_longer(settings.timeout)}"
            return Closing("Failed", Reason.TIMED_OUT, message)
        self.wake_at(due)
        return None

    def _steps(self, node: Workflow | Loop, place: Place, closing: Closing | None) -> Progress:
        """Visit the steps of a workflow, or of one iteration."""
        everything = node.parallel or closing is not None
        found: list[Progress] = []
        for index, step in enumerate(node.steps):
            found.append(self._visit(step, place.step(index), closing))
            if not everything and found[-1] is not Progress.PASSED:
                break
        return _together(found)

    def _counted(
        self, node: Loop, place: Place, state: NodeState
    ) -> tuple[NodeState, int] | Invalid:
        iterations = self._judge.iterations(node, place)
        if isinstance(iterations, Invalid):
            return iterations
        if state.iterations is None:
            state = replace(state, iterations=(iterations.count, 0))
        return state, iterations.parallelism

    def _loop(
        self,
        node: Loop,
        place: Place,
        state: NodeState,
        parallelism: int,
        closing: Closing | None,
    ) -> tuple[Progress, NodeState]:
        """Visit the iterations that are under way, and begin others while there is room.

        After a failure no other iteration begins. States are kept of at most twice `parallelism`
        iterations: one that is slow holds the others up only when they are that far ahead.
        """
        total, done = state.iterations or (0, 0)
        found: list[Progress] = []
        index = done
        while index < total and index - done < 2 * parallelism:
            inside = place.iteration(index)
            if inside.path not in self._iterations_begun and (
                closing is not None
                or Progress.FAILED in found
                or found.count(Progress.UNDER_WAY) >= parallelism
                or (Progress.UNDER_WAY in found and self._count >= STATES_FOR_LOOPS)
            ):
                break
            progress = self._steps(node, inside, closing)
            if progress is Progress.PASSED and index == done:
                done += 1
                self._forget(inside)
            else:
                found.append(progress)
            index += 1
        left = [Progress.AHEAD] if index < total and not found and closing is not None else []
        return _together([*found, *left]), replace(state, iterations=(total, done))

    def _forget(self, iteration: Place) -> None:
        prefix = f"{iteration.path}."
        known = [path for path in self._states if path.startswith(prefix)]
        new = [path for path in self.recorded if path.startswith(prefix)]
        for path in new:
            del self.recorded[path]
        self.forgotten += known
        self._count -= len({*known, *new})

    def _end_of_group(
        self,
        state: NodeState,
        progress: Progress,
        outer: Closing | None,
        own: Closing | None,
        causes: Iterable[NodeState],
    ) -> NodeState:
        if progress is Progress.PASSED:
            return replace(state, phase="Succeeded", finished_at=self._now)
        if outer is not None:
            return cancelled(state, self._now, outer.message)
        if own is not None:
            return replace(_ended(state, self._now), message=own.message)
        cause = first_cause(causes)
        return replace(_ended(state, self._now), message=about(cause) if cause else "")

    # States

    def _new(self, node: Node, place: Place, phase: Literal["Running", "Skipped"]) -> NodeState:
        envelope = node.envelope
        self._count += 1
        return NodeState(place.path, envelope.kind, phase, ref=envelope.ref, started_at=self._now)

    def _fail_at_once(self, node: Node, place: Place, invalid: Invalid) -> Progress:
        state = self._states.get(place.path) or self._new(node, place, "Running")
        message = (
            invalid.message if isinstance(node, Task) else f"{label(state)}: {invalid.message}"
        )
        return self._record(node, replace(_ended(state, self._now), message=message))

    def _record(self, node: Node, state: NodeState) -> Progress:
        self.recorded[state.path] = state
        return self._ended_as(node, state)

    def _ended_as(self, node: Node, state: NodeState) -> Progress:
        """Tell whether what comes after an ended node may begin."""
        if state.phase in ("Succeeded", "Skipped"):
            return Progress.PASSED
        if state.phase == "Failed" and node.envelope.on_failure == "continue":
            return Progress.PASSED
        self.causes.append(state)
        return Progress.FAILED


def first_cause(causes: Iterable[NodeState]) -> NodeState | None:
    """Return the node that failed first."""
    return min(causes, key=lambda state: state.finished_at or _NEVER, default=None)


def about(state: NodeState) -> str:
    """Return what is told of a node that failed. The message of a workflow names a node itself."""
    if state.kind in _GROUPS and state.message:
        return state.message
    return f"{label(state)}: {state.message}" if state.message else label(state)


def label(state: NodeState) -> str:
    """Return how people are told of a node: by its kind, its ref and its path."""
    return f"{state.kind} {state.ref} ({state.path})" if state.ref else f"{state.kind} {state.path}"


def _together(found: Sequence[Progress]) -> Progress:
    """Return how far a list of nodes is, of which those that are left out have not begun."""
    for progress in (Progress.UNDER_WAY, Progress.FAILED, Progress.AHEAD):
        if progress in found:
            return progress
    return Progress.PASSED


def _ended(state: NodeState, now: datetime) -> NodeState:
    return replace(state, phase="Failed", finished_at=now)


def _due(since: datetime | None, timeout: timedelta | None) -> datetime | None:
    return None if since is None or timeout is None else since + timeout


def _took_longer(timeout: timedelta | None) -> str:
    return f"it took longer than {format_duration(timeout or timedelta())}"


def _iterations_in(paths: Iterable[str]) -> set[str]:
    """Return the paths of all iterations that have states: 0.2[3] for 0.2[3].1."""
    found: set[str] = set()
    for path in paths:
        end = path.find("]")
        while end >= 0:
            found.add(path[: end + 1])
            end = path.find("]", end + 1)
    return found
