"""The commands about Runs, as click reads them; what they do is loaded when they are called."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from ebbflow.cli.arguments import argument_from_option, argument_options
from ebbflow.cli.completion import NodeName, ObjectName
from ebbflow.cli.durations import DurationType
from ebbflow.cli.options import Where, ascii_option, cluster_options, output_option

if TYPE_CHECKING:
    from ebbflow.cli.starting import Waiting

# Modules with the API client are imported in the commands: `ebbflow run --help` stays quick.

wait_option = click.option(
    "--wait", is_flag=True, help="Follow the Run to its end; exit code 0 if it succeeded, else 1."
)
timeout_option = click.option(
    "--timeout",
    type=DurationType(),
    help="With --wait: give up after this time, with exit code 124; the Run goes on.",
)
PHASES = (
    *("Pending", "Queued", "Running", "Waiting"),
    *("Succeeded", "Failed", "Cancelled", "Skipped"),
)


def _waiting(wait: bool, timeout: timedelta | None, plain: bool) -> Waiting | None:
    from ebbflow.cli.starting import Waiting  # noqa: PLC0415

    if timeout is not None and not wait:
        raise click.UsageError("--timeout is for --wait")
    seconds = timeout.total_seconds() if timeout else None
    return Waiting(seconds, plain=plain) if wait else None


@click.command()
@click.argument("template", type=ObjectName("templates"))
@argument_options
@argument_from_option
@click.option(
    "--name", metavar="NAME", help="The Run's name; absent: the Template's, and a random part."
)
@click.option("--dry-run", is_flag=True, help="Change nothing; status.plan says what would change.")
@click.option("--reason", metavar="TEXT", help="Why, for people.")
@wait_option
@timeout_option
@ascii_option
@output_option
@cluster_options()
def run(
    template: str,
    where: Where,
    *,
    arg: tuple[tuple[str, Any], ...],
    arg_json: tuple[tuple[str, Any], ...],
    arg_from: tuple[tuple[str, Any], ...],
    name: str | None,
    dry_run: bool,
    reason: str | None,
    wait: bool,
    timeout: timedelta | None,
    plain: bool,
    output: str | None,
) -> None:
    """Start a Run of a Template, and print its name.

    Arguments of the command win over those of the Template and its document.
    """
    from ebbflow.cli import starting  # noqa: PLC0415

    request = starting.Request(
        template,
        dict((*arg, *arg_json)),
        dict(arg_from),
        name=name,
        dry_run=dry_run,
        reason=reason,
    )
    sys.exit(starting.run(where, request, _waiting(wait, timeout, plain), output))


@click.command()
@click.argument("run", type=ObjectName("runs"))
@click.option("--reason", metavar="TEXT", help="Why, for people.")
@wait_option
@timeout_option
@ascii_option
@output_option
@cluster_options()
def retry(
    run: str,
    where: Where,
    *,
    reason: str | None,
    wait: bool,
    timeout: timedelta | None,
    plain: bool,
    output: str | None,
) -> None:
    """Start a Run that goes on where an earlier one failed or was cancelled.

    It runs the same document with the same arguments; what succeeded is not done again.
    """
    from ebbflow.cli import starting  # noqa: PLC0415

    sys.exit(starting.retry(where, run, reason, _waiting(wait, timeout, plain), output))


@click.command()
@click.argument("template", required=False, type=ObjectName("templates"))
@click.option(
    "--phase",
    type=click.Choice(PHASES, case_sensitive=False),
    metavar="PHASE",
    help="Only Runs in this phase, such as Failed.",
)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only so many, the newest.")
@ascii_option
@output_option
@cluster_options(everywhere=True)
def runs(
    template: str | None,
    where: Where,
    *,
    phase: str | None,
    limit: int | None,
    plain: bool,
    output: str | None,
) -> None:
    """List Runs, the newest first: all of the namespace, or those of one Template."""
    from ebbflow.cli import listing  # noqa: PLC0415

    listing.runs(where, listing.Wanted(template, phase, limit), output, plain=plain)


@click.command()
@click.argument("name", type=ObjectName("runs", "templates"))
@click.option(
    "--timeout",
    type=DurationType(),
    help="Give up after this time, with exit code 124; the Run goes on.",
)
@ascii_option
@cluster_options()
def watch(name: str, where: Where, *, timeout: timedelta | None, plain: bool) -> None:
    """Show a Run's nodes live until it ends; NAME is a Run, or a Template for its newest Run.

    The exit code is 0 if the Run succeeded, 1 if it ended otherwise. Without a terminal each
    change is one line.
    """
    from ebbflow.cli import listing  # noqa: PLC0415

    sys.exit(listing.watch(where, name, timeout.total_seconds() if timeout else None, plain=plain))


@click.command()
@click.argument("name", type=ObjectName("runs", "templates"))
@click.argument("node", required=False, type=NodeName("name"))
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the Run ends.")
@click.option(
    "-c",
    "--container",
    metavar="NAME",
    help="The container; absent: the one that failed, or the first.",
)
@click.option(
    "--tail", type=click.IntRange(0), metavar="N", help="Only so many lines of each, the last."
)
@cluster_options()
def logs(
    name: str,
    node: str | None,
    where: Where,
    *,
    follow: bool,
    container: str | None,
    tail: int | None,
) -> None:
    """Show the logs of the pods that a Run's nodes started, with your own rights.

    NAME is a Run, or a Template for its newest Run; NODE is the ref or path of a node, absent: all,
    each line with its node before it. With -f the exit code is 0 if the Run succeeded, else 1.
    """
    from ebbflow.cli import logs as showing  # noqa: PLC0415

    wanted = showing.Wanted(node, container, tail)
    sys.exit(showing.logs(where, name, wanted, follow=follow))


@click.command()
@click.argument("run", type=ObjectName("runs"))
@click.option("--wait", is_flag=True, help="Wait until it has stopped.")
@output_option
@cluster_options()
def cancel(run: str, where: Where, *, wait: bool, output: str | None) -> None:
    """Stop a Run; what it has made stays. It cannot be taken back, but `retry` goes on from there."""
    from ebbflow.cli import deciding  # noqa: PLC0415

    sys.exit(deciding.cancel(where, run, output, wait=wait))


node_option = click.option(
    "--node",
    type=NodeName("run", kind="Approval"),
    metavar="NODE",
    help="The Approval node: its ref, or its path such as 0.2; absent: the one that waits.",
)
message_option = click.option("-m", "--message", metavar="TEXT", help="Why.")


@click.command()
@click.argument("run", type=ObjectName("runs"))
@node_option
@message_option
@output_option
@cluster_options()
def approve(
    run: str, where: Where, *, node: str | None, message: str | None, output: str | None
) -> None:
    """Approve what a Run waits for, in your own name."""
    from ebbflow.cli import deciding  # noqa: PLC0415

    deciding.say(where, run, deciding.Said("Approve", node, message), output)


@click.command()
@click.argument("run", type=ObjectName("runs"))
@node_option
@message_option
@output_option
@cluster_options()
def reject(
    run: str, where: Where, *, node: str | None, message: str | None, output: str | None
) -> None:
    """Reject what a Run waits for, in your own name: the node fails."""
    from ebbflow.cli import deciding  # noqa: PLC0415

    deciding.say(where, run, deciding.Said("Reject", node, message), output)
