"""A small world in which replicas of the operator admit, start and end the Runs of one parent.

Every decision is made by the real functions of ebbflow.domain.runs; the model adds what the API
server does (versions, conflicts, names that are taken), what may go wrong (a crash, a lost Lease
that its holder does not know of, a read that is one version old), and in which order steps happen.
A step is one request to the API server or one set of reads. `Guards` switches single guards off,
to show that the model notices.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from ebbflow.domain.runs.admission import Known, Refused, Request, accept, admit
from ebbflow.domain.runs.gate import (
    Continue,
    Fenced,
    Ours,
    Start,
    Stop,
    claim_name,
    fenced,
    pass_gate,
)
from ebbflow.domain.runs.queue import Parent, QueueState
from ebbflow.domain.runs.turns import advance, forget, repair
from tests.support.run_world import (
    OURS,
    Guards,
    Make,
    Marks,
    Passed,
    Recording,
    Replica,
    Run,
    Setting,
    World,
    Write,
    Wrong,
    changed,
    doing_intake,
    doing_lead,
    fact_of,
    facts_of,
    is_over,
    seen,
    swapped,
    with_replica,
)


class Model:
    """The steps that a world may take."""

    def __init__(self, setting: Setting, guards: Guards | None = None) -> None:
        self.setting = setting
        self.guards = guards or Guards()
        self.parent = Parent(OURS, setting.policy, setting.limit)
        # Pure, and asked the same again and again.
        self._decided = cache(self._decide)
        self._passed = cache(self._pass)

    def steps(self, world: World) -> Iterator[tuple[str, World]]:
        """Yield every step that can be taken, named, and the world after it.

        Raises Wrong if a step breaks an invariant that is about the step itself.
        """
        yield from self._people(world)
        yield from self._misfortunes(world)
        for index, replica in enumerate(world.replicas):
            yield from self._intake(world, index, replica)
            if replica.fence:
                yield from self._lead(world, index, replica)

    # What is outside

    def _people(self, world: World) -> Iterator[tuple[str, World]]:
        for name in world.unborn:
            unborn = tuple(other for other in world.unborn if other != name)
            yield f"{name} is made by hand", self._born(world, name, "")._replace(unborn=unborn)

    def _misfortunes(self, world: World) -> Iterator[tuple[str, World]]:
        for index, replica in enumerate(world.replicas):
            # Before a first write, having crashed is the same as not having begun.
            if world.crashes and isinstance(replica.intake or replica.leading, Make | Marks):
                after = with_replica(world, index, Replica(fence=replica.fence))
                yield f"{index} crashes", after._replace(crashes=world.crashes - 1)
            if replica.fence and replica.fence < world.lease:
                yield (
                    f"{index} notices",
                    with_replica(world, index, replica._replace(fence=0, leading=None)),
                )
        if world.lease_changes:
            heir = next(i for i, r in enumerate(world.replicas) if r.fence != world.lease)
            lease = world.lease + 1
            after = with_replica(world, heir, world.replicas[heir]._replace(fence=lease))
            yield (
                f"{heir} leads",
                after._replace(lease=lease, lease_changes=world.lease_changes - 1),
            )

    def _born(self, world: World, name: str, key: str) -> World:
        made = world.made + 1
        created = made if self.setting.a_second_each else 1
        run = Run(name, made, OURS, OURS, created, key, dry=name in self.setting.dry)
        if key in world.keys:
            raise Wrong(f"I2: a second Run is made for {key}")
        keys = world.keys | {key} if key else world.keys
        return world._replace(runs=(*world.runs, run), made=made, keys=keys)

    # Sightings of triggers: any replica takes them in

    def _reads(self, world: World) -> Iterator[tuple[str, QueueState, bool]]:
        yield "", world.parent, False
        if world.stale_reads and world.before != world.parent:
            yield " from an old read", world.before, True

    def _intake(self, world: World, index: int, replica: Replica) -> Iterator[tuple[str, World]]:
        doing = replica.intake
        if doing is None:
            for number in world.sightings:
                if self.setting.triggers[number].replica == index:
                    yield from self._sight(world, index, number)
        elif isinstance(doing, Recording):
            yield self._record(world, index, doing)
        else:
            yield self._make(world, index, doing)

    def _sight(self, world: World, index: int, number: int) -> Iterator[tuple[str, World]]:
        key = self.setting.triggers[number].key
        if not self.guards.record_first and key not in {r.name for r in world.runs}:
            step = Make(number, record_after=True)
            yield f"{index} sees {key}", doing_intake(world, index, step)
            return
        for how, state, old in self._reads(world):
            facts = facts_of(state, world.runs)
            after, decision = admit(state, Request(key), self.parent, facts)
            left = world._replace(stale_reads=world.stale_reads - old)
            what = f"{index} sees {key}{how}"
            if old and after == state:
                continue  # what is not swapped in is only decided on a fresh read
            if isinstance(decision, Known) and not decision.listed:
                yield what, seen(left, index, number)
            elif after == state:  # refused, or recorded before: its Run is made all the same
                yield what, doing_intake(left, index, Make(number))
            else:
                write = Write(after, stale=old)
                yield what, doing_intake(left, index, Recording(number, write, make=True))

    def _record(self, world: World, index: int, doing: Recording) -> tuple[str, World]:
        what = f"{index} records {self.setting.triggers[doing.trigger].key}"
        if self.guards.compare_versions and doing.write.stale:
            return f"{what}: conflict", doing_intake(world, index, None)
        after = swapped(world, doing.write.state)
        if not doing.make:
            return what, seen(after, index, doing.trigger)
        return what, doing_intake(after, index, Make(doing.trigger))

    def _make(self, world: World, index: int, doing: Make) -> tuple[str, World]:
        key = self.setting.triggers[doing.trigger].key
        found = next((run for run in world.runs if run.name == key), None)
        if found is None:
            after = self._born(world, key, key)
        elif not self.guards.check_owner:
            after = changed(world, found._replace(owner=OURS, key=key))
        elif isinstance(claim_name(self.parent, key, fact_of(found), found.key), Ours):
            after = world
        else:
            after = world._replace(taken=(*world.taken, key))
        if not doing.record_after:
            return f"{index} makes {key}", seen(after, index, doing.trigger)
        state, _ = admit(after.parent, Request(key), self.parent, {})
        recording = Recording(doing.trigger, Write(state), make=False)
        return f"{index} makes {key}", doing_intake(after, index, recording)

    # The leader

    def _lead(self, world: World, index: int, replica: Replica) -> Iterator[tuple[str, World]]:
        doing = replica.leading
        if isinstance(doing, Write):
            yield self._write(world, index, doing)
        elif isinstance(doing, Marks):
            yield self._mark(world, index, doing)
        elif isinstance(doing, Passed):
            yield self._act(world, index, doing)
        else:
            yield from self._reconcile(world, index, replica)
            yield from self._work(world, index, replica)
            yield from self._prune(world, index, replica)

    def _reconcile(self, world: World, index: int, replica: Replica) -> Iterator[tuple[str, World]]:
        for how, read, old in self._reads(world):
            # Nobody takes longer to make what he recorded than it takes to count as lost.
            making = {self._key(r.intake) for r in world.replicas if isinstance(r.intake, Make)}
            write = self._decided(read, world.runs, replica.fence, frozenset(making))
            if write is not None and not (old and write.state == read):
                left = world._replace(stale_reads=world.stale_reads - old)
                yield f"{index} decides{how}", doing_lead(left, index, write._replace(stale=old))

    def _key(self, doing: Make) -> str:
        return self.setting.triggers[doing.trigger].key

    def _decide(
        self, read: QueueState, runs: tuple[Run, ...], fence: int, making: frozenset[str]
    ) -> Write | None:
        facts = facts_of(read, runs)
        lost = {name for name, fact in facts.items() if fact is None} - making
        state, _ = repair(read, self.parent, facts, lost)
        asked = [Request(run.name, fact_of(run)) for run in runs]
        state, decisions = accept(state, asked, self.parent, facts)
        state, turn = advance(state, self.parent, facts)
        refused = {n for n, d in decisions.items() if isinstance(d, Refused)}
        refused |= set(turn.superseded)
        skip = tuple(run.uid for run in runs if run.name in refused)
        to_cancel = [run for run in runs if not run.cancel and not is_over(run)]
        cancel = tuple(run.uid for run in to_cancel if run.name in turn.cancel)
        stamped = self._stamped(state, fence)
        if stamped is None or (stamped == read and not skip and not cancel):
            return None
        return Write(stamped, skip, cancel)

    def _stamped(self, state: QueueState, fence: int) -> QueueState | None:
        if not self.guards.check_fence:
            state = replace(state, fence=0)
        stamped = fenced(state, fence)
        return None if isinstance(stamped, Fenced) else stamped

    def _write(self, world: World, index: int, doing: Write) -> tuple[str, World]:
        if self.guards.compare_versions and doing.stale:
            return f"{index} writes: conflict", doing_lead(world, index, None)
        after = world if doing.state == world.parent else swapped(world, doing.state)
        marks = Marks(doing.skip, doing.cancel) if doing.skip or doing.cancel else None
        return f"{index} writes", doing_lead(after, index, marks)

    def _mark(self, world: World, index: int, doing: Marks) -> tuple[str, World]:
        after = doing_lead(world, index, None)
        for run in world.runs:
            if run.uid in doing.skip:
                after = changed(after, run._replace(phase="Skipped"))
            elif run.uid in doing.cancel and not is_over(run) and not run.cancel:
                after = changed(after, run._replace(cancel=True))
        return f"{index} marks", after

    def _work(self, world: World, index: int, replica: Replica) -> Iterator[tuple[str, World]]:
        for run in world.runs:
            becomes = self._passed(world.parent, run, replica.fence, world.made)
            if becomes is not None and self._alone(world):
                yield self._act(world, index, Passed(becomes))
            elif becomes is not None:
                yield f"{index} goes to {run.name}", doing_lead(world, index, Passed(becomes))

    def _alone(self, world: World) -> bool:
        """Nobody else can come between reading a Run and writing it: only leaders write Runs."""
        leaders = sum(1 for replica in world.replicas if replica.fence)
        return leaders == 1 and not world.lease_changes

    def _pass(self, state: QueueState, run: Run, fence: int, now: int) -> Run | None:
        seen = run
        if not self.guards.check_fence:
            state, seen = replace(state, fence=0), run._replace(fence=0)
        match pass_gate(state, self.parent, fact_of(seen), fence):
            case Start(own):
                return run._replace(phase="Running", fence=own)
            case Continue(own):
                return run._replace(phase="Succeeded", fence=own, finished=now + 1)
            case Stop():
                return run._replace(phase="Cancelled", fence=fence)
            case _:
                return None

    def _act(self, world: World, index: int, doing: Passed) -> tuple[str, World]:
        becomes = doing.becomes
        what = f"{index}: {becomes.name} is {becomes.phase}"
        gone = all(run.uid != becomes.uid for run in world.runs)
        if gone or (doing.stale and self.guards.compare_versions):
            return f"{what}: conflict", doing_lead(world, index, None)
        if becomes.phase == "Running" and not becomes.dry:
            # Under Allow nobody is kept out: a Run that seemed lost may start and be listed after.
            if self.setting.policy != "Allow" and becomes.name not in world.parent.active:
                raise Wrong(f"I6: {becomes.name} starts and is not active: {world.parent}")
            if self.setting.policy == "Queue" and becomes.created < world.last_started:
                raise Wrong(f"I3: {becomes.name} starts after one that was made later")
            world = world._replace(last_started=becomes.created)
        return what, doing_lead(changed(world, becomes), index, None)

    def _prune(self, world: World, index: int, replica: Replica) -> Iterator[tuple[str, World]]:
        """History goes when its end is long enough ago that no sighting is still being taken in."""
        if any(other.intake for other in world.replicas):
            return
        awaited = {self.setting.triggers[number].key for number in world.sightings}
        for run in world.runs:
            # Only where a sighting is still to come does it matter what is remembered.
            if is_over(run) and run.key in awaited and not world.parent.lists(run.name):
                runs = tuple(r for r in world.runs if r.uid != run.uid)
                stamped = self._stamped(forget(world.parent, [fact_of(run)]), replica.fence)
                if stamped is not None:
                    after = swapped(world, stamped) if stamped != world.parent else world
                    yield f"{index} prunes {run.name}", after._replace(runs=runs)
