"""Arguments whose defaults are expressions themselves, resolved in the order that they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from ebbflow.domain.document.invalid import shown
from ebbflow.domain.document.syntax import Json
from ebbflow.domain.expression.errors import ExpressionError
from ebbflow.domain.expression.limits import Budget
from ebbflow.domain.expression.references import references
from ebbflow.domain.expression.render import render
from ebbflow.domain.expression.scope import Scope


def resolve_arguments(
    arguments: Mapping[str, Json], given: Mapping[str, Json], scope: Scope, budget: Budget
) -> dict[str, Json]:
    """Return all arguments of a run.

    `arguments` are the document's, whose expressions are evaluated with the arguments that they
    name; `given` (overrides, a run's own) win and are taken as they are: text from outside never
    becomes an expression. Raises ExpressionError, also for arguments that need each other.
    """
    open_ = {name: value for name, value in arguments.items() if name not in given}
    resolved = dict(given)
    for name in in_order(open_):
        inner = replace(scope, args=resolved)
        resolved[name] = render(open_[name], inner, budget, ("arguments", name))
    return {name: resolved[name] for name in (*arguments, *given)}


def in_order(arguments: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the names, each behind those that its value names. Raises ExpressionError."""
    needs = {
        name: references(value, ("arguments", name)).args & arguments.keys()
        for name, value in arguments.items()
    }
    try:
        return tuple(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle: list[str] = error.args[1]
        names = " → ".join(map(shown, reversed(circle)))
        fault = ExpressionError(
            f"these arguments need each other: {names}; give one of them a value"
        )
        fault.steps = ("arguments", circle[0])
        raise fault from None
