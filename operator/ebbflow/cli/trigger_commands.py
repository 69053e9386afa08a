"""The commands about triggers, as click reads them; what they do is loaded when they are called."""

from __future__ import annotations

import sys

import click

from ebbflow.cli.completion import ObjectName
from ebbflow.cli.options import Where, cluster_options, output_option, value_option

# Modules with the API client are imported in the commands: `ebbflow why --help` stays quick.


@click.command()
@click.argument("name", type=ObjectName("gittriggers", "templates"))
@click.argument("commit", required=False)
@value_option
@cluster_options()
def why(name: str, where: Where, *, commit: str | None, output: str | None) -> None:
    """Tell what triggers decided, and why.

    NAME is a GitTrigger, or a Template, of which all triggers are shown. With COMMIT (or its first
    digits), only what was decided about it: the exit code is 1 if nothing was.
    """
    from ebbflow.cli import triggers  # noqa: PLC0415

    sys.exit(triggers.why(where, name, commit, output))


@click.command()
@click.argument("name", type=ObjectName("gittriggers"))
@click.option("--reason", metavar="TEXT", help="Why, for people; verdicts repeat it.")
@output_option
@cluster_options()
def pause(name: str, where: Where, *, reason: str | None, output: str | None) -> None:
    """Have a GitTrigger start nothing.

    What happens meanwhile is recorded, and starts nothing later. Runs by hand go on.
    """
    from ebbflow.cli import triggers  # noqa: PLC0415

    triggers.pause(where, name, reason, output)


@click.command()
@click.argument("name", type=ObjectName("gittriggers"))
@output_option
@cluster_options()
def resume(name: str, where: Where, *, output: str | None) -> None:
    """Have a paused GitTrigger start things again."""
    from ebbflow.cli import triggers  # noqa: PLC0415

    triggers.resume(where, name, output)
