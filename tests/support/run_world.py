"""The world of tests/support/run_model.py: what there is in it, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

from ebbflow.api.template import ConcurrencyPolicy
from ebbflow.domain.runs.queue import FINAL_PHASES, QueueState, RunFact

EPOCH = datetime(2026, 11, 21, tzinfo=UTC)
OURS, FORMER = "parent", "former-parent"


@dataclass(frozen=True)
class Guards:
    """What keeps the world right; each can be switched off."""

    compare_versions: bool = True
    record_first: bool = True
    check_owner: bool = True
    check_fence: bool = True


class Trigger(NamedTuple):
    """One sighting of a trigger. The same key is the same trigger."""

    key: str
    replica: int


class Setting(NamedTuple):
    """What a world begins with, and how often what may go wrong."""

    triggers: tuple[Trigger, ...] = ()
    by_hand: tuple[str, ...] = ()
    dry: tuple[str, ...] = ()  # which of those by hand are dry runs
    squatted: tuple[str, ...] = ()  # names that a former parent's Runs have
    policy: ConcurrencyPolicy = "Queue"
    limit: int = 20
    crashes: int = 0
    lease_changes: int = 0
    stale_reads: int = 0
    a_second_each: bool = True


class Run(NamedTuple):
    """A Run in the API server. `made_for`: the owner that it was made with."""

    name: str
    uid: int
    made_for: str
    owner: str
    created: int
    key: str = ""
    phase: str = ""
    fence: int = 0
    cancel: bool = False
    finished: int = 0
    dry: bool = False


class Write(NamedTuple):
    """A new queue to swap in, and what to do afterwards. `stale`: the parent has changed since it
    was read; Runs that changed are no longer in `skip`.
    """

    state: QueueState
    skip: tuple[int, ...] = ()
    cancel: tuple[int, ...] = ()
    stale: bool = False


class Marks(NamedTuple):
    """Runs to mark Skipped, if they are as they were, and Runs to cancel."""

    skip: tuple[int, ...]
    cancel: tuple[int, ...]


class Passed(NamedTuple):
    """What the gate let through: what the Run becomes. `stale`: it has changed since it was read."""

    becomes: Run
    stale: bool = False


class Make(NamedTuple):
    """A child to make, for a sighting; `record_after`: the order is the wrong one."""

    trigger: int
    record_after: bool = False


class Recording(NamedTuple):
    """A sighting's record to swap in."""

    trigger: int
    write: Write
    make: bool


class Replica(NamedTuple):
    """One process. `fence`: the leadership that it believes in, 0 if it is a standby."""

    fence: int = 0
    intake: Make | Recording | None = None
    leading: Write | Marks | Passed | None = None


class World(NamedTuple):
    """Everything. Two worlds that are equal have the same future."""

    parent: QueueState
    before: QueueState
    runs: tuple[Run, ...]
    replicas: tuple[Replica, ...]
    sightings: tuple[int, ...]  # not yet acknowledged
    unborn: tuple[str, ...]  # Runs that people are about to make
    lease: int = 1
    crashes: int = 0
    lease_changes: int = 0
    stale_reads: int = 0
    made: int = 0
    last_started: int = 0  # when the Run that started last had been made
    keys: frozenset[str] = frozenset()  # of every Run that was ever made for a trigger
    taken: tuple[str, ...] = ()  # keys whose name another Run has


class Wrong(Exception):
    """An invariant does not hold."""


def beginning(setting: Setting) -> World:
    squatters = tuple(
        Run(name, 900 + n, FORMER, FORMER, 0) for n, name in enumerate(setting.squatted)
    )
    return World(
        parent=QueueState(fence=1),
        before=QueueState(fence=1),
        runs=squatters,
        replicas=(Replica(fence=1), Replica()),
        sightings=tuple(range(len(setting.triggers))),
        unborn=setting.by_hand,
        crashes=setting.crashes,
        lease_changes=setting.lease_changes,
        stale_reads=setting.stale_reads,
    )


def facts_of(state: QueueState, runs: tuple[Run, ...]) -> dict[str, RunFact | None]:
    """What is known when every name was asked for."""
    facts: dict[str, RunFact | None] = dict.fromkeys((*state.active, *state.queue))
    return facts | {run.name: fact_of(run) for run in runs}


@cache
def fact_of(run: Run) -> RunFact:
    at = EPOCH + timedelta(seconds=run.created)
    return RunFact(
        name=run.name,
        uid=str(run.uid),
        created=at,
        owner_uid=run.owner,
        phase=run.phase or None,  # type: ignore[arg-type]
        finished_at=EPOCH + timedelta(seconds=run.finished) if run.finished else None,
        fence=run.fence,
        for_trigger=bool(run.key),
        cancel=run.cancel,
        dry=run.dry,
    )


def is_over(run: Run) -> bool:
    return run.phase in FINAL_PHASES


def with_replica(world: World, index: int, replica: Replica) -> World:
    replicas = tuple(replica if i == index else r for i, r in enumerate(world.replicas))
    return world._replace(replicas=replicas)


def doing_intake(world: World, index: int, step: Make | Recording | None) -> World:
    return with_replica(world, index, world.replicas[index]._replace(intake=step))


def doing_lead(world: World, index: int, step: Write | Passed | None) -> World:
    return with_replica(world, index, world.replicas[index]._replace(leading=step))


def seen(world: World, index: int, number: int) -> World:
    sightings = tuple(n for n in world.sightings if n != number)
    return doing_intake(world._replace(sightings=sightings), index, None)


def swapped(world: World, state: QueueState) -> World:
    """The parent's queue is written: what others decided on the old one is stale."""
    if state.fence < world.parent.fence:
        raise Wrong(f"I8: the parent's fence falls from {world.parent.fence} to {state.fence}")
    replicas = tuple(_outdated(replica) for replica in world.replicas)
    before = world.parent if world.stale_reads else QueueState()
    return world._replace(parent=state, before=before, replicas=replicas)


def changed(world: World, run: Run) -> World:
    """A Run is written: what others decided on the old one is stale."""
    was = next(r for r in world.runs if r.uid == run.uid)
    if run.fence < was.fence:
        raise Wrong(f"I8: the fence of {run.name} falls from {was.fence} to {run.fence}")
    if is_over(was) and run.phase != was.phase:
        raise Wrong(f"{run.name} was {was.phase} and becomes {run.phase}")
    if (
        was.phase == "Running"
        and (run.fence, run.cancel) == (was.fence, was.cancel)
        and run.phase == "Running"
    ):
        raise Wrong(f"I2: {run.name} starts twice")
    if is_over(run):
        run = run._replace(fence=0)  # nobody asks any more
    runs = tuple(run if r.uid == run.uid else r for r in world.runs)
    replicas = tuple(_overtaken(r, run.uid) for r in world.replicas)
    return world._replace(runs=runs, replicas=replicas)


def _outdated(replica: Replica) -> Replica:
    intake, leading = replica.intake, replica.leading
    if isinstance(intake, Recording):
        intake = intake._replace(write=intake.write._replace(stale=True))
    if isinstance(leading, Write):
        leading = leading._replace(stale=True)
    return replica._replace(intake=intake, leading=leading)


def _overtaken(replica: Replica, uid: int) -> Replica:
    leading = replica.leading
    if isinstance(leading, Passed) and leading.becomes.uid == uid:
        return replica._replace(leading=leading._replace(stale=True))
    if isinstance(leading, Write | Marks) and uid in leading.skip:
        skip = tuple(other for other in leading.skip if other != uid)
        return replica._replace(leading=leading._replace(skip=skip))
    return replica


def check(world: World, setting: Setting) -> None:
    """Raise Wrong if the world is in a state that it must never be in."""
    running = [run.name for run in world.runs if run.phase == "Running" and not run.dry]
    if setting.policy != "Allow" and len(running) > 1:
        raise Wrong(f"I1: {running} run at once")
    listed = (*world.parent.active, *world.parent.queue)
    if setting.policy == "Forbid" and len(listed) > 1:
        raise Wrong(f"I4: Forbid keeps {listed}")
    for run in world.runs:
        if run.dry and (run.phase == "Skipped" or run.name in listed):
            raise Wrong(f"I9: the dry run {run.name} stands in line: {run.phase} {listed}")
        if run.made_for != OURS and run.phase:
            raise Wrong(f"I7: {run.name} of another parent is {run.phase}")
    _nothing_is_lost(world, setting)


def _nothing_is_lost(world: World, setting: Setting) -> None:
    ours = {run.name for run in world.runs if run.made_for == OURS}
    known = {*ours, *world.parent.active, *world.parent.queue, *world.parent.recent, *world.taken}
    for number, trigger in enumerate(setting.triggers):
        if number not in world.sightings and trigger.key not in known:
            raise Wrong(f"I5: {trigger.key} was acknowledged and is lost")


def check_end(world: World) -> None:
    """Raise Wrong if the world has come to rest and something is left undone."""
    left = [run.name for run in world.runs if run.owner == OURS and not is_over(run)]
    if left or world.parent.active or world.parent.queue or world.sightings:
        raise Wrong(f"at rest, but not done: {left} {world.parent} {world.sightings}")
