"""What the operator knows of one Run while it works on it: all of it can be found out again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from ebbflow.api.base import JsonObject
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import Loop as LoopScope
from ebbflow.domain.expression import Scope
from ebbflow.domain.objects import Account
from ebbflow.domain.runs.content import Content
from ebbflow.domain.runs.once import DoneOnce
from ebbflow.domain.runs.outputs import RefNeeds, RefsView
from ebbflow.domain.runs.states import NodeState, States
from ebbflow.domain.runs.tree import ROOT, Place, Workflow
from ebbflow.domain.secret import Tainted
from ebbflow.services.nodes.kind import Context, Result, Working
from ebbflow.services.runs.generated_secrets import GeneratedSecrets


@dataclass(frozen=True, slots=True)
class Refused:
    """An attempt that the cluster refused for the moment; it begins again at `until`."""

    attempt: int
    until: datetime
    result: Working


@dataclass(slots=True)
class RunMemory:
    """One Run under way. `root`: where its tree begins, which is elsewhere for a teardown.

    By path of nodes: `outputs` are whole; `applied` the objects that they made; `begun` the latest
    attempt that this process has begun, `inherited` those that another one had on record as
    running; `ended` which attempt ended how, in case that could not be written down; `refused`
    which must not be made again yet; `words` what was said last that may not be written down yet;
    `items` those of loops; `contexts` those of workflows.

    `secrets` by name are what was read in the tenant's name, None for what is not there. `once`:
    what other Runs have done once and for all.

    Of a dry run: `undecided` says of nodes, by path, what was not known when they were planned;
    what the `unplanned` would make is not known at all.
    """

    content: Content
    tree: Workflow
    account: Account
    arguments: Mapping[str, Json]
    given_refs: Mapping[str, Json]
    needs: RefNeeds
    random: GeneratedSecrets
    root: Place = ROOT
    once: DoneOnce = field(default_factory=dict)
    dry: bool = False
    undecided: dict[str, str] = field(default_factory=dict)
    unplanned: set[str] = field(default_factory=set)
    outputs: dict[str, Json] = field(default_factory=dict)
    applied: dict[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    inherited: Mapping[str, int] = field(default_factory=dict)
    ended: dict[str, tuple[int, Result]] = field(default_factory=dict)
    refused: dict[str, Refused] = field(default_factory=dict)
    words: dict[str, tuple[int, str]] = field(default_factory=dict)
    items: dict[str, list[Json]] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)
    secrets: dict[str, Mapping[str, Tainted] | None] = field(default_factory=dict)

    def remember_words(self, states: Iterable[NodeState]) -> None:
        """Note what nodes under way say: it is written down every few seconds only."""
        for state in states:
            if state.under_way:
                self.words[state.path] = (state.attempt, state.message)

    def with_words(self, states: States) -> dict[str, NodeState]:
        """Return the states with what their nodes said last, written down or not."""
        return {
            path: replace(state, message=said[1])
            if state.under_way and (said := self.words.get(path)) and said[0] == state.attempt
            else state
            for path, state in states.items()
        }

    def with_notes(self, states: States) -> dict[str, NodeState]:
        """Return the states of a dry run with what was not known when they were planned."""
        return {
            path: replace(state, message=note)
            if not state.message and (note := self.undecided.get(path))
            else state
            for path, state in states.items()
        }

    def forget(self, paths: Iterable[str]) -> None:
        """Drop what is known of nodes in iterations that are finished and written down.

        Of the objects that they made stays what names them.
        """
        for path in paths:
            iteration = path[: path.rfind("]") + 1]
            self.outputs.pop(path, None)
            self.begun.pop(path, None)
            self.ended.pop(path, None)
            self.refused.pop(path, None)
            self.words.pop(path, None)
            self.items.pop(path, None)
            self.contexts.pop(path, None)
            self.contexts.pop(iteration, None)
            if path in self.applied:
                self.applied[path] = tuple(_name_of(made) for made in self.applied[path])

    def scope(self, place: Place, states: States, now: datetime) -> Scope:
        """Return what an expression at a place can see."""
        loop = None
        if place.loops:
            path, index = place.loops[-1]
            items = self.items.get(path, [])
            loop = LoopScope(items[index] if index < len(items) else None, index)
        planned = {state.ref for state in states.values() if state.ref} if self.dry else set()
        return Scope(
            planned=planned,
            args=self.arguments,
            refs=RefsView(states, self.outputs, self.given_refs, place.path),
            secrets=self.secrets.get,
            loop=loop,
            now=now,
            random_secrets=self.random,
        )


def _name_of(made: JsonObject) -> JsonObject:
    metadata = made.get("metadata") or {}
    kept = {key: metadata[key] for key in ("name", "namespace", "uid") if key in metadata}
    return {"apiVersion": made.get("apiVersion"), "kind": made.get("kind"), "metadata": kept}
