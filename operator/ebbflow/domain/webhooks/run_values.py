"""What a call of a keyed trigger gives the Runs that it starts. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ebbflow.api.gittrigger import GitTrigger
from ebbflow.api.template import Template
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.triggers.values import no_values

WEBHOOK: Final = "webhook"
"""The name under which a Run reads what the call held, as in ${refs.webhook.body.version}."""

Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What a call gives: arguments, values of refs, and the parameters that mean nothing here."""

    arguments: Mapping[str, str] = field(default_factory=dict)
    refs: Mapping[str, Json] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def declared(targets: Iterable[Template]) -> frozenset[str]:
    """Return the names of arguments that any of the targets has, by its document or overrides."""
    names: set[str] = set()
    for target in targets:
        arguments = (target.spec.document or {}).get("arguments")
        names |= set(arguments) if isinstance(arguments, dict) else set()
        names |= {override.name for override in target.spec.argument_overrides}
    return frozenset(names)


def given_by(
    query: Query,
    body: Json,
    delivery: str,
    arguments: Collection[str],
    triggers: Iterable[GitTrigger],
) -> Given:
    """Return what a call gives.

    `arguments`: names that parameters can set; of two of a name the last counts. `triggers`: the
    one that is called and the Git triggers of the same targets, whose values `REF.FIELD=…` sets.
    What nobody sets is empty.
    """
    refs: dict[str, dict[str, Json]] = {
        trigger.spec.ref: {**no_values(trigger.spec)} for trigger in triggers
    }
    taken: dict[str, str] = {}
    ignored: dict[str, None] = {}
    for name, value in query:
        ref, dot, part = name.partition(".")
        if name in arguments:
            taken[name] = value
        elif dot and part in refs.get(ref, ()):
            refs[ref][part] = value
        else:
            ignored[name] = None
    called: Json = {"body": body, "query": dict(query), "delivery": delivery}
    return Given(taken, {**refs, WEBHOOK: called}, tuple(ignored))
