"""What the operator knows of one Run while it works on it: all of it can be found out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ebbflow.api.base import JsonObject
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression import Loop as LoopScope
from ebbflow.domain.expression import Scope
from ebbflow.domain.objects import Account
from ebbflow.domain.runs.content import Content
from ebbflow.domain.runs.outputs import RefNeeds, RefsView
from ebbflow.domain.runs.states import States
from ebbflow.domain.runs.tree import Place, Workflow
from ebbflow.domain.secret import Tainted
from ebbflow.services.generated_secrets import GeneratedSecrets
from ebbflow.services.nodes.kind import Context, Result


@dataclass(slots=True)
class RunMemory:
    """One Run under way.

    `outputs` are whole, by path; `applied` the objects that nodes made, by path; `begun` attempts
    that this process has begun (path, attempt), `ended` how some of them ended, in case that could
    not be written down; `items` those of loops, by path; `contexts` of
    workflows, by path; `secrets` what was read in the tenant's name, None for what is not there.
    """

    content: Content
    tree: Workflow
    account: Account
    arguments: Mapping[str, Json]
    given_refs: Mapping[str, Json]
    needs: RefNeeds
    random: GeneratedSecrets
    outputs: dict[str, Json] = field(default_factory=dict)
    applied: dict[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    begun: set[tuple[str, int]] = field(default_factory=set)
    ended: dict[tuple[str, int], Result] = field(default_factory=dict)
    items: dict[str, list[Json]] = field(default_factory=dict)
    contexts: dict[str, Context] = field(default_factory=dict)
    secrets: dict[str, Mapping[str, Tainted] | None] = field(default_factory=dict)

    def scope(self, place: Place, states: States, now: datetime) -> Scope:
        """Return what an expression at a place can see."""
        loop = None
        if place.loops:
            path, index = place.loops[-1]
            items = self.items.get(path, [])
            loop = LoopScope(items[index] if index < len(items) else None, index)
        return Scope(
            args=self.arguments,
            refs=RefsView(states, self.outputs, self.given_refs, place.path),
            secrets=self.secrets.get,
            loop=loop,
            now=now,
            random_secrets=self.random,
        )
