"""Acts on the nodes of a Run: renders their specs, lets their kinds work, tells how they stand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from ebbflow.api.base import JsonObject
from ebbflow.api.run import PlannedChange
from ebbflow.domain.cel import CelError
from ebbflow.domain.document.path import steps_of
from ebbflow.domain.expression import Budget, ExpressionError, references, render
from ebbflow.domain.expression.nesting import TOP
from ebbflow.domain.objects import Account, NotAnObject, ObjectError, ObjectId
from ebbflow.domain.ports import Clock, ClusterError
from ebbflow.domain.runs.node_settings import Invalid, Settings
from ebbflow.domain.runs.outputs import RUN_BYTES, kept
from ebbflow.domain.runs.states import NodeState, States, failed, succeeded, waiting
from ebbflow.domain.runs.tree import Envelope, Place, Task, find
from ebbflow.services.nodes.kind import (
    Call,
    CannotDo,
    Failed,
    NodeKind,
    NotNow,
    Result,
    Running,
    Succeeded,
    Working,
)
from ebbflow.services.nodes.spec import spec_problem
from ebbflow.services.run_judge import RunJudge
from ebbflow.services.run_memory import RunMemory
from ebbflow.services.tenant_secrets import TenantSecrets

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE: Final = 16
"""Nodes of one Run that are acted on side by side."""

PASSING_RETRY: Final = timedelta(seconds=2)
"""How soon to try again what the API server refused for a reason that can pass by itself."""

PASSING_MOST: Final = timedelta(seconds=30)

ANY_KIND = NodeKind[Any]


@dataclass(slots=True)
class Advance:
    """What one round of acting came to.

    `states` are those that changed; `after` is when to look again, `made` and `others` are objects
    to follow, by the account that may see them; `changes` are those of a dry run.
    """

    states: dict[str, NodeState]
    after: timedelta | None = None
    made: dict[Account, set[ObjectId]] | None = None
    others: dict[Account, set[ObjectId]] | None = None
    changes: tuple[PlannedChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """One node that is to be acted on: `fresh` begins its attempt."""

    node: Task
    place: Place
    state: NodeState
    settings: Settings
    fresh: bool


class RunNodes:
    """Acts on nodes of every Run."""

    def __init__(
        self,
        kinds: Iterable[ANY_KIND],
        secrets: TenantSecrets,
        clock: Clock,
        redact: Callable[[str], str],
    ) -> None:
        self._kinds: Mapping[str, ANY_KIND] = {kind.name: kind for kind in kinds}
        self._secrets = secrets
        self._clock = clock
        self._redact = redact

    @property
    def kinds(self) -> Mapping[str, ANY_KIND]:
        """The kinds that can be run, by the `kind` of documents."""
        return self._kinds

    async def advance(
        self, memory: RunMemory, run: Running, states: States, judge: RunJudge
    ) -> Advance:
        """Act on every node that is under way; a kind's failure is the node's, and no other's."""
        turns = list(_turns(memory, states, judge))
        gate = asyncio.Semaphore(AT_ONCE)
        advance = Advance({})
        room = [RUN_BYTES - _kept_bytes(states)]

        async def act(turn: Turn) -> None:
            attempt = (turn.place.path, turn.state.attempt)
            changes: tuple[PlannedChange, ...] = ()
            result = memory.ended.get(attempt)
            if result is None:
                async with gate:
                    result, changes = await self._act(turn, memory, run, states, judge)
            if not isinstance(result, Working):
                memory.ended[attempt] = result
            self._take(advance, turn, result, memory, run, room)
            advance.changes += changes

        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(act(turn))
        return advance

    async def stop(
        self, memory: RunMemory, run: Running, states: States, judge: RunJudge, path: str
    ) -> None:
        """End what the node at `path` does. What cannot be ended is logged: the Run goes on."""
        found = find(memory.tree, path)
        if found is None or not isinstance(found[0], Task):
            return
        turn = Turn(found[0], found[1], states[path], Settings(), fresh=False)
        try:
            call = await self._call(turn, memory, run, states, judge)
            await self._kinds[turn.node.envelope.kind].stop(call)
        except (
            ClusterError,
            ExpressionError,
            CelError,
            NotAnObject,
            CannotDo,
            NotNow,
            ValidationError,
            KeyError,
        ) as error:
            log.warning("%s of %s could not be stopped: %s", path, run.key, error)

    async def recall(
        self, memory: RunMemory, run: Running, states: States, judge: RunJudge, path: str
    ) -> None:
        """Get the outputs and objects of a node that succeeded into memory anew, if it can be."""
        found = find(memory.tree, path)
        if found is None or not isinstance(found[0], Task):
            return
        kind = self._kinds.get(found[0].envelope.kind)
        if kind is None or not kind.recalls:
            return
        turn = Turn(found[0], found[1], states[path], Settings(), fresh=False)
        result, _ = await self._act(turn, memory, run, states, judge, recalled=True)
        if isinstance(result, Working | Succeeded) and result.outputs is not None:
            memory.outputs[path] = result.outputs
            memory.applied[path] = result.applied

    async def named(
        self, memory: RunMemory, run: Running, states: States, judge: RunJudge, place: Place
    ) -> tuple[JsonObject, ...] | str:
        """Return the objects that the node at a place names, by a dry run of it, or why nobody can
        tell: for nodes that did nothing this time, or that another process saw to.
        """
        found = find(memory.tree, place.path)
        if found is None or not isinstance(found[0], Task):
            return ()
        node = found[0]
        state = states.get(place.path) or NodeState(place.path, node.envelope.kind, "Skipped")
        turn = Turn(node, place, state, Settings(), fresh=False)
        result, _ = await self._act(turn, memory, replace(run, dry=True), states, judge)
        return result.applied if isinstance(result, Succeeded) else result.message

    async def _act(
        self,
        turn: Turn,
        memory: RunMemory,
        run: Running,
        states: States,
        judge: RunJudge,
        *,
        recalled: bool = False,
    ) -> tuple[Result, tuple[PlannedChange, ...]]:
        kind = self._kinds.get(turn.node.envelope.kind)
        if kind is None:
            name = turn.node.envelope.kind
            words = f"nodes of kind {name} are read, but this version of ebbflow cannot run them"
            return Failed(words, final=True), ()
        try:
            call = await self._call(turn, memory, run, states, judge)
            if run.dry:
                planned = await kind.plan(call)
                return Succeeded(planned.outputs, applied=planned.applied), planned.changes
            return await kind.act(replace(call, recalled=recalled)), ()
        except (
            ValidationError,
            ExpressionError,
            CelError,
            NotAnObject,
            CannotDo,
            NotNow,
            ClusterError,
        ) as error:
            now, state = self._clock.now(), turn.state
            return _result_of(error, now - (state.attempt_at or state.started_at or now)), ()

    async def _call(
        self, turn: Turn, memory: RunMemory, run: Running, states: States, judge: RunJudge
    ) -> Call[Any]:
        """Render the node's spec and read it as its kind has it. Raises what that raises."""
        node, place, state = turn.node, turn.place, turn.state
        kind = self._kinds[node.envelope.kind]
        context = judge.context(place.path, run.source.namespace)
        account = run.account
        if context.account is not None:
            account = Account(account.namespace, context.account)
        now = self._clock.now()
        steps = (*steps_of(node.envelope.where), "spec")
        nesting = TOP.below({"kind": node.envelope.kind}, "spec")
        names = {name for name, _ in references(node.spec, steps, nesting).secrets}
        await self.read_secrets(memory, names, run.source.namespace, account)
        begun_at = state.attempt_at or state.started_at or now
        scope = memory.scope(place, states, begun_at)
        raw = await self._secrets.complete(
            lambda: memory.random.rendered(
                lambda: render(node.spec, scope, Budget(), steps, nesting), account
            ),
            memory.secrets,
            run.source.namespace,
            account,
        )
        return Call(
            path=place.path,
            ref=node.envelope.ref,
            kind=node.envelope.kind,
            spec=kind.spec.model_validate(raw),
            raw=raw,
            attempt=state.attempt,
            attempt_at=begun_at,
            now=now,
            fresh=turn.fresh,
            context=context,
            run=replace(run, account=account),
            wanted=memory.needs.paths(node.envelope.ref),
        )

    async def read_secrets(
        self, memory: RunMemory, names: Collection[str], namespace: str, account: Account
    ) -> None:
        """Read Secrets into the memory, in the tenant's name; those that are there stay."""
        for name in names:
            if memory.secrets.get(name) is None:
                memory.secrets[name] = await self._secrets.read(namespace, name, account)

    def _take(
        self,
        advance: Advance,
        turn: Turn,
        result: Result,
        memory: RunMemory,
        run: Running,
        room: list[int],
    ) -> None:
        """Turn a kind's answer into the node's state, and remember what it came with."""
        path, state, now = turn.place.path, turn.state, self._clock.now()
        made = not (isinstance(result, Working) and result.anew)
        if made:
            memory.begun.add((path, state.attempt))
        if isinstance(result, Working) and made and self._goes_on(turn.node.envelope):
            result = Succeeded(result.outputs, "", result.applied)
        match result:
            case Working():
                self._keep_working(advance, path, state, result, run)
            case Failed(message, final):
                end = failed(state, turn.settings, now, self._redact(message), again=not final)
                advance.states[path] = end
            case Succeeded(outputs, message, applied):
                memory.outputs[path] = outputs
                memory.applied[path] = applied
                shown = kept(outputs, memory.needs.paths(state.ref), room[0])
                room[0] -= _size(shown)
                advance.states[path] = succeeded(state, now, shown, self._redact(message))

    def _goes_on(self, envelope: Envelope) -> bool:
        """Tell whether a node is done as soon as its effect was made."""
        return envelope.wait == "none" and not self._kinds[envelope.kind].only_waits

    def _keep_working(
        self, advance: Advance, path: str, state: NodeState, result: Working, run: Running
    ) -> None:
        message = self._redact(result.message)
        now = (
            waiting(state, message)
            if result.waiting
            else replace(state, phase="Running", message=message)
        )
        if now != state:
            advance.states[path] = now
        if result.after is not None:
            advance.after = min(advance.after or result.after, result.after)
        if result.follow:
            if result.made:
                advance.made = _with(advance.made, run.account, result.follow)
            else:
                advance.others = _with(advance.others, run.account, result.follow)


def _turns(memory: RunMemory, states: States, judge: RunJudge) -> Iterable[Turn]:
    for state in states.values():
        if not state.under_way or not state.attempt:
            continue
        found = find(memory.tree, state.path)
        if found is None or not isinstance(found[0], Task):
            continue
        settings = judge.settings(*found)
        if isinstance(settings, Invalid):
            settings = Settings()
        fresh = (state.path, state.attempt) not in memory.begun
        yield Turn(found[0], found[1], state, settings, fresh)


def _result_of(error: Exception, since: timedelta) -> Result:
    """Return what an error means for a node: it failed, or the cause can pass by itself.

    `since`: how old the attempt is. The longer it has waited already, the seldomer it tries.
    """
    match error:
        case ValidationError():
            return Failed(spec_problem(error), final=True)
        case ObjectError() if not error.passing:
            return Failed(str(error))
        case ClusterError() | NotNow():
            asked = error.after if isinstance(error, NotNow) else error.retry_after
            after = asked or min(max(PASSING_RETRY, since / 4), PASSING_MOST)
            # What was refused may have been the second of three objects.
            return Working(str(error), after=after, anew=True)
        case _:
            return Failed(str(error), final=True)


def _with(
    known: dict[Account, set[ObjectId]] | None, account: Account, targets: Collection[ObjectId]
) -> dict[Account, set[ObjectId]]:
    known = known or {}
    known.setdefault(account, set()).update(targets)
    return known


def _kept_bytes(states: States) -> int:
    return sum(_size(state.outputs) for state in states.values() if state.outputs is not None)


def _size(value: Any) -> int:
    return 0 if value is None else len(json.dumps(value, ensure_ascii=False).encode())
