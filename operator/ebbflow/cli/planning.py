"""`ebbflow plan`: both directions, and what a run would change, in words."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import click

from ebbflow.api.template import FieldConflict, Template
from ebbflow.cli.options import Where
from ebbflow.cli.output import harmless, print_value
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_plan import RunPlan, dry_run, ordered, stored_plan
from ebbflow.cli.session import Session, converse
from ebbflow.cli.starting import Request, check_names
from ebbflow.cli.sync_plan import LocalFile, SyncPlan, plan_sync
from ebbflow.domain.plan import FieldChange
from ebbflow.domain.runs.planned import NOT_KNOWN

DIFFERENT: Final = 1
SAME: Final = 0

SIGNS: Final = {"create": "+", "update": "~", "delete": "-"}
STYLES: Final = {"+": "green", "~": "yellow", "-": "red"}
INLINE: Final = 60
"""Characters of both values that still go on one line with the field."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to plan, and how. `file` stands in for the one in Git."""

    sync: bool
    run: bool
    file: LocalFile | None
    allow_insecure_http: bool
    seconds: float
    keep: bool


def plan(where: Where, request: Request, options: Options, output: str | None) -> int:
    """Show what a sync and a run would change; returns diff's exit code. Raises Problem."""

    async def talk(session: Session) -> tuple[SyncPlan | None, RunPlan | None]:
        try:
            template = (await session.template(request.template)).model
        except Problem as missing:
            return None, await _stored(session, request.template, missing)
        return await _plan(session, template, request, options)

    sync, run = converse(where, talk)
    differs = bool((sync and sync.differs) or (run and run.differs))
    if output is not None:
        value = {
            "differs": differs,
            "sync": sync.dump() if sync else None,
            "run": run.dump() if run else None,
        }
        print_value(value, output)
        return DIFFERENT if differs else SAME
    for line in (*sync_lines(sync), *run_lines(run)):
        click.echo(line)
    if not differs:
        click.echo("No differences")
    return DIFFERENT if differs else SAME


async def _stored(session: Session, name: str, missing: Problem) -> RunPlan:
    try:
        found = await session.run(name)
    except Problem:
        raise missing from None
    return stored_plan(found.model)


async def _plan(
    session: Session, template: Template, request: Request, options: Options
) -> tuple[SyncPlan | None, RunPlan | None]:
    check_names(template, (*request.arguments, *request.sources))
    sync = run = None
    if options.sync:
        sync = await plan_sync(
            session, template, options.file, allow_insecure_http=options.allow_insecure_http
        )
    if options.run and template.spec.document:
        run = await dry_run(session, request, seconds=options.seconds, keep=options.keep)
    return sync, run


def sync_lines(plan: SyncPlan | None) -> Iterator[str]:
    """Yield what a sync would do, for people; nothing for a Template without Git."""
    if plan is None:
        return
    at = f" at {plan.commit[:7]}" if plan.commit else ""
    yield f"Git      {harmless(plan.place)}{at}"
    if plan.blocked is not None:
        yield _styled(f"Blocked  {harmless(plan.blocked)}", "red")
        for conflict in plan.conflicts:
            yield from _conflict_lines(conflict)
    if plan.to_cluster:
        yield f"Git → cluster: {_count(plan.to_cluster, 'field')} of spec.document would change"
        yield from _field_lines(plan.to_cluster)
    if plan.to_git or plan.creates_file:
        did = "the file would be created" if plan.creates_file else "would be committed"
        yield f"Cluster → Git: {_count(plan.to_git, 'field')}; {did}"
        yield from _field_lines(plan.to_git)
    if plan.more:
        yield f"  and {plan.more} more fields"
    if not plan.differs:
        yield "         in step"


def run_lines(plan: RunPlan | None) -> Iterator[str]:
    """Yield what a run would do, for people; nothing if that was not asked."""
    if plan is None:
        return
    counts = (
        f"{plan.count('create')} to create, {plan.count('update')} to change, "
        f"{plan.count('delete')} to delete, {plan.count('none')} as they should be"
    )
    yield f"A run    {counts}"
    for change in ordered(plan.changes):
        sign = SIGNS[change.action]
        yield _styled(f"  {sign} {harmless(change.object)}", STYLES[sign])
        fields = [FieldChange(f.path, f.from_, f.to) for f in change.fields or ()]
        if change.action == "update":
            yield from _field_lines(fields, "      ")
        for field in fields if change.action == "create" else ():
            if NOT_KNOWN in (field.after or ""):
                yield f"      {harmless(field.path)}   {_value(field.after)}"
    if plan.more:
        yield f"  and {plan.more} more objects"
    for note in plan.notes:
        yield f"  ? {harmless(note)}"


def _field_lines(fields: Iterable[FieldChange], lead: str = "    ") -> Iterator[str]:
    for field in fields:
        before, after = _value(field.before), _value(field.after)
        if len(before) + len(after) <= INLINE:
            yield f"{lead}{harmless(field.path)}   {before} → {after}"
            continue
        yield f"{lead}{harmless(field.path)}"
        yield _styled(f"{lead}  - {before}", "red")
        yield _styled(f"{lead}  + {after}", "green")


def _conflict_lines(conflict: FieldConflict) -> Iterator[str]:
    yield f"    {harmless(conflict.path)}"
    for side, value in (("cluster", conflict.cluster), ("git", conflict.git)):
        yield f"      {side:<8} {_value(value)}"


def _value(text: str | None) -> str:
    return "(absent)" if text is None else harmless(text)


def _count(items: tuple[object, ...], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def _styled(text: str, colour: str) -> str:
    # click takes the colour off again where the output is no terminal; https://no-color.org
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour)
