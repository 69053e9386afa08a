"""Showing Runs: as a table, and live."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import click

from ebbflow.api.run import Run
from ebbflow.cli.following import TIMED_OUT, exit_code, follow_to_end
from ebbflow.cli.options import Where
from ebbflow.cli.output import age, print_objects, print_table
from ebbflow.cli.phases import shown_phase
from ebbflow.cli.problem import Problem, not_found
from ebbflow.cli.run_view import SHORT_COMMIT
from ebbflow.cli.session import LIST_RUNS, Found, Session, converse

HEAD: Final = ("NAME", "SOURCE", "PHASE", "REVISION", "STARTED", "DURATION", "REASON")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which Runs to list; None: whichever."""

    template: str | None = None
    phase: str | None = None
    limit: int | None = None

    def selector(self) -> dict[str, str]:
        """Return the fields to select by, on the API server's side."""
        fields: dict[str, str] = {}
        if self.template is not None:
            fields |= {"spec.source.kind": "Template", "spec.source.name": self.template}
        if self.phase is not None:
            fields["status.phase"] = self.phase
        return fields


def runs(where: Where, wanted: Wanted, output: str | None, *, plain: bool) -> None:
    """Print the Runs that are wanted, newest first."""

    async def talk(session: Session) -> tuple[str, list[Found[Run]]]:
        found = await session.runs(wanted.selector(), everywhere=where.everywhere)
        return session.namespace, found[: wanted.limit]

    namespace, found = converse(where, talk)
    if output is not None:
        print_objects([one.raw for one in found], output)
        return
    if not found:
        place = "" if where.everywhere else f" in namespace {namespace}"
        such = " such" if wanted.selector() else ""
        click.echo(f"There are no{such} Runs{place}", err=True)
        return
    now = datetime.now(UTC)
    rows = [_row(one.model, now, plain=plain) for one in found]
    if where.everywhere:
        places = [one.model.metadata.namespace for one in found]
        print_table(("NAMESPACE", *HEAD), [(p, *r) for p, r in zip(places, rows, strict=True)])
    else:
        print_table(HEAD, rows)


def _row(run: Run, now: datetime, *, plain: bool) -> tuple[str, ...]:
    status, source = run.status, run.spec.source
    phase = status.phase or "Pending"
    place = f" #{status.position}" if status.position else ""
    return (
        run.metadata.name,
        source.name if source.kind == "Template" else f"{source.kind}/{source.name}",
        shown_phase(phase, plain=plain) + place,
        (status.commit or "-")[:SHORT_COMMIT],
        age(status.started_at, now),
        status.duration or "-",
        run.spec.reason or (status.trigger.type if status.trigger else "-"),
    )


def watch(where: Where, name: str, seconds: float | None, *, plain: bool) -> int:
    """Show a Run, or a Template's newest, until it ends; returns the exit code."""

    async def talk(session: Session) -> int:
        ended = await follow_to_end(
            session, await find_run(session, name), plain=plain, seconds=seconds
        )
        return TIMED_OUT if ended is None else exit_code(ended.model)

    return converse(where, talk)


async def find_run(session: Session, name: str) -> str:
    """Return the name of the Run that is meant: of this name, else the newest of the Template.

    Raises Problem if there is none.
    """
    try:
        return (await session.run(name)).model.metadata.name
    except Problem:
        pass
    found = await session.runs(Wanted(template=name).selector())
    if found:
        return found[0].model.metadata.name
    try:
        await session.template(name)
    except Problem:
        raise not_found("Run or Template", name, session.namespace, LIST_RUNS) from None
    raise Problem(
        f"the Template {name} has no Runs",
        f"namespace {session.namespace}",
        f"ebbflow run {name} -n {session.namespace}",
    )
