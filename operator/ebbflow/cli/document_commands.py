"""The commands about documents, as click reads them; what they do is loaded when they are called."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from ebbflow.cli.arguments import argument_from_option, argument_options
from ebbflow.cli.completion import ObjectName
from ebbflow.cli.durations import DurationType
from ebbflow.cli.options import FAILURE, Where, cluster_options, debug_option, value_option

TROUBLE = 2
"""The exit code of diff(1) where it could not compare."""


@click.command()
@click.argument("name", type=ObjectName("templates"))
@argument_options
@argument_from_option
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What if this file were the one in Git? Needs no access to the repository.",
)
@click.option(
    "--only", type=click.Choice(["sync", "run"]), help="Only the sync with Git, or only a run."
)
@click.option(
    "--timeout", type=DurationType(), default="5m", show_default=True, help="For the dry run."
)
@click.option("--keep", is_flag=True, help="Keep the dry run; absent: it is deleted when shown.")
@click.option(
    "--allow-insecure-http",
    is_flag=True,
    envvar="EBBFLOW_ALLOW_INSECURE_HTTP",
    help="Read http:// repositories too.",
)
@value_option
@cluster_options()
def plan(
    name: str,
    where: Where,
    *,
    arg: tuple[tuple[str, Any], ...],
    arg_json: tuple[tuple[str, Any], ...],
    arg_from: tuple[tuple[str, Any], ...],
    file: Path | None,
    only: str | None,
    timeout: timedelta,
    keep: bool,
    allow_insecure_http: bool,
    output: str | None,
) -> None:
    """Show what would change: in Git, in the Template, and in the cluster by a run.

    NAME is a Template, or a dry run whose stored plan is shown. Both sides of a synced Template are
    compared with your own rights. A dry run of the document then says what a run would create,
    change and delete; nothing is changed.

    Exit codes are diff's: 0 no differences, 1 differences, 2 an error.
    """
    click.get_current_context().meta[FAILURE] = TROUBLE
    from ebbflow.cli import planning, starting, sync_plan  # noqa: PLC0415 - the client loads slowly

    request = starting.Request(
        name, dict((*arg, *arg_json)), dict(arg_from), dry_run=True, reason="ebbflow plan"
    )
    options = planning.Options(
        sync=only != "run",
        run=only != "sync" and file is None,
        file=sync_plan.LocalFile(str(file), file.read_bytes()) if file else None,
        allow_insecure_http=allow_insecure_http,
        seconds=timeout.total_seconds(),
        keep=keep,
    )
    sys.exit(planning.plan(where, request, options, output))


@click.command()
@click.argument("source", metavar="FILE|NAME")
@argument_options
@value_option
@cluster_options()
def render(
    source: str,
    where: Where,
    *,
    arg: tuple[tuple[str, Any], ...],
    arg_json: tuple[tuple[str, Any], ...],
    output: str | None,
) -> None:
    """Print a document with its arguments resolved, and secrets masked.

    A FILE needs no cluster; a NAME is a Template, with its argumentOverrides. What only a run can
    know, such as outputs of nodes, stays as it is written.
    """
    from ebbflow.cli import rendering  # noqa: PLC0415

    rendering.render(where, source, dict((*arg, *arg_json)), output or "yaml")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="How to print problems; github: as annotations of GitHub Actions.",
)
@debug_option
def lint(files: tuple[str, ...], output: str) -> None:
    """Check document files: syntax, structure, expressions, conditions and the specs of nodes.

    A FILE may be a directory, whose .yaml, .yml and .json files are checked; - is standard input.
    Problems are printed as file:line:column: message; the exit code is 1 if there are any.
    """
    click.get_current_context().meta[FAILURE] = TROUBLE
    from ebbflow.cli import linting  # noqa: PLC0415

    sys.exit(linting.lint(files, output))


@click.command()
@click.argument("template", type=ObjectName("templates"))
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    metavar="N",
    default=20,
    show_default=True,
    help="How many.",
)
@click.option("--show", metavar="REVISION", help="Print the document of this revision.")
@value_option
@cluster_options()
def history(
    template: str, where: Where, *, limit: int, show: str | None, output: str | None
) -> None:
    """List the revisions of a Template's document that ran: who, when, which commit, which Runs."""
    from ebbflow.cli import revisions  # noqa: PLC0415

    if show is not None:
        revisions.show(where, template, show, output or "yaml")
    else:
        revisions.history(where, template, limit, output)
