"""Acts on the nodes of a Run: renders their specs, lets their kinds work, tells how they stand."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from ebbflow.api.base import JsonObject
from ebbflow.api.run import PlannedChange
from ebbflow.domain.document.path import steps_of
from ebbflow.domain.expression import ExpressionError, NotKnownYet, references, render
from ebbflow.domain.expression.nesting import TOP
from ebbflow.domain.objects import Account, ObjectId
from ebbflow.domain.ports import Clock
from ebbflow.domain.runs.node_settings import Invalid, Settings
from ebbflow.domain.runs.outputs import RUN_BYTES, kept
from ebbflow.domain.runs.planned import NOT_KNOWN, holds_unknown
from ebbflow.domain.runs.states import NodeState, States, failed, succeeded, waiting
from ebbflow.domain.runs.tree import Envelope, Place, Task, find
from ebbflow.services.nodes.kind import (
    Call,
    Failed,
    NodeKind,
    Result,
    Succeeded,
    Working,
)
from ebbflow.services.runs.node_errors import EXPECTED, fault_of_ours, result_of
from ebbflow.services.runs.node_plan import planned
from ebbflow.services.runs.run_memory import Refused, RunMemory
from ebbflow.services.runs.run_work import Moment
from ebbflow.services.tenant_secrets import TenantSecrets

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE: Final = 16
"""Nodes of one Run that are acted on side by side."""

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

    @property
    def specs(self) -> dict[str, type[Any]]:
        """What the specs of nodes must look like, by the kinds that can be run."""
        return {name: kind.spec for name, kind in self._kinds.items()}

    async def advance(self, at: Moment) -> Advance:
        """Act on every node that is under way. What a kind raises is its node's failure alone."""
        turns = list(_turns(at))
        gate = asyncio.Semaphore(AT_ONCE)
        advance = Advance({})
        room = [RUN_BYTES - _kept_bytes(at.states)]

        async def act(turn: Turn) -> None:
            changes: tuple[PlannedChange, ...] = ()
            # What a dry run would change is not kept with it, and planning again does no harm.
            result = None if at.run.dry else self._known(turn, at.memory)
            if result is None:
                async with gate:
                    result, changes = await self._act(turn, at)
                self._remember(turn, result, at.memory)
            self._take(advance, turn, result, at, room)
            advance.changes += changes

        async with asyncio.TaskGroup() as group:
            for turn in turns:
                group.create_task(act(turn))
        return advance

    def _known(self, turn: Turn, memory: RunMemory) -> Result | None:
        """Return what came of the attempt, if nothing else can come of it now."""
        path, attempt = turn.place.path, turn.state.attempt
        ended = memory.ended.get(path)
        if ended is not None and ended[0] == attempt:
            return ended[1]
        refused = memory.refused.get(path)
        if refused is None or refused.attempt != attempt:
            return None
        left = refused.until - self._clock.now()
        return replace(refused.result, after=left) if left > timedelta(0) else None

    def _remember(self, turn: Turn, result: Result, memory: RunMemory) -> None:
        path, attempt = turn.place.path, turn.state.attempt
        if not isinstance(result, Working):
            memory.ended[path] = (attempt, result)
        elif result.anew and result.after is not None:
            # Other nodes of the Run may wake it before: that is no reason to ask again.
            until = self._clock.now() + result.after
            memory.refused[path] = Refused(attempt, until, result)

    async def stop(self, at: Moment, path: str) -> str:
        """End what the node at `path` does, and return what is to be told of it, if anything.

        What cannot be ended is logged: the Run goes on.
        """
        turn = _turn_at(at, path)
        kind = None if turn is None else self._kinds.get(turn.node.envelope.kind)
        if turn is None or kind is None:
            return ""
        try:
            said = await kind.stop(await self._call(turn, at))
            return self._redact(said or "")
        except EXPECTED as error:
            log.warning("%s of %s could not be stopped: %s", path, at.run.key, error)
        except Exception:  # the Run must come to its end whatever one of its nodes does
            log.exception("%s of %s could not be stopped", path, at.run.key)
        return ""

    async def recall(self, at: Moment, path: str) -> None:
        """Get the outputs and objects of a node that succeeded into memory anew, if it can be."""
        turn = _turn_at(at, path)
        kind = None if turn is None else self._kinds.get(turn.node.envelope.kind)
        if turn is None or kind is None or not kind.recalls:
            return
        result, _ = await self._act(turn, at, recalled=True)
        if isinstance(result, Working | Succeeded) and result.outputs is not None:
            at.memory.outputs[path] = result.outputs
            at.memory.applied[path] = result.applied

    async def named(self, at: Moment, place: Place) -> tuple[JsonObject, ...] | str:
        """Return the objects that the node at a place names, by a dry run of it, or why nobody can
        tell: for nodes that did nothing this time, or that another process saw to.
        """
        turn = _turn_at(at, place.path)
        if turn is None:
            return ()
        result, _ = await self._act(turn, replace(at, run=replace(at.run, dry=True)))
        return result.applied if isinstance(result, Succeeded) else result.message

    async def _act(
        self, turn: Turn, at: Moment, *, recalled: bool = False
    ) -> tuple[Result, tuple[PlannedChange, ...]]:
        kind = self._kinds.get(turn.node.envelope.kind)
        if kind is None:
            name = turn.node.envelope.kind
            words = f"nodes of kind {name} are read, but this version of ebbflow cannot run them"
            return Failed(words, final=True), ()
        try:
            if at.run.dry:
                make = partial(self._call, turn, at)
                return await planned(kind, turn.place.path, turn.node.envelope, make, at.memory)
            call = await self._call(turn, at)
            return await kind.act(replace(call, recalled=recalled)), ()
        except EXPECTED as error:
            now, state = self._clock.now(), turn.state
            age = now - (state.attempt_at or state.started_at or now)
            return result_of(error, turn.node.envelope.where, age), ()
        except Exception as error:  # one node's trouble must not stop the nodes beside it
            log.exception("%s of %s failed", turn.place.path, at.run.key)
            return fault_of_ours(error), ()

    async def _call(self, turn: Turn, at: Moment) -> Call[Any]:
        """Render the node's spec and read it as its kind has it. Raises what that raises."""
        envelope, path, state = turn.node.envelope, turn.place.path, turn.state
        context = at.judge.context(path, at.run.source.namespace)
        account = _account(at, path)
        now = self._clock.now()
        begun_at = state.attempt_at or state.started_at or now
        raw = await self._rendered(turn, at, account, begun_at)
        return Call(
            path=path,
            ref=envelope.ref,
            kind=envelope.kind,
            spec=_read_spec(self._kinds[envelope.kind], raw),
            raw=raw,
            attempt=state.attempt,
            attempt_at=begun_at,
            now=now,
            fresh=turn.fresh,
            inherited=at.memory.inherited.get(path) == state.attempt,
            waits=state.phase == "Waiting",
            context=context,
            run=replace(at.run, account=account),
            wanted=at.memory.needs.paths(envelope.ref),
            timeout=turn.settings.timeout,
        )

    async def _rendered(self, turn: Turn, at: Moment, account: Account, now: datetime) -> Any:
        """Evaluate the node's spec; `now` is the time in it. Raises ExpressionError, ObjectError."""
        node, memory, namespace = turn.node, at.memory, at.run.source.namespace
        steps = (*steps_of(node.envelope.where), "spec")
        nesting = TOP.below({"kind": node.envelope.kind}, "spec")
        names = {name for name, _ in references(node.spec, steps, nesting).secrets}
        await self.read_secrets(memory, names, namespace, account)
        scope = memory.scope(turn.place, at.states, now)
        if at.run.dry:
            scope = replace(scope, stand_in=NOT_KNOWN)
        return await self._secrets.complete(
            lambda: memory.random.rendered(
                lambda budget: render(node.spec, scope, budget, steps, nesting), account
            ),
            memory.secrets,
            namespace,
            account,
        )

    async def read_secrets(
        self, memory: RunMemory, names: Collection[str], namespace: str, account: Account
    ) -> None:
        """Read Secrets into the memory, in the tenant's name; those there stay. Raises ObjectError."""
        for name in names:
            if memory.secrets.get(name) is None:
                memory.secrets[name] = await self._secrets.read(namespace, name, account)

    def _take(
        self,
        advance: Advance,
        turn: Turn,
        result: Result,
        at: Moment,
        room: list[int],
    ) -> None:
        """Turn a kind's answer into the node's state, and remember what it came with."""
        path, state, now = turn.place.path, turn.state, self._clock.now()
        memory = at.memory
        if not (isinstance(result, Working) and result.anew):
            memory.begun[path] = state.attempt
        if isinstance(result, Working) and self._goes_on(result, turn.node.envelope):
            result = Succeeded(result.outputs, "", result.applied)
        match result:
            case Working():
                message = self._redact(result.message)
                _keep_working(advance, message, state, result, _account(at, path))
            case Failed(message, final):
                end = failed(state, turn.settings, now, self._redact(message), again=not final)
                advance.states[path] = end
            case Succeeded(outputs, message, applied):
                memory.outputs[path] = outputs
                memory.applied[path] = applied
                shown = kept(outputs, memory.needs.paths(state.ref), room[0])
                room[0] -= _size(shown)
                advance.states[path] = succeeded(state, now, shown, self._redact(message))

    def _goes_on(self, result: Working, envelope: Envelope) -> bool:
        """Tell whether the document goes on although the node's work has not come to its end."""
        if result.anew or result.unmade or self._kinds[envelope.kind].only_waits:
            return False
        return envelope.wait == "none" or (envelope.wait == "running" and result.running)


def _read_spec(kind: ANY_KIND, raw: Any) -> Any:
    """Read a spec as its kind has it. Raises ValidationError, and NotKnownYet where a value that a
    dry run cannot know is the cause.
    """
    try:
        return kind.spec.model_validate(raw)
    except ValidationError as error:
        if not holds_unknown(raw):
            raise
        raise NotKnownYet("a field of the spec is a value of another node") from error


def _keep_working(
    advance: Advance, message: str, state: NodeState, result: Working, account: Account
) -> None:
    """Note what a node waits for, and whose changes it wants to be told."""
    now = (
        waiting(state, message)
        if result.waiting
        else replace(state, phase="Running", message=message)
    )
    if now != state:
        advance.states[state.path] = now
    if result.after is not None:
        advance.after = min(advance.after or result.after, result.after)
    if result.follow:
        if result.made:
            advance.made = _with(advance.made, account, result.follow)
        else:
            advance.others = _with(advance.others, account, result.follow)


def _account(at: Moment, path: str) -> Account:
    """Return who acts at a node: its context's account, where it names one."""
    run = at.run
    try:
        name = at.judge.context(path, run.source.namespace).account
    except ExpressionError:
        return run.account  # the node has failed for it
    return run.account if name is None else Account(run.account.namespace, name)


def _turns(at: Moment) -> Iterable[Turn]:
    for state in at.states.values():
        turn = _turn_at(at, state.path) if state.under_way and state.attempt else None
        if turn is None:
            continue
        settings = at.judge.settings(turn.node, turn.place)
        if isinstance(settings, Invalid):
            settings = Settings()
        fresh = at.memory.begun.get(state.path) != state.attempt
        yield replace(turn, settings=settings, fresh=fresh)


def _turn_at(at: Moment, path: str) -> Turn | None:
    """Return the node at a path, which is not begun anew; None if nothing there acts by itself."""
    found = find(at.memory.tree, path)
    if found is None or not isinstance(found[0], Task):
        return None
    state = at.states.get(path) or NodeState(path, found[0].envelope.kind, "Skipped")
    return Turn(found[0], found[1], state, Settings(), fresh=False)


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
