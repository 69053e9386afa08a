"""`ebbflow history`: the revisions of a document that ran, and what each one changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import click

from ebbflow.api.base import JsonObject
from ebbflow.api.run import Run
from ebbflow.api.template import Template
from ebbflow.cli.differences import document_changes
from ebbflow.cli.options import Where
from ebbflow.cli.output import age, print_table, print_value
from ebbflow.cli.problem import Problem
from ebbflow.cli.run_view import SHORT_COMMIT
from ebbflow.cli.session import Session, converse
from ebbflow.domain.document import document_hash

HEAD: Final = ("REVISION", "WHEN", "BY", "COMMIT", "RUNS", "CHANGED")
SHOWN_RUNS: Final = 3
SHOWN_PATHS: Final = 2


@dataclass(frozen=True, slots=True)
class Revision:
    """One document that ran. `by`: who made it what it is, as far as known; runs newest first."""

    name: str
    document: JsonObject
    commit: str | None
    by: str | None
    since: str
    runs: tuple[Run, ...]
    changed: tuple[str, ...] = ()
    current: bool = False

    @property
    def short(self) -> str:
        """The last part of its name, which tells it from the Template's others."""
        return self.name.rpartition("-")[2]

    def dump(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "revision": self.short,
            "controllerRevision": self.name,
            "since": self.since,
            "by": self.by,
            "commit": self.commit,
            "current": self.current,
            "changed": list(self.changed),
            "runs": [{"name": run.metadata.name, "phase": run.status.phase} for run in self.runs],
        }


def history(where: Where, name: str, limit: int, output: str | None) -> None:
    """Print the newest revisions. Raises Problem."""
    found = converse(where, lambda session: _revisions(session, name, limit))
    if output is not None:
        print_value([revision.dump() for revision in found], output)
        return
    if not found:
        click.echo(f"No document of the Template {name} has run yet", err=True)
        return
    now = datetime.now(UTC)
    print_table(HEAD, [_row(revision, now) for revision in found])


def show(where: Where, name: str, revision: str, output: str) -> None:
    """Print the document of one revision. Raises Problem if there is none of this name."""
    found = converse(where, lambda session: _revisions(session, name, None))
    for one in found:
        if revision in (one.short, one.name):
            print_value(one.document, output)
            return
    raise Problem(
        f"there is no revision {revision} of the Template {name}",
        "only documents that ran are kept, as long as their Runs",
        f"`ebbflow history {name}` lists them",
    )


async def _revisions(session: Session, name: str, limit: int | None) -> list[Revision]:
    template = (await session.template(name)).model
    fields = {"spec.source.kind": "Template", "spec.source.name": name}
    runs = [found.model for found in await session.runs(fields)]
    found: list[Revision] = []
    # One more than wanted: the last one shown is compared with its predecessor.
    for group in _by_document(runs)[: None if limit is None else limit + 1]:
        content = await session.document(group[0])
        if content is not None:
            found.append(_revision(group, content))
    return compared(found, template)[:limit]


def _by_document(runs: Iterable[Run]) -> list[list[Run]]:
    """Group Runs, which come newest first, by the document that they ran."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        if run.status.document_ref is not None:
            groups.setdefault(run.status.document_ref.name, []).append(run)
    return list(groups.values())


def _revision(runs: list[Run], content: JsonObject) -> Revision:
    first = runs[-1]
    reference = first.status.document_ref
    return Revision(
        name=reference.name if reference else "",
        document=content.get("document") or {},
        commit=content.get("commit"),
        by=content.get("editor"),
        since=first.metadata.creation_timestamp or "",
        runs=tuple(runs),
    )


def compared(newest_first: list[Revision], template: Template) -> list[Revision]:
    """Say of each revision what it changed against the one before it, and which one holds now."""
    current = document_hash(template.spec.document) if template.spec.document else None
    olds = [*newest_first[1:], None]
    return [
        replace(
            revision,
            changed=_changed(old, revision) if old is not None else (),
            current=document_hash(revision.document) == current,
        )
        for revision, old in zip(newest_first, olds, strict=True)
    ]


def _changed(old: Revision, new: Revision) -> tuple[str, ...]:
    fields, _ = document_changes(old.document, new.document)
    return tuple(field.path for field in fields)


def _row(revision: Revision, now: datetime) -> tuple[str, ...]:
    runs = [f"{run.metadata.name} {run.status.phase}" for run in revision.runs[:SHOWN_RUNS]]
    return (
        revision.short + (" (now)" if revision.current else ""),
        age(revision.since or None, now),
        revision.by or "-",
        (revision.commit or "-")[:SHORT_COMMIT],
        _listed(runs, len(revision.runs)),
        _listed(list(revision.changed[:SHOWN_PATHS]), len(revision.changed)) or "-",
    )


def _listed(shown: list[str], total: int) -> str:
    more = total - len(shown)
    return ", ".join(shown) + (f", +{more}" if more else "")
