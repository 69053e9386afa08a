"""Starting Runs from the command line, and waiting for their end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import click

from ebbflow.api.base import NAME_MAX_LENGTH, JsonObject
from ebbflow.api.template import Template
from ebbflow.cli.following import TIMED_OUT, exit_code, follow_to_end
from ebbflow.cli.options import Where
from ebbflow.cli.output import hint, print_object
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_tree import OVER
from ebbflow.cli.session import Session, converse
from ebbflow.domain.document.invalid import shown
from ebbflow.domain.expression.errors import hint as did_you_mean

RANDOM_PART: Final = 6
"""Characters that `generateName` may need: the API server's five, and the dash before them."""


@dataclass(frozen=True, slots=True)
class Request:
    """A Run that is asked for. `sources`: where arguments come from, by the argument's name."""

    template: str
    arguments: Mapping[str, Any]
    sources: Mapping[str, JsonObject]
    name: str | None = None
    dry_run: bool = False
    reason: str | None = None

    def spec(self) -> JsonObject:
        """Return the spec of the Run."""
        spec: JsonObject = {"source": {"kind": "Template", "name": self.template}}
        if self.arguments:
            spec["arguments"] = dict(self.arguments)
        if self.sources:
            spec["argumentsFrom"] = [
                {"name": name, "valueFrom": source} for name, source in self.sources.items()
            ]
        if self.dry_run:
            spec["dryRun"] = True
        if self.reason:
            spec["reason"] = self.reason
        return spec


@dataclass(frozen=True, slots=True)
class Waiting:
    """How to wait for a Run's end; `seconds` None for as long as it takes."""

    seconds: float | None
    plain: bool


def run(where: Where, request: Request, waiting: Waiting | None, output: str | None) -> int:
    """Start a Run; returns the exit code. Raises Problem, ClusterError."""

    async def talk(session: Session) -> int:
        template = (await session.template(request.template)).model
        check_names(template, (*request.arguments, *request.sources))
        name = request.name or run_name(request.template)
        return await _start(session, request.spec(), name, waiting, output)

    return converse(where, talk)


def retry(
    where: Where, name: str, reason: str | None, waiting: Waiting | None, output: str | None
) -> int:
    """Start a Run that goes on from an earlier one; returns the exit code. Raises Problem."""

    async def talk(session: Session) -> int:
        found = await session.run(name)
        phase = found.model.status.phase
        if phase == "Succeeded":
            raise Problem(
                f"the Run {name} succeeded: there is nothing to go on with",
                f"namespace {session.namespace}",
                f"ebbflow run {found.model.spec.source.name} -n {session.namespace}",
            )
        if phase not in OVER:
            raise Problem(
                f"the Run {name} has not ended: it is {phase or 'Pending'}",
                f"namespace {session.namespace}",
                f"wait for it, or: ebbflow cancel {name} -n {session.namespace}",
            )
        kept = ("source", "arguments", "argumentsFrom", "dryRun")
        given: JsonObject = found.raw["spec"]
        spec = {key: given[key] for key in kept if given.get(key)}
        spec |= {"retryOf": name, "reason": reason or f"retry of {name}"}
        new_name = run_name(found.model.spec.source.name)
        return await _start(session, spec, new_name, waiting, output)

    return converse(where, talk)


def run_name(template: str) -> str:
    """Return the beginning of the name of a Run; the API server adds a random part."""
    return template[: NAME_MAX_LENGTH - RANDOM_PART].rstrip("-.") + "-"


def check_names(template: Template, names: Collection[str]) -> None:
    """Refuse arguments that nothing in the document could read. Raises Problem.

    The operator takes any argument that a Run gives, so a misspelt one would do nothing, quietly.
    """
    declared = (template.spec.document or {}).get("arguments") or {}
    known = {*declared, *(override.name for override in template.spec.argument_overrides)}
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known)[:20]) or "none"
            raise Problem(
                f"there is no argument {shown(name)}{did_you_mean(name, known)}",
                f"Template {template.metadata.namespace}/{template.metadata.name}",
                f"its arguments: {listed}",
            )


async def _start(
    session: Session, spec: JsonObject, name: str, waiting: Waiting | None, output: str | None
) -> int:
    made = await session.create_run(spec, name=name)
    run_made = made.model.metadata.name
    if waiting is None:
        if output is None:
            click.echo(run_made)
            hint(f"watch it: ebbflow watch {run_made} -n {session.namespace}")
        else:
            print_object(made.raw, output)
        return 0
    if output is None:
        click.echo(run_made)
    ended = await follow_to_end(
        session, run_made, plain=waiting.plain, err=True, seconds=waiting.seconds
    )
    if ended is None:
        return TIMED_OUT
    if output is not None:
        print_object(ended.raw, output)
    return exit_code(ended.model)
